#include "algorithms/dagger_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <string_view>

#include "engine/device.h"
#include "engine/metrics.h"
#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

BetaSchedule parse_beta(const std::string& name) {
  if (name == "indicator") return BetaSchedule::indicator;
  if (name == "exponential") return BetaSchedule::exponential;
  if (name == "linear") return BetaSchedule::linear;
  throw input_error("--beta " + name, "is not a schedule", "give indicator, exponential or linear");
}

void make_absolute(std::string& path) {
  std::error_code ignored;
  if (!path.empty() && fs::exists(path, ignored)) path = fs::absolute(path).lexically_normal().string();
}

std::string text_of(const DaggerReport& report) {
  std::string text = fmt::format("iteration {}: {} rows", report.iteration, report.rows);
  if (report.iteration > 0) text += fmt::format(", {} queries, beta {:.3g}", report.queries, report.beta);
  if (report.rollout_return) text += fmt::format(", rollout return {:.5g}", *report.rollout_return);
  if (report.disagreement) text += fmt::format(", disagreement {:.4g}", *report.disagreement);
  text += fmt::format(", loss {:.4g}", report.training.training_loss);
  if (report.evaluation) {
    text += fmt::format(", return {:.5g}{}", report.evaluation->return_mean, report.best ? " (best)" : "");
  }
  return text;
}

void write_metrics(MetricsWriter& metrics, const DaggerReport& report) {
  std::vector<Metric> values{{"beta", report.beta},
                             {"queries", static_cast<double>(report.queries)},
                             {"training_loss", report.training.training_loss}};
  if (report.training.validation) values.push_back({"validation_loss", report.training.validation->loss});
  if (report.rollout_return) values.push_back({"rollout_return", *report.rollout_return});
  if (report.disagreement) values.push_back({"disagreement", *report.disagreement});
  if (report.evaluation) {
    values.push_back({"return_mean", report.evaluation->return_mean});
    if (report.evaluation->normalized_mean) values.push_back({"normalized_mean", *report.evaluation->normalized_mean});
  }
  metrics.write(report.rows, report.iteration, values);
}

/// What is there of an iteration whose rollout has no end.
Demonstrations unfinished_data(const RunFolder& run, Index iteration) {
  const fs::path file = run.data_path(iteration, true);
  return fs::exists(file) ? load_demonstrations(file) : Demonstrations{};
}

/// What a run keeps while DAgger works.
class Keeper {
 public:
  Keeper(const RunFolder& run, MetricsWriter& metrics, Dagger& dagger, const DaggerSettings& settings,
         ProgressObserver& progress, const std::atomic<bool>* stop)
      : run_(&run),
        metrics_(&metrics),
        dagger_(&dagger),
        iterations_(settings.dagger.iterations),
        seconds_(settings.learner.checkpoint_seconds),
        progress_(&progress),
        stop_(stop) {}

  Dagger::Observer observer() {
    Dagger::Observer observer;
    observer.labelled = [this](Index iteration, const Demonstrations& data) { run_->save_data(iteration, data); };
    observer.unfinished = [this](Index iteration, const Demonstrations& data) { keep_unfinished(iteration, data); };
    observer.acting = [this](Index iteration, const std::function<Demonstrations()>& labelled) {
      keep_running(iteration, labelled);
      return !stopped();
    };
    observer.epoch = [this](Index, const EpochReport&) { return !stopped(); };
    observer.iteration = [this](const DaggerReport& report) { return after_iteration(report); };
    return observer;
  }

 private:
  bool stopped() const { return stop_ != nullptr && stop_->load(); }

  /// For a kill. An earlier attempt at the same iteration may have come further.
  void keep_running(Index iteration, const std::function<Demonstrations()>& labelled) {
    const Clock::time_point now = Clock::now();
    if (std::chrono::duration<double>(now - last_kept_).count() < seconds_) return;
    last_kept_ = now;
    keep_longer(iteration, labelled());
  }
  void keep_unfinished(Index iteration, const Demonstrations& data) {
    keep_longer(iteration, data);
    progress_->warning(fmt::format("{} states that were labelled in iteration {}, which has no end, are kept in {}",
                                   data.rows(), iteration, run_->data_path(iteration, true).string()));
  }
  void keep_longer(Index iteration, const Demonstrations& data) const {
    if (data.rows() > unfinished_data(*run_, iteration).rows()) run_->save_data(iteration, data, true);
  }

  bool after_iteration(const DaggerReport& report) {
    progress_->message(text_of(report));
    progress_->advanced(report.iteration, fmt::format("{} queries", report.queries));
    write_metrics(*metrics_, report);
    metrics_->sync();
    SafetensorsFile state = dagger_->save();
    state.metadata["step"] = std::to_string(report.rows);
    run_->save_checkpoint(state);
    return report.iteration >= iterations_ || !stopped();
  }

  const RunFolder* run_;
  MetricsWriter* metrics_;
  Dagger* dagger_;
  Index iterations_;
  double seconds_;  ///< Between copies of what is labelled in a rollout.
  ProgressObserver* progress_;
  const std::atomic<bool>* stop_;
  Clock::time_point last_kept_ = Clock::now();
};

DaggerOutcome train(const DaggerSettings& settings, const DaggerWorld& world, const RunFolder& run,
                    MetricsWriter& metrics, Dagger& dagger, const Demonstrations* initial, ProgressObserver& progress,
                    const std::atomic<bool>* stop) {
  const auto start = Clock::now();
  progress.started(settings.dagger.iterations, "dagger");
  Keeper keeper(run, metrics, dagger, settings, progress, stop);
  DaggerOutcome outcome;
  outcome.result = dagger.fit(initial, keeper.observer());
  progress.finished();
  if (!outcome.result.interrupted) {
    metrics.sync();
    run.save_policy(dagger.policy().to_file());
  }
  outcome.policy = run.policy_path();
  outcome.task = world.task->description().text();
  outcome.device = device_name(choose_device(settings.learner.device));
  outcome.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return outcome;
}

/// The initial demonstrations, found good for the task; nothing where there are none.
std::optional<Demonstrations> initial_data(const DaggerSettings& settings, const Task& task) {
  if (settings.learner.data.empty()) return std::nullopt;
  Demonstrations demonstrations = load_data(settings.learner);
  PolicyDescription ignored;
  describe_task(task, demonstrations, ignored);
  return demonstrations;
}

/// What the run has labelled: the initial demonstrations, without rows if there are none, then an entry an iteration.
std::vector<Demonstrations> labelled_data(const RunFolder& run) {
  std::vector<Demonstrations> labelled(1);
  if (fs::exists(run.data_path(0))) labelled[0] = load_demonstrations(run.data_path(0));
  for (Index i = 1; fs::exists(run.data_path(i)); ++i) labelled.push_back(load_demonstrations(run.data_path(i)));
  return labelled;
}

Index step_of(const SafetensorsFile& checkpoint) {
  const std::string& text = checkpoint.metadata_at("step");
  Index step = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), step);
  if (parsed.ec == std::errc{} && step >= 0) return step;
  throw input_error(checkpoint.origin, "says nothing of its step", "remove the checkpoint and resume again");
}

}  // namespace

OptionTable DaggerSettings::table() {
  OptionTable table;
  table.add("expert", &expert, "Who is imitated: expert (built in), a run folder, a policy file or \"command:LINE\"");
  table.add("expert-command", &expert_command,
            "A program that is asked in the expert's place, run by /bin/sh: a line {\"task\": ..., \"observations\": "
            "[[...], ...]} comes to its standard input, it answers with a line {\"actions\": [[...], ...]}, or class "
            "numbers for discrete actions");
  table.add("expert-timeout", &expert_timeout, "Seconds that an answer of the command may take");
  rules.add_to(table);
  table.add("iterations", &dagger.iterations, "Rounds of acting, asking and training, at most");
  table.add("episodes", &dagger.episodes, "Episodes a round, at most");
  table.add("steps", &dagger.steps, "States a round that the expert labels, at most; 0: all of its episodes");
  table.add("queries", &dagger.queries, "States that the expert labels in all; 0: no limit");
  table.add("beta", &beta,
            "How often the expert acts itself in round i, initial data being the first: indicator (in the first only), "
            "exponential (p^(i - 1)) or linear (1 - (i - 1) / n)");
  table.add("beta-decay", &dagger.beta_decay, "p of the exponential schedule");
  table.add("beta-iterations", &dagger.beta_iterations, "n of the linear schedule");
  table.add("warm-start", &dagger.warm_start, "Begin each training with the weights of the one before");
  table.add("updates", &dagger.updates,
            "Optimizer steps of each training, in whole epochs, in the place of epochs; 0: epochs");
  table.add("evaluation-episodes", &dagger.evaluation_episodes, "Of each policy by itself; 0: none");
  table.add("keep-best-iteration", &dagger.keep_best, "Keep the policy with the best evaluation, else the last one");
  table.add("validation-fraction", &dagger.validation_fraction,
            "Part of the data that is held out in each training, for its early stop; 0: none");
  const std::map<std::string, std::string, std::less<>> meanings{
      {"data", "Initial demonstrations: .npz, .csv or .jsonl; none: the expert acts in the first round"},
      {"task", "Name of the task"},
      {"epochs", "Of each training: passes over the rows, at most"},
      {"checkpoint-seconds", "Seconds between copies of what the expert has labelled in a round that goes on"},
      {"seed", "Of the weights, the order of rows, the episodes and the mixture"}};
  constexpr std::array<std::string_view, 5> not_here{"population", "tuning", "split-seed", "validation-fraction",
                                                     "checkpoint-every"};
  const OptionTable of_training = learner.table();
  for (const OptionTable::Option& option : of_training.options()) {
    if (std::find(not_here.begin(), not_here.end(), option.name) != not_here.end()) continue;
    const auto meaning = meanings.find(option.name);
    table.add(option.name, option.place, meaning == meanings.end() ? option.help : meaning->second);
  }
  return table;
}

void DaggerSettings::resolve() {
  learner.parse_words();
  dagger.beta = parse_beta(beta);
  dagger.cloning = learner.cloning;
  dagger.validate();
  if (!expert_command.empty() && expert != "expert") {
    throw input_error("--expert-command", "there is an --expert, too", "give one of the two");
  }
  if (learner.task.empty()) throw input_error("--task", "is missing", "DAgger acts: name the task");
  rules.make_files_absolute();
  make_task_absolute(learner, rules.options());
  if (expert != "expert" && expert != "random") make_absolute(expert);  // whatever files are called so
  make_absolute(learner.data);
}

DaggerOutcome run_dagger(DaggerSettings settings, const DaggerWorldMaker& make_world, const fs::path& out,
                         bool overwrite, ProgressObserver& progress, const std::atomic<bool>* stop) {
  settings.resolve();
  const DaggerWorld world = make_world(settings);
  const std::optional<Demonstrations> initial = initial_data(settings, *world.task);
  Dagger dagger(choose_device(settings.learner.device), *world.task, world.expert, settings.dagger);
  const RunFolder run = RunFolder::create(out, to_toml(settings.table().to_config()),
                                          overwrite ? RunFolder::Existing::overwrite : RunFolder::Existing::refuse);
  MetricsWriter metrics(run.path());
  return train(settings, world, run, metrics, dagger, initial ? &*initial : nullptr, progress, stop);
}

bool is_dagger_run(const RunFolder& run) {
  return run.config().find("\nbeta = ") != std::string::npos;  // no other algorithm has this option
}

DaggerOutcome resume_dagger(const fs::path& path, const DaggerWorldMaker& make_world, ProgressObserver& progress,
                            const std::atomic<bool>* stop) {
  const RunFolder run = RunFolder::open(path, RunFolder::Access::write);
  if (fs::exists(run.policy_path())) {
    throw input_error(path.string(), "this run is finished: its policy is " + run.policy_path().string(),
                      "evaluate it with `mynah evaluate " + path.string() + "`, or train a new run");
  }
  DaggerSettings settings;
  OptionTable table = settings.table();
  table.apply(parse_toml_config(run.config(), run.config_path().string(), table.names()));
  settings.resolve();
  const DaggerWorld world = make_world(settings);
  Dagger dagger(choose_device(settings.learner.device), *world.task, world.expert, settings.dagger);
  const auto checkpoint = run.load_checkpoint();
  std::vector<Demonstrations> labelled = labelled_data(run);
  std::optional<Demonstrations> initial;
  if (!checkpoint && labelled[0].rows() == 0) initial = initial_data(settings, *world.task);
  Demonstrations unfinished = unfinished_data(run, static_cast<Index>(labelled.size()));
  dagger.load(checkpoint ? &*checkpoint : nullptr, std::move(labelled), std::move(unfinished));
  if (!checkpoint) {
    progress.message("no iteration has ended yet: starting from the beginning");
    MetricsWriter metrics(run.path());
    return train(settings, world, run, metrics, dagger, initial ? &*initial : nullptr, progress, stop);
  }
  progress.message(fmt::format("resuming after {} rows", step_of(*checkpoint)));
  MetricsWriter metrics(run.path(), step_of(*checkpoint));
  return train(settings, world, run, metrics, dagger, nullptr, progress, stop);
}

}  // namespace mynah
