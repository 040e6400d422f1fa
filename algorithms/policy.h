#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "algorithms/policy_memory.h"
#include "engine/execution.h"
#include "engine/inference_plan.h"
#include "engine/mlp.h"
#include "engine/safetensors.h"

namespace mynah {

/// What a policy is, apart from its weights.
struct PolicyDescription {
  MlpOptions mlp;  ///< inputs: observation columns; outputs: action columns, or one score a class.
  bool discrete = false;
  bool normalize_observations = true;  ///< The network begins with (observation - mean) / deviation.
  bool normalize_actions = false;      ///< The network ends with action deviation + mean; continuous actions only.
  PolicyMemory memory;                 ///< Of the episode, if it has one.
  std::string task;                    ///< The task it was trained for; may be empty.
  std::vector<std::string> observation_names;  ///< One a column, or empty.
  std::vector<std::string> action_names;       ///< One a column or class, or empty.
  std::vector<float> action_low;               ///< Bounds that act() clips to, one a column, or empty for none.
  std::vector<float> action_high;
};

/// A policy: maps an observation to an action. Everything it needs is in one safetensors file: weights under
/// torch.nn.Sequential names ("0.weight", ...), normalisation ("observation_normalization.mean", ...), bounds and names
/// (metadata "mynah.policy", JSON), and a self-test (observations with the outputs they must give) that is run when the
/// file is loaded.
///
/// A policy with a memory (PolicyDescription::memory) is asked through a PolicySession, or in batches of episodes
/// through a PolicyActor: act(), choose() and outputs() of a single observation refuse it.
///
/// Owns its network and a stream. Used by one thread at a time.
class Policy {
 public:
  /// A new policy, weights drawn from `seed` as torch.nn.Linear draws them. Errors: input_error for sizes below 1.
  Policy(DeviceId device, PolicyDescription description, std::uint64_t seed);

  /// Reads a policy file. Errors: input_error naming the file for anything that is not a whole, consistent policy, and
  /// when the self-test gives other outputs than it did where the file was written.
  static Policy load(const std::filesystem::path& path, DeviceId device = {});
  static Policy from_file(const SafetensorsFile& file, DeviceId device = {});
  void save(const std::filesystem::path& path);
  SafetensorsFile to_file();

  const PolicyDescription& description() const { return description_; }
  Index observation_size() const { return description_.mlp.inputs; }
  /// Action columns, or classes.
  Index output_size() const { return description_.mlp.outputs; }
  /// What the network takes at once, and gives: the history of observations, the chunk of outputs.
  Index input_size() const { return description_.memory.history * observation_size(); }
  Index chunk_size() const { return description_.memory.chunk * output_size(); }

  /// The action for one observation: continuous, clipped to the bounds if there are any. observation
  /// [observation_size], action [output_size]. Errors: input_error for other sizes, and for a discrete policy.
  ///
  /// On the CPU it allocates nothing, takes no lock and makes no system call, from the first call on (in a network of
  /// up to 8 layers; else only after the first call). What training or loading changes counts from the next call on,
  /// which lays the new weights out and so takes longer.
  void act(std::span<const float> observation, std::span<float> action);
  /// The action of a discrete policy: the class with the highest score.
  Index choose(std::span<const float> observation);
  /// What the network gives, before clipping or choosing: actions, or one score a class.
  void outputs(std::span<const float> observation, std::span<float> result);
  /// The same for many observations, rows of memory of the policy's device, queued in its stream: on CUDA the whole
  /// network is one launch where its values fit on chip; on the CPU up to 64 rows are as act() is. observations [rows,
  /// input_size], results [rows, chunk_size]. Errors: input_error for other sizes, and for a recurrent policy.
  void outputs(ConstMatrix observations, Matrix results);

  /// What act() and choose() begin and end with, for others that compute the outputs. Errors: as theirs.
  void check_act(std::span<const float> observation, std::span<const float> action) const;
  void check_choose(std::span<const float> observation) const;
  void clip(std::span<float> action) const;

  /// For those who train or run it in batches.
  Stream& stream() { return stream_; }
  Network& network() { return *network_; }
  Value input() const { return input_; }
  Value head() const { return head_; }      ///< Output of the last linear layer: what the loss is taken of.
  Value output() const { return output_; }  ///< The action, or the scores.
  /// The same of a recurrent policy are those of a sequence, [memory.sequence_length, ...] flat in a row, that begins
  /// with a state of zeros; these are those of one step.
  struct RecurrentStep {
    Value observation, state;  ///< Inputs.
    Value next_state, output;
  };
  const RecurrentStep& recurrent_step() const { return step_; }

  /// Of one observation, or one action; the same for every step that the network sees or predicts.
  void set_observation_normalization(std::span<const float> mean, std::span<const float> deviation);
  void set_action_normalization(std::span<const float> mean, std::span<const float> deviation);

 private:
  void prepare_single();
  void run_single(std::span<const float> observation);
  Value add_network(Graph& graph, Value input);
  void add_recurrent_network(Graph& graph);
  std::vector<float> self_test(std::span<const float> observations);
  void check_sizes(std::span<const float> observation, std::size_t results, const char* call) const;

  PolicyDescription description_;
  Stream stream_;
  Value input_, head_, output_;
  RecurrentStep step_;
  std::unique_ptr<Network> network_;  // behind a pointer: executions keep its address
  std::optional<MlpNetwork> mlp_;     // for kernels::infer_mlp, where it takes the network
  // For one row: the plan on the CPU, an execution where there is none, on CUDA buffers for kernels::infer_mlp.
  std::optional<InferencePlan> plan_;
  std::unique_ptr<Execution> single_;
  Buffer<float> single_input_, single_results_;
  std::vector<float> single_output_;
  std::unique_ptr<Execution> batch_;  // of the rows last asked for, where infer_mlp does not take the network
};

}  // namespace mynah
