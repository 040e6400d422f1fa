#pragma once

#include <atomic>
#include <filesystem>

#include "algorithms/cloning_population.h"
#include "algorithms/tasks/task.h"
#include "engine/option_table.h"
#include "engine/progress.h"

namespace mynah {

/// Everything that `mynah train bc` can be told, and what a run's config.toml repeats.
struct BehaviourCloningSettings {
  std::string data;              ///< File of demonstrations.
  std::string actions = "auto";  ///< auto, discrete or continuous: how to read the actions of CSV and JSON Lines.
  Index rows = 0;                ///< So many neighbouring rows of it, from first_row on; 0: all.
  Index first_row = 0;
  std::string task;             ///< Name of the task, kept in the policy; may be empty.
  std::string model;            ///< MJCF file of the task, where it is one that MuJoCo simulates; empty: its own.
  std::string device = "auto";  ///< cpu, cuda, cuda:N or auto.
  double validation_fraction = 0.1;
  Index checkpoint_every = 0;  ///< Epochs between checkpoints; 0: by time.
  double checkpoint_seconds = 10.0;
  std::string activation = "relu";
  std::string precision = "float32";
  std::string chunk_execution = "ensemble";  ///< ensemble or open-loop.
  std::string head = "mse";                  ///< mse, gaussian or mixture; what cloning.head.kind becomes.
  std::string mirror_observations;           ///< For Mirror::parse; empty: none.
  std::string mirror_actions;
  std::string population;  ///< Words for PopulationAxes::parse; empty: one network.
  /// Measured kernels for linear layers on CUDA, as use_linear_tuning_named takes them: off, on or a file. Empty: what
  /// is in use stays in use.
  std::string tuning;
  Index split_seed = -1;  ///< Of which episodes are held out; -1: cloning.seed.
  BehaviourCloningOptions cloning;

  /// The table of all options; it points into this object.
  OptionTable table();
  /// Fills what `cloning` has of activation, precision, head, mirror and memory. Errors: input_error naming the option.
  void parse_words();
};

struct BehaviourCloningOutcome {
  struct Member {
    BehaviourCloningOptions options;
    BehaviourCloningResult result;
  };
  /// Of a population that of its best member: least validation loss, else training loss.
  BehaviourCloningResult result;
  std::vector<Member> members;  ///< Of a population.
  Index best_member = 0;
  Index folds = 0;  ///< Of a population with folds; the best member is then of the combination with the least mean.
  std::vector<CrossValidation> cross_validation;  ///< Of every combination of what its members differ in besides.
  std::filesystem::path policy;
  std::string task;  ///< As the policy names it; may be empty.
  std::string device;
  std::string plan;          ///< What the plan chose.
  bool interrupted = false;  ///< Stopped by `stop`; the run can be resumed.
  double seconds = 0.0;      ///< Of this call.
};

/// Trains in a new run folder `out`: config.toml, metrics, checkpoints, policy.safetensors, and of a population
/// members/. Nothing is written before the data and the options have been found good. When *stop becomes true, training
/// ends after the running epoch with a checkpoint. Errors: input_error for data, options, or a folder that holds a run
/// already (unless `overwrite`).
BehaviourCloningOutcome run_behaviour_cloning(BehaviourCloningSettings settings, const std::filesystem::path& out,
                                              bool overwrite, ProgressObserver& progress,
                                              const std::atomic<bool>* stop = nullptr);

/// Goes on with a run that was killed or stopped, from its last checkpoint: on the same kind of device the result is,
/// bit for bit, that of a run that was never interrupted. A finished run is refused, and so is one whose data file has
/// changed. Measured kernels are those that the run began with: it keeps a copy of their file.
BehaviourCloningOutcome resume_behaviour_cloning(const std::filesystem::path& run, ProgressObserver& progress,
                                                 const std::atomic<bool>* stop = nullptr);

/// The rows of the settings' file. Errors: input_error for a file that cannot be read or has not so many.
Demonstrations load_data(const BehaviourCloningSettings& settings);

/// The task's own name and its model's file, so that a run means the same from any folder. A task that a TOML file
/// describes keeps that file's name. Errors: as make_task.
void make_task_absolute(BehaviourCloningSettings& settings, TaskOptions options = {});

/// What a policy inherits from its task: name, names and bounds. Errors: input_error for data that cannot be the
/// task's.
void describe_task(const Task& task, const Demonstrations& demonstrations, PolicyDescription& policy);

}  // namespace mynah
