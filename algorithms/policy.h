#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "algorithms/policy_head.h"
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
  PolicyHead head;                     ///< Of continuous actions.
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
/// (metadata "mynah.policy", JSON), and a self-test (observations with what the network must give) that is run when the
/// file is loaded.
///
/// With a head that is a distribution the policy takes the likeliest action; others can be drawn (PolicyActor).
///
/// A policy with a memory (PolicyDescription::memory) is asked through a PolicySession, or in batches of episodes
/// through a PolicyActor: act(), choose() and outputs() of a single observation refuse it.
///
/// Owns its network and a stream. Used by one thread at a time.
class Policy {
 public:
  /// A new policy, weights drawn from `seed` as torch.nn.Linear draws them. Errors: input_error for sizes below 1.
  Policy(DeviceId device, PolicyDescription description, std::uint64_t seed);

  /// Reads a policy file; a file whose name ends in .npz as algorithms/policy_npz.h says. Errors: input_error naming
  /// the file for anything that is not a whole, consistent policy, and when the self-test gives other outputs than it
  /// did where the file was written.
  static Policy load(const std::filesystem::path& path, DeviceId device = {});
  static Policy from_file(const SafetensorsFile& file, DeviceId device = {});
  void save(const std::filesystem::path& path);
  SafetensorsFile to_file();

  const PolicyDescription& description() const { return description_; }
  Index observation_size() const { return description_.mlp.inputs; }
  /// Action columns, or classes.
  Index output_size() const { return description_.mlp.outputs; }
  /// What the network sees of a step: the observation and, of a policy that sees its actions, the last action.
  Index seen_size() const { return observation_size() + (description_.memory.actions ? output_size() : 0); }
  /// What the network takes at once, and gives: the history of what it sees, the chunk of outputs.
  Index input_size() const { return description_.memory.history * seen_size(); }
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
  /// Before clipping or choosing: actions, of a distribution the likeliest, or one score a class.
  void outputs(std::span<const float> observation, std::span<float> result);
  /// The same for many observations, rows of memory of the policy's device, queued in its stream: on CUDA the whole
  /// network is one launch where its values fit on chip; on the CPU up to 64 rows are as act() is. observations [rows,
  /// input_size], results [rows, chunk_size]. Errors: input_error for other sizes, and for a recurrent policy.
  void outputs(ConstMatrix observations, Matrix results);

  /// Columns of what the network says: parameters of the actions' distribution, else output_size().
  Index parameter_size() const { return description_.memory.chunk * description_.head.columns(output_size()); }
  /// That for many observations, as outputs() is; of actions in their own units. parameters [rows, parameter_size].
  /// Errors: input_error for other sizes.
  void parameters(ConstMatrix observations, Matrix parameters);
  /// How kernels/mixture_likelihood.h takes parameters(); of a head that is a distribution. It looks at the policy.
  kernels::MixtureOptions<float> mixture() const;
  /// What mixture().log_scale looks at, on the host.
  std::vector<float> log_scale() { return log_scale_.download(stream_); }
  /// By what the actions of the demonstrations deviate, a column each: the unit of the head's deviations.
  void set_action_deviation(std::span<const float> deviation);

  /// What act() and choose() begin and end with, for others that compute the outputs. Errors: as theirs.
  void check_act(std::span<const float> observation, std::span<const float> action) const;
  void check_choose(std::span<const float> observation) const;
  void clip(std::span<float> action) const;
  /// The value of the network that they need, and the action or the scores that follow from it.
  Value decisive() const { return decisive_; }
  Index decisive_size() const { return description_.memory.chunk * description_.head.network_columns(output_size()); }
  void decide(std::span<const float> decisive, std::span<float> result) const;

  /// For those who train or run it in batches.
  Stream& stream() { return stream_; }
  Network& network() { return *network_; }
  Value input() const { return input_; }
  Value head() const { return head_; }      ///< Output of the last linear layer: what the loss is taken of.
  Value output() const { return output_; }  ///< The action, its distribution, or the scores.
  /// The same of a recurrent policy are those of a sequence, [memory.sequence_length, ...] flat in a row, that begins
  /// with a state of zeros; these are those of one step.
  struct RecurrentStep {
    Value observation, state;  ///< Inputs.
    Value next_state, output;
  };
  const RecurrentStep& recurrent_step() const { return step_; }

  /// Of what is seen of one step [seen_size], or of one action; the same for every step that the network sees or
  /// predicts.
  void set_observation_normalization(std::span<const float> mean, std::span<const float> deviation);
  void set_action_normalization(std::span<const float> mean, std::span<const float> deviation);

 private:
  void prepare_single();
  void run_single(std::span<const float> observation);
  std::vector<float> decisive_of(std::span<const float> observations);
  void run_batch(ConstMatrix observations, Value value, Matrix results);
  void add_network(Graph& graph, Value input);
  void add_recurrent_network(Graph& graph);
  void check_recurrent(const char* call) const;
  void check_sizes(std::span<const float> observation, std::size_t results, const char* call) const;

  PolicyDescription description_;
  Stream stream_;
  Value input_, head_, output_, decisive_;
  RecurrentStep step_;
  std::unique_ptr<Network> network_;  // behind a pointer: executions keep its address
  std::optional<MlpNetwork> mlp_;     // for kernels::infer_mlp, where it takes the network
  Buffer<float> log_scale_;           // of the head's deviations; empty without a distribution
  // For one row: the plan on the CPU, an execution where there is none, on CUDA buffers for kernels::infer_mlp.
  std::optional<InferencePlan> plan_;
  std::unique_ptr<Execution> single_;
  Buffer<float> single_input_, single_results_;
  std::vector<float> single_output_;  // of decisive_
  Buffer<float> batch_results_;       // of decisive_
  std::unique_ptr<Execution> batch_;  // of the rows last asked for, where infer_mlp does not take the network
};

}  // namespace mynah
