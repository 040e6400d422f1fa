#include "algorithms/behaviour_cloning_run.h"

#include <fmt/format.h>

#include <chrono>

#include "algorithms/tasks/task.h"
#include "engine/crc32c.h"
#include "engine/device.h"
#include "engine/file_bytes.h"
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

/// Tells a run that its data are still the same.
std::string fingerprint(const std::filesystem::path& path) {
  const std::string bytes = read_file_bytes(path);
  return fmt::format("{:08x}:{}", crc32c(std::as_bytes(std::span(bytes))), bytes.size());
}

/// What the policy inherits from its task: name, names and bounds. Refuses data that cannot be the task's.
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

/// The data, split and on the device, and the algorithm over them.
struct Job {
  Job(const BehaviourCloningSettings& settings, ProgressObserver& progress) {
    const Demonstrations demonstrations = load_demonstrations(settings.data, load_options(settings.actions));
    data_fingerprint = fingerprint(settings.data);
    SplitOptions split_options;
    split_options.validation_fraction = settings.validation_fraction;
    split_options.seed = settings.cloning.seed;
    const DataSplit split = split_by_episode(demonstrations, split_options);
    if (!split.warning.empty()) progress.warning(split.warning);
    progress.message(split.description);
    const DeviceId device = choose_device(settings.device);
    if (settings.device == "auto" && device.backend == Backend::cpu) {
      progress.message("using the " + device_name(device) + ": " + cuda_unavailable_reason());
    }
    PolicyDescription names;
    if (!settings.task.empty()) describe_task(*make_task(settings.task), demonstrations, names);
    cloning = std::make_unique<BehaviourCloning>(device, demonstrations, split.train, split.validation,
                                                 settings.cloning, std::move(names));
  }

  std::unique_ptr<BehaviourCloning> cloning;
  std::string data_fingerprint;
};

void save_checkpoint(const RunFolder& run, MetricsWriter& metrics, Job& job, Index step) {
  metrics.sync();  // a checkpoint never knows of more than the metrics
  SafetensorsFile state = job.cloning->save();
  state.metadata["data"] = job.data_fingerprint;
  state.metadata["step"] = std::to_string(step);
  run.save_checkpoint(state);
}

std::string progress_text(const EpochReport& report) {
  std::string text = fmt::format("loss {:.5g}", report.training_loss);
  if (report.validation) {
    text += fmt::format("  validation {:.5g}", report.validation->loss);
    if (report.validation->accuracy > 0) text += fmt::format("  accuracy {:.4f}", report.validation->accuracy);
  }
  return text;
}

void write_metrics(MetricsWriter& metrics, const EpochReport& report, bool discrete) {
  std::vector<Metric> values{{"training_loss", report.training_loss}};
  if (report.validation) {
    values.push_back({"validation_loss", report.validation->loss});
    if (discrete) values.push_back({"validation_accuracy", report.validation->accuracy});
  }
  metrics.write(report.steps, report.epoch, values);
}

BehaviourCloningOutcome train(const BehaviourCloningSettings& settings, const RunFolder& run, MetricsWriter& metrics,
                              Job& job, ProgressObserver& progress, const std::atomic<bool>* stop) {
  const auto start = Clock::now();
  auto last_checkpoint = start;
  BehaviourCloningOutcome outcome;
  progress.started(settings.cloning.epochs, "training");
  const bool discrete = job.cloning->policy().description().discrete;
  outcome.result = job.cloning->fit([&](const EpochReport& report) {
    write_metrics(metrics, report, discrete);
    if (progress.wants_update() || report.epoch == settings.cloning.epochs) {
      progress.advanced(report.epoch, progress_text(report));
    }
    outcome.interrupted = stop != nullptr && stop->load() && report.epoch < settings.cloning.epochs;
    const bool due = settings.checkpoint_every > 0 ? report.epoch % settings.checkpoint_every == 0
                                                   : seconds_since(last_checkpoint) >= settings.checkpoint_seconds;
    if (due || outcome.interrupted) {
      save_checkpoint(run, metrics, job, report.steps);
      last_checkpoint = Clock::now();
    }
    return !outcome.interrupted;
  });
  progress.finished();
  if (!outcome.interrupted) {
    metrics.sync();
    run.save_policy(job.cloning->policy().to_file());
  }
  outcome.policy = run.policy_path();
  outcome.task = job.cloning->policy().description().task;
  outcome.device = device_name(job.cloning->policy().stream().device());
  outcome.plan = job.cloning->describe_plan();
  outcome.seconds = seconds_since(start);
  return outcome;
}

}  // namespace

OptionTable BehaviourCloningSettings::table() {
  OptionTable table;
  table.add("data", &data, "File of demonstrations: .npz, .csv or .jsonl");
  table.add("actions", &actions, "How to read actions in CSV and JSON Lines: auto, discrete or continuous");
  table.add("task", &task, "Name of the task, kept in the policy for `evaluate`");
  table.add("device", &device, "Where to train: cpu, cuda, cuda:N, or auto for a GPU if there is one");
  table.add("threads", &cloning.threads, "On the CPU: threads that share large operations; the results do not change");
  table.add("hidden", &cloning.hidden, "Widths of the hidden layers");
  table.add("activation", &activation, "Activation of the hidden layers: " + activation_names());
  table.add("epochs", &cloning.epochs, "Passes over the training rows, at most");
  table.add("batch-size", &cloning.batch_size, "Rows a step");
  table.add("learning-rate", &cloning.learning_rate, "Step size of Adam");
  table.add("weight-decay", &cloning.weight_decay, "Decoupled weight decay (AdamW)");
  table.add(
      "precision", &precision,
      "Of the products in training: float32, tf32 or bfloat16 (the last two on tensor cores); weights stay float32");
  table.add("patience", &cloning.patience, "Stop after this many epochs without a better validation loss; 0: never");
  table.add("keep-best", &cloning.keep_best, "Keep the weights with the best validation loss, else the last ones");
  table.add("validation-fraction", &validation_fraction, "Part of the episodes that is held out; 0: none");
  table.add("normalize-observations", &cloning.normalize_observations,
            "Begin the network with (observation - mean) / deviation");
  table.add("normalize-actions", &cloning.normalize_actions,
            "Train on (action - mean) / deviation; continuous actions only");
  table.add("seed", &cloning.seed, "Of the weights, the split and the order of rows");
  table.add("checkpoint-every", &checkpoint_every, "Epochs between checkpoints; 0: by time");
  table.add("checkpoint-seconds", &checkpoint_seconds, "Seconds between checkpoints, where checkpoint-every is 0");
  return table;
}

BehaviourCloningOutcome run_behaviour_cloning(BehaviourCloningSettings settings, const std::filesystem::path& out,
                                              bool overwrite, ProgressObserver& progress,
                                              const std::atomic<bool>* stop) {
  settings.cloning.activation = parse_activation(settings.activation);
  settings.cloning.precision = parse_precision(settings.precision);
  settings.cloning.validate();
  if (!settings.task.empty()) settings.task = make_task(settings.task)->description().name;
  if (settings.checkpoint_every < 0) {
    throw input_error("--checkpoint-every " + std::to_string(settings.checkpoint_every), "is negative",
                      "give a number of epochs, or 0 for --checkpoint-seconds");
  }
  // A run can be resumed from any folder.
  settings.data = std::filesystem::absolute(settings.data).lexically_normal().string();
  Job job(settings, progress);
  const RunFolder run = RunFolder::create(out, to_toml(settings.table().to_config()),
                                          overwrite ? RunFolder::Existing::overwrite : RunFolder::Existing::refuse);
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
  settings.cloning.activation = parse_activation(settings.activation);
  settings.cloning.precision = parse_precision(settings.precision);
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
  job.cloning->load(*checkpoint);
  const Index step = checkpoint->int64s("adam.step")[0];
  progress.message(fmt::format("resuming after step {}", step));
  MetricsWriter metrics(run.path(), step);
  return train(settings, run, metrics, job, progress, stop);
}

}  // namespace mynah
