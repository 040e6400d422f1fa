#include "algorithms/behaviour_cloning_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>

#include "algorithms/tasks/task.h"
#include "engine/atomic_file.h"
#include "engine/crc32c.h"
#include "engine/device.h"
#include "engine/file_bytes.h"
#include "engine/linear_tuning.h"
#include "engine/metrics.h"
#include "engine/precision_option.h"
#include "engine/run_folder.h"
#include "engine/split.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

LoadOptions load_options(const std::string& actions) {
  LoadOptions options;
  if (actions == "discrete") {
    options.actions = LoadOptions::Actions::discrete;
  } else if (actions == "continuous") {
    options.actions = LoadOptions::Actions::continuous;
  } else if (actions != "auto") {
    throw input_error("--actions " + actions, "is not a kind of action", "give auto, discrete or continuous");
  }
  return options;
}

void check(const BehaviourCloningSettings& settings) {
  const auto require = [](bool holds, const std::string& option, const std::string& value, const char* remedy) {
    if (!holds) throw input_error("--" + option + " " + value, "is not possible", remedy);
  };
  require(settings.rows >= 0, "rows", std::to_string(settings.rows), "give a number of rows, or 0 for all");
  require(settings.first_row >= 0, "first-row", std::to_string(settings.first_row), "count rows from 0");
  require(settings.split_seed >= -1, "split-seed", std::to_string(settings.split_seed),
          "give a whole number from 0 on, or -1 for --seed");
  require(settings.checkpoint_every >= 0, "checkpoint-every", std::to_string(settings.checkpoint_every),
          "give a number of epochs, or 0 for --checkpoint-seconds");
  require(settings.checkpoint_seconds >= 0.0, "checkpoint-seconds", fmt::format("{:g}", settings.checkpoint_seconds),
          "give 0 or a number of seconds");
}

/// Tells a run that its data are still the same.
std::string fingerprint(const std::filesystem::path& path) {
  const std::string bytes = read_file_bytes(path);
  return fmt::format("{:08x}:{}", crc32c(std::as_bytes(std::span(bytes))), bytes.size());
}

/// The data, split and on the device, and the algorithm over them.
struct Job {
  Job(const BehaviourCloningSettings& settings, ProgressObserver& progress) {
    const Demonstrations demonstrations = load_data(settings);
    data_fingerprint = fingerprint(settings.data);
    const PopulationAxes axes =
        settings.population.empty() ? PopulationAxes{} : PopulationAxes::parse(settings.population);
    SplitOptions split_options;
    split_options.validation_fraction = axes.folds > 0 ? 0.0 : settings.validation_fraction;
    split_options.seed =
        settings.split_seed < 0 ? settings.cloning.seed : static_cast<std::uint64_t>(settings.split_seed);
    const DataSplit split = split_by_episode(demonstrations, split_options);
    if (!split.warning.empty()) progress.warning(split.warning);
    progress.message(axes.folds == 0 ? split.description
                                     : fmt::format("{} episodes ({} rows) in {} folds: a member for each trains on the "
                                                   "others and validates on it",
                                                   demonstrations.episodes(), split.train.size(), axes.folds));
    const DeviceId device = choose_device(settings.device);
    if (settings.device == "auto" && device.backend == Backend::cpu) {
      progress.message("using the " + device_name(device) + ": " + cuda_unavailable_reason());
    }
    PolicyDescription names;
    if (!settings.task.empty())
      describe_task(*make_task(settings.task, {.model = settings.model}), demonstrations, names);
    if (settings.population.empty()) {
      cloning = std::make_unique<BehaviourCloning>(device, demonstrations, split.train, split.validation,
                                                   settings.cloning, std::move(names));
    } else {
      population = std::make_unique<CloningPopulation>(device, demonstrations, split.train, split.validation,
                                                       settings.cloning, axes, names, split_options.seed);
    }
  }
  SafetensorsFile save() const { return cloning ? cloning->save() : population->save(); }
  void load(const SafetensorsFile& state) const { cloning ? cloning->load(state) : population->load(state); }
  Policy& policy() const { return cloning ? cloning->policy() : population->member(0).policy(); }

  std::unique_ptr<BehaviourCloning> cloning;  ///< Or
  std::unique_ptr<CloningPopulation> population;
  std::string data_fingerprint;
};

void save_checkpoint(const RunFolder& run, MetricsWriter& metrics, const Job& job, Index step) {
  metrics.sync();  // a checkpoint never knows of more than the metrics
  SafetensorsFile state = job.save();
  state.metadata["data"] = job.data_fingerprint;
  state.metadata["step"] = std::to_string(step);
  run.save_checkpoint(state);
}

std::string progress_text(const EpochReport& report) {
  std::string text = fmt::format("loss {:.5g}", report.training_loss);
  if (report.validation) {
    text += fmt::format("  validation {:.5g}", report.validation->loss);
    if (report.validation->accuracy > 0) text += fmt::format("  accuracy {:.4f}", report.validation->accuracy);
    if (report.validation->squared_error)
      text += fmt::format("  squared error {:.5g}", *report.validation->squared_error);
  }
  return text;
}

void write_metrics(MetricsWriter& metrics, const EpochReport& report, bool discrete) {
  std::vector<Metric> values{{"training_loss", report.training_loss}};
  if (report.validation) {
    values.push_back({"validation_loss", report.validation->loss});
    if (discrete) values.push_back({"validation_accuracy", report.validation->accuracy});
    if (report.validation->squared_error) values.push_back({"validation_mse", *report.validation->squared_error});
  }
  metrics.write(report.steps, report.epoch, values);
}

/// What happens after every epoch besides the training: progress, checkpoints, and whether to stop.
class Supervision {
 public:
  Supervision(const BehaviourCloningSettings& settings, const RunFolder& run, MetricsWriter& metrics, const Job& job,
              ProgressObserver& progress, const std::atomic<bool>* stop)
      : settings_(&settings), run_(&run), metrics_(&metrics), job_(&job), progress_(&progress), stop_(stop) {
    progress.started(settings.cloning.epochs, "training");
  }

  /// Returns false where training is to be interrupted.
  template <class Text>
  bool after_epoch(Index epoch, Index steps, const Text& text) {
    if (progress_->wants_update() || epoch == settings_->cloning.epochs) progress_->advanced(epoch, text());
    interrupted_ = stop_ != nullptr && stop_->load() && epoch < settings_->cloning.epochs;
    const bool due = settings_->checkpoint_every > 0 ? epoch % settings_->checkpoint_every == 0
                                                     : seconds_since(last_checkpoint_) >= settings_->checkpoint_seconds;
    if (due || interrupted_) {
      save_checkpoint(*run_, *metrics_, *job_, steps);
      last_checkpoint_ = Clock::now();
    }
    return !interrupted_;
  }
  bool interrupted() const { return interrupted_; }

 private:
  const BehaviourCloningSettings* settings_;
  const RunFolder* run_;
  MetricsWriter* metrics_;
  const Job* job_;
  ProgressObserver* progress_;
  const std::atomic<bool>* stop_;
  Clock::time_point last_checkpoint_ = Clock::now();
  bool interrupted_ = false;
};

/// Means over the members that train, and the best of them.
struct PopulationMetrics {
  explicit PopulationMetrics(const CloningPopulation::Report& report) {
    const auto count = static_cast<double>(report.each.size());
    for (const EpochReport& one : report.each) {
      training_loss += one.training_loss / count;
      if (!one.validation) continue;
      validation_loss += one.validation->loss / count;
      best_validation_loss = std::min(best_validation_loss, one.validation->loss);
      validated = true;
    }
    training = static_cast<Index>(report.each.size());
  }

  double training_loss = 0.0, validation_loss = 0.0;
  double best_validation_loss = std::numeric_limits<double>::infinity();
  bool validated = false;
  Index training = 0;
};

bool after_epoch(Supervision& supervision, MetricsWriter& metrics, const CloningPopulation::Report& report) {
  const PopulationMetrics now(report);
  const Index steps = report.steps;
  std::vector<Metric> values{{"training_loss", now.training_loss}};
  if (now.validated) {
    values.push_back({"validation_loss", now.validation_loss});
    values.push_back({"best_validation_loss", now.best_validation_loss});
  }
  values.push_back({"members_training", static_cast<double>(now.training)});
  metrics.write(steps, report.epoch, values);
  return supervision.after_epoch(report.epoch, steps, [&] {
    return fmt::format("loss {:.5g}", now.training_loss) +
           (now.validated
                ? fmt::format("  validation {:.5g}, best {:.5g}", now.validation_loss, now.best_validation_loss)
                : "") +
           fmt::format("  {} training", now.training);
  });
}

/// What a member is judged by.
double loss_of(const BehaviourCloningResult& result) {
  return result.validation ? result.validation->loss : result.training_loss;
}

void train_population(CloningPopulation& population, Supervision& supervision, MetricsWriter& metrics,
                      BehaviourCloningOutcome& outcome) {
  const auto results = population.fit([&](const auto& report) { return after_epoch(supervision, metrics, report); });
  outcome.members.reserve(results.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    outcome.members.push_back({population.options(static_cast<Index>(i)), results[i]});
  }
  std::span<const BehaviourCloningResult> candidates = results;
  if (population.folds() > 0) {
    outcome.folds = population.folds();
    outcome.cross_validation = cross_validation(results, outcome.folds);
    // Losses of different folds are not of the same data, their means are.
    const auto best = std::min_element(outcome.cross_validation.begin(), outcome.cross_validation.end(),
                                       [](const auto& a, const auto& b) { return a.mean < b.mean; });
    outcome.best_member = best->first_member;
    candidates =
        candidates.subspan(static_cast<std::size_t>(best->first_member), static_cast<std::size_t>(outcome.folds));
  }
  const auto best = std::min_element(candidates.begin(), candidates.end(),
                                     [](const auto& a, const auto& b) { return loss_of(a) < loss_of(b); });
  outcome.best_member += best - candidates.begin();
  outcome.result = *best;
}

void save_policies(const RunFolder& run, const Job& job, const BehaviourCloningOutcome& outcome) {
  if (job.cloning) return run.save_policy(job.cloning->policy().to_file());
  for (Index i = 0; i < job.population->size(); ++i) {
    run.save_member(i, job.population->member(i).policy().to_file());
  }
  // Last, since a run with a policy is finished.
  run.save_policy(job.population->member(outcome.best_member).policy().to_file());
}

BehaviourCloningOutcome train(const BehaviourCloningSettings& settings, const RunFolder& run, MetricsWriter& metrics,
                              const Job& job, ProgressObserver& progress, const std::atomic<bool>* stop) {
  const auto start = Clock::now();
  BehaviourCloningOutcome outcome;
  Supervision supervision(settings, run, metrics, job, progress, stop);
  const bool discrete = job.policy().description().discrete;
  if (job.cloning) {
    outcome.result = job.cloning->fit([&](const EpochReport& report) {
      write_metrics(metrics, report, discrete);
      return supervision.after_epoch(report.epoch, report.steps, [&] { return progress_text(report); });
    });
  } else {
    train_population(*job.population, supervision, metrics, outcome);
  }
  progress.finished();
  outcome.interrupted = supervision.interrupted();
  if (!outcome.interrupted) {
    metrics.sync();
    save_policies(run, job, outcome);
  }
  outcome.policy = run.policy_path();
  outcome.task = job.policy().description().task;
  outcome.device = device_name(job.policy().stream().device());
  outcome.plan = job.cloning ? job.cloning->describe_plan() : job.population->describe_plan();
  outcome.seconds = seconds_since(start);
  return outcome;
}

/// The step that a checkpoint was saved after: of a population, that of the members that trained longest.
Index step_of(const SafetensorsFile& checkpoint) {
  const std::string& text = checkpoint.metadata_at("step");
  Index step = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), step);
  if (parsed.ec != std::errc{} || step < 0) {
    throw input_error(checkpoint.origin, "says nothing of its step", "remove the checkpoint and train again");
  }
  return step;
}

}  // namespace

void make_task_absolute(BehaviourCloningSettings& settings, TaskOptions options) {
  const auto absolute = [](const std::string& path) {
    return std::filesystem::absolute(path).lexically_normal().string();
  };
  options.model = settings.model;
  const TaskDescription description = make_task(settings.task, options)->description();
  if (!description.model.empty()) settings.model = absolute(description.model);
  settings.task = settings.task.ends_with(".toml") ? absolute(settings.task) : description.name;
}

void describe_task(const Task& task, const Demonstrations& demonstrations, PolicyDescription& policy) {
  const TaskDescription& description = task.description();
  if (demonstrations.observation_size != description.observation_size ||
      demonstrations.discrete != description.discrete ||
      (description.discrete ? demonstrations.action_count > description.action_count
                            : demonstrations.action_size != description.action_size)) {
    throw input_error(demonstrations.source,
                      fmt::format("does not hold demonstrations of {}, which has {} observation values and {} {}",
                                  description.name, description.observation_size,
                                  description.discrete ? description.action_count : description.action_size,
                                  description.discrete ? "discrete actions" : "action values"),
                      "name the task of the data with --task, or leave it out");
  }
  policy.task = description.name;
  policy.observation_names = description.observation_names;
  policy.action_names = description.action_names;
  const auto columns = static_cast<std::size_t>(description.action_size);
  policy.action_low.assign(columns, description.action_low);
  policy.action_high.assign(columns, description.action_high);
}

Demonstrations load_data(const BehaviourCloningSettings& settings) {
  Demonstrations demonstrations = load_demonstrations(settings.data, load_options(settings.actions));
  if (settings.rows == 0 && settings.first_row == 0) return demonstrations;
  return demonstrations.consecutive_rows(settings.first_row, settings.rows);
}

OptionTable BehaviourCloningSettings::table() {
  OptionTable table;
  table.add("data", &data, "File of demonstrations: .npz, .csv or .jsonl");
  table.add("actions", &actions, "How to read actions in CSV and JSON Lines: auto, discrete or continuous");
  table.add("rows", &rows, "So many neighbouring rows of the data, from first-row on; 0: all");
  table.add("first-row", &first_row, "The first row that is used, counted from 0");
  table.add("task", &task, "Name of the task, kept in the policy for `evaluate`");
  table.add("model", &model, "MJCF file of a task that MuJoCo simulates; default: its own, see evaluate --help");
  table.add("device", &device, "Where to train: cpu, cuda, cuda:N, or auto for a GPU if there is one");
  table.add("threads", &cloning.threads, "On the CPU: threads that share large operations; the results do not change");
  table.add("hidden", &cloning.hidden, "Widths of the hidden layers");
  table.add("activation", &activation, "Activation of the hidden layers: " + activation_names());
  table.add("history", &cloning.memory.history,
            "Observations that the policy sees, the last ones up to the step's own; 1: that alone");
  table.add("history-actions", &cloning.memory.actions,
            "With each of these observations, also those of --recurrent, the policy sees the action before it");
  table.add("chunk", &cloning.memory.chunk,
            "Actions that the policy predicts, those of this step and the next; 1: one");
  table.add("chunk-execution", &chunk_execution,
            "Which prediction of a step is carried out: ensemble (a weighted mean of all chunks that have it) or "
            "open-loop (each chunk to its end)");
  table.add("chunk-decay", &cloning.memory.chunk_decay,
            "m of the ensemble's weights exp(-m i), i = 0 for the oldest chunk");
  table.add("recurrent", &cloning.memory.recurrent,
            "Width of a GRU in front of the hidden layers, whose state goes from step to step; 0: none");
  table.add("sequence-length", &cloning.memory.sequence_length,
            "Steps that a recurrent policy is trained on at once, a multiple of 4; batch-size counts sequences then");
  table.add("epochs", &cloning.epochs, "Passes over the training rows, at most");
  table.add("batch-size", &cloning.batch_size, "Rows a step");
  table.add("learning-rate", &cloning.learning_rate, "Step size of Adam");
  table.add("weight-decay", &cloning.weight_decay, "Decoupled weight decay (AdamW)");
  table.add(
      "precision", &precision,
      "Of the products in training: float32, tf32 or bfloat16 (the last two on tensor cores); weights stay float32");
  table.add(
      "tuning", &tuning,
      "Kernels that `mynah-operations tune` measured for linear layers on a GPU: a file, on (the user's cache) or "
      "off; they sum in another order than the rule's. Default: MYNAH_TUNING of the environment, else off");
  table.add("patience", &cloning.patience, "Stop after this many epochs without a better validation loss; 0: never");
  table.add("keep-best", &cloning.keep_best, "Keep the weights with the best validation loss, else the last ones");
  table.add("validation-fraction", &validation_fraction, "Part of the episodes that is held out; 0: none");
  table.add("normalize-observations", &cloning.normalize_observations,
            "Begin the network with (observation - mean) / deviation");
  table.add("normalize-actions", &cloning.normalize_actions,
            "Train on (action - mean) / deviation; continuous actions only");
  table.add(
      "head", &head,
      "What the network gives of continuous actions: mse, the action, trained with mean squared error; gaussian, its "
      "normal distribution; mixture, a mixture of them. Of a distribution, trained with the likelihood, the policy "
      "does the likeliest action: the mean of the component that weighs most");
  table.add("mixture-components", &cloning.head.mixture_components, "Of --head mixture: 2 to 32");
  table.add("state-dependent-deviation", &cloning.head.state_dependent_deviation,
            "The network gives the deviations of --head gaussian or mixture too, else each is one trained number");
  table.add(
      "observation-noise", &cloning.observation_noise,
      "Add normal noise to the observations at every training step, of this deviation in units of each column's own");
  table.add(
      "mirror-observations", &mirror_observations,
      "Train on every row's mirror image too: for each column, the column whose value takes its place, with a minus "
      "where the sign changes, such as 0,-1,3,2; column 0 with its sign changed is -0");
  table.add("mirror-actions", &mirror_actions, "The same for the actions; of discrete ones the classes, without signs");
  table.add("seed", &cloning.seed, "Of the weights, the order of rows and, without split-seed, the split");
  table.add("split-seed", &split_seed, "Of which episodes are held out; -1: seed");
  table.add(
      "population", &population,
      "Train many networks side by side, every combination of these words: seeds=8 learning-rate=1e-3,3e-4 "
      "weight-decay=0,1e-4 subset=bootstrap; or with folds=5 for cross-validation, a member for each fold, which is "
      "held out in place of validation-fraction");
  table.add("checkpoint-every", &checkpoint_every, "Epochs between checkpoints; 0: by time");
  table.add("checkpoint-seconds", &checkpoint_seconds, "Seconds between checkpoints, where checkpoint-every is 0");
  return table;
}

void BehaviourCloningSettings::parse_words() {
  cloning.activation = parse_activation(activation);
  cloning.precision = parse_precision(precision);
  cloning.head.kind = parse_policy_head(head);
  cloning.memory.chunk_execution = parse_chunk_execution(chunk_execution);
  cloning.mirror = Mirror::parse(mirror_observations, mirror_actions);
}

BehaviourCloningOutcome run_behaviour_cloning(BehaviourCloningSettings settings, const std::filesystem::path& out,
                                              bool overwrite, ProgressObserver& progress,
                                              const std::atomic<bool>* stop) {
  settings.parse_words();
  settings.cloning.validate();
  if (!settings.population.empty()) {
    static_cast<void>(PopulationAxes::parse(settings.population));
  }
  if (!settings.task.empty()) make_task_absolute(settings);
  check(settings);
  std::string tuning;  // The file's content.
  if (!settings.tuning.empty()) {
    const std::filesystem::path file = use_linear_tuning_named(settings.tuning);
    if (!file.empty()) tuning = read_file_bytes(file);
  }
  // A run can be resumed from any folder.
  settings.data = std::filesystem::absolute(settings.data).lexically_normal().string();
  Job job(settings, progress);
  const RunFolder run = RunFolder::create(out, to_toml(settings.table().to_config()),
                                          overwrite ? RunFolder::Existing::overwrite : RunFolder::Existing::refuse);
  if (!tuning.empty()) write_file_atomically(run.tuning_path(), tuning);
  MetricsWriter metrics(run.path());
  return train(settings, run, metrics, job, progress, stop);
}

BehaviourCloningOutcome resume_behaviour_cloning(const std::filesystem::path& path, ProgressObserver& progress,
                                                 const std::atomic<bool>* stop) {
  const RunFolder run = RunFolder::open(path, RunFolder::Access::write);
  if (std::filesystem::exists(run.policy_path())) {
    throw input_error(path.string(), "this run is finished: its policy is " + run.policy_path().string(),
                      "evaluate it with `mynah evaluate " + path.string() + "`, or train a new run");
  }
  BehaviourCloningSettings settings;
  OptionTable table = settings.table();
  table.apply(parse_toml_config(run.config(), run.config_path().string(), table.names()));
  settings.parse_words();
  if (!settings.tuning.empty()) {
    use_linear_tuning_named(settings.tuning == "off" ? "off" : run.tuning_path().string());
  }
  Job job(settings, progress);
  const auto checkpoint = run.load_checkpoint();
  if (!checkpoint) {
    progress.message("no checkpoint yet: starting from the beginning");
    MetricsWriter metrics(run.path());
    return train(settings, run, metrics, job, progress, stop);
  }
  if (checkpoint->metadata_at("data") != job.data_fingerprint) {
    throw input_error(settings.data, "has changed since the run " + path.string() + " was started",
                      "put the earlier file back, or train a new run with `mynah train bc`");
  }
  job.load(*checkpoint);
  const Index step = step_of(*checkpoint);
  progress.message(fmt::format("resuming after step {}", step));
  MetricsWriter metrics(run.path(), step);
  return train(settings, run, metrics, job, progress, stop);
}

}  // namespace mynah
