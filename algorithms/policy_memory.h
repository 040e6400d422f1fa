#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/buffer.h"
#include "engine/execution.h"
#include "kernels/policy_memory.h"

namespace mynah {

class Policy;

/// What a policy knows of its episode beside the observation of the step. A policy that remembers is asked through a
/// PolicySession (algorithms/policy_session.h).
struct PolicyMemory {
  using ChunkExecution = kernels::ChunkRule::Execution;

  /// The network sees so many observations, the step's own last. At an episode's start the first one stands for those
  /// that are missing.
  Index history = 1;
  /// With each observation that the network sees, also those of a GRU, it sees the action before it: the one that the
  /// policy chose, within its bounds, or its class as a column that is 1 among zeros; zeros at an episode's start. For
  /// what comes late, or is not observed and follows from what was done. (Where the observation tells enough, a clone
  /// may learn to repeat its last action instead: de Haan et al., "Causal confusion in imitation learning", 2019.)
  bool actions = false;
  /// The network predicts so many actions, those of this step and the ones that follow (Zhao et al. 2023).
  Index chunk = 1;
  /// Which of the predictions for a step is carried out: a weighted mean of all, or the chunks one after the other.
  ChunkExecution chunk_execution = ChunkExecution::ensemble;
  double chunk_decay = 0.01;  ///< m of the ensemble's weights exp(-m i), the oldest prediction being i = 0.
  /// Width of a GRU between the observation and the hidden layers, whose state is carried from step to step; 0: none.
  Index recurrent = 0;
  /// Steps that a recurrent policy is trained on at once: a multiple of 4. Nothing when it acts.
  Index sequence_length = 32;

  bool remembers() const { return history > 1 || actions || chunk > 1 || recurrent > 0; }
  /// "sees the last 4 observations", "predicts 8 actions ...", "has a recurrent state of 64"; empty if it does not.
  std::string describe() const;
  /// Errors: input_error naming the option as it stands on the command line.
  void validate() const;
  /// Refuses to go with a distribution of actions, of that name: chunks and recurrent policies give actions alone.
  void check_distribution(const std::string& head) const;
};

/// "ensemble" or "open-loop". Errors: input_error naming both.
PolicyMemory::ChunkExecution parse_chunk_execution(const std::string& name);
std::string chunk_execution_name(PolicyMemory::ChunkExecution execution);

/// What a policy remembers of `rows` episodes that run side by side, and its network for them: on the policy's device
/// and stream, which the policy has to outlive and to keep the place of. A row depends on its own episode alone, and
/// not on how many there are.
class EpisodeMemory {
 public:
  EpisodeMemory(Policy& policy, Index rows);

  Index rows() const { return rows_; }
  /// The policy's outputs for the next step of every row: actions before clipping, or scores. Called once a step, with
  /// the steps that each episode has taken: 0 where one begins. observations [rows, observation_size], elapsed [rows],
  /// results [rows, output_size], all in the policy's device memory. After the first call it allocates nothing.
  void outputs(ConstMatrix observations, ConstLabels elapsed, Matrix results);
  /// In place of outputs(), Policy::parameters: of a head that is a distribution. parameters [rows, parameter_size].
  void parameters(ConstMatrix observations, ConstLabels elapsed, Matrix parameters);
  /// What was chosen in that step, to be called before the next one: of a policy that sees its actions, for others it
  /// does nothing. actions [rows, output_size], clipped to the policy's bounds; or classes, choices [rows].
  void chosen(ConstMatrix actions);
  void chosen(ConstLabels choices);
  /// outputs() for rows as the network sees a step: with the last actions behind the observations, seen [rows,
  /// Policy::seen_size()].
  void outputs_of_seen(ConstMatrix seen, ConstLabels elapsed, Matrix results);

 private:
  enum class Wanted { outputs, parameters };
  ConstMatrix with_last_actions(ConstMatrix observations, ConstLabels elapsed);
  void run_network(ConstMatrix seen, ConstLabels elapsed, Matrix results, Wanted wanted);
  void run_recurrent(ConstMatrix seen, ConstLabels elapsed, Matrix results);

  Policy* policy_;
  Index rows_;
  Buffer<float> seen_, last_;        // [rows, seen_size], [rows, output_size], where actions are seen
  Buffer<float> low_, high_;         // [output_size], of actions that are seen and have bounds
  bool told_ = true;                 // of what was chosen in the last step
  Buffer<float> history_;            // [rows, history seen_size]
  Buffer<float> chunks_, earlier_;   // [rows, chunk output_size], [rows, chunk chunk output_size]
  Buffer<float> state_;              // [rows, recurrent]
  std::unique_ptr<Execution> step_;  // of a recurrent policy
};

}  // namespace mynah
