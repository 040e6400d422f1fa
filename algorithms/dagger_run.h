#pragma once

#include "algorithms/behaviour_cloning_run.h"
#include "algorithms/dagger.h"
#include "algorithms/tasks/task_rules.h"
#include "engine/run_folder.h"

namespace mynah {

/// Everything that `mynah train dagger` can be told, and what a run's config.toml repeats.
struct DaggerSettings {
  std::string expert = "expert";  ///< expert (built in), a run folder or a policy file.
  std::string expert_command;     ///< In its place: a command line (algorithms/command_expert.h).
  double expert_timeout = 60.0;   ///< Seconds that an answer of the command may take.
  std::string beta = "indicator";
  TaskRules rules;  ///< Of the task, in rollouts and evaluations.
  /// The task and the device; initial demonstrations, or none where `data` is empty; how each training goes. Its
  /// population, tuning, split_seed, validation_fraction and checkpoint_every are not looked at; its `cloning` becomes
  /// that of `dagger` when resolved.
  BehaviourCloningSettings learner;
  DaggerOptions dagger;

  /// The table of all options; it points into this object.
  OptionTable table();
  /// Fills what follows from the texts, and makes names and paths mean the same from any folder. Errors: input_error
  /// for an option that is not possible.
  void resolve();
};

/// Where a run takes place, and who is imitated. `owner` keeps them alive.
struct DaggerWorld {
  std::shared_ptr<void> owner;
  const Task* task = nullptr;
  Dagger::Expert expert;
};

/// Makes the world from the settings alone, so that a resumed run has the same. Called once.
using DaggerWorldMaker = std::function<DaggerWorld(const DaggerSettings&)>;

struct DaggerOutcome {
  Dagger::Result result;
  std::filesystem::path policy;
  std::string task;  ///< With what was chosen of its rules.
  std::string device;
  double seconds = 0.0;  ///< Of this call.
};

/// Trains in a new run folder `out`: config.toml, metrics, checkpoints, the aggregate as data/iteration_003.npz (000:
/// the initial demonstrations), policy.safetensors. Nothing is written before options, data, task and expert have been
/// found good. When *stop becomes true, it ends after the running step of a rollout, epoch or evaluation, and can be
/// resumed. Errors: input_error for data, options, a folder that holds a run already (unless `overwrite`), and where
/// expert or task fail; the run can then be resumed. What was labelled in a rollout without an end is kept as
/// data/iteration_003.partial.npz, also every learner.checkpoint_seconds while it runs.
DaggerOutcome run_dagger(DaggerSettings settings, const DaggerWorldMaker& make_world, const std::filesystem::path& out,
                         bool overwrite, ProgressObserver& progress, const std::atomic<bool>* stop = nullptr);

/// Whether a run was made by run_dagger.
bool is_dagger_run(const RunFolder& run);

/// Goes on with a run that was killed, stopped, or left by its expert: on the same kind of device the result is, bit
/// for bit, that of a run that was never interrupted, if the expert's action depends on the observation alone, or on
/// those of its episode. The expert is not asked again for an iteration whose states it has labelled, nor, with
/// Dagger::Expert::by_observation, for what it has labelled of an unfinished one. A finished run is refused.
DaggerOutcome resume_dagger(const std::filesystem::path& run, const DaggerWorldMaker& make_world,
                            ProgressObserver& progress, const std::atomic<bool>* stop = nullptr);

}  // namespace mynah
