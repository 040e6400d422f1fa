#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// What policies with a memory keep of their episodes while they act, side by side: one row is one episode. `elapsed`
/// [rows] is the number of steps that each has taken; where it is 0 an episode begins, and nothing from before counts.
/// Each is called once a step. Rows do not depend on each other.

/// The last H observations of each row, oldest first. At an episode's start the observation stands H times; else the
/// oldest leaves and the observation comes last:
///
///   history_m = (o, o, ..., o)                        elapsed_m = 0
///   history_m = (history_m2, ..., history_mH, o)      else
///
/// observations [rows, columns], history [rows, H columns] for any H >= 1, not overlapping.
void remember_observations(Stream& stream, ConstMatrix observations, ConstLabels elapsed, Matrix history);

/// states_m = 0 where elapsed_m = 0. states [rows, columns].
void forget_states(Stream& stream, ConstLabels elapsed, Matrix states);

/// The actions of a step, as they are seen at the next one:
///
///   last_mc = min(max(actions_mc, low_c), high_c)      NaN stays NaN
///   last_mc = 1 where c = choices_m, else 0            of classes
///
/// actions, last [rows, columns]; low, high [columns] with low <= high, or both empty: actions as they are. choices
/// [rows]; one that is no column leaves zeros. Nothing overlaps.
void remember_actions(Stream& stream, ConstMatrix actions, ConstVector low, ConstVector high, Matrix last);
void remember_choices(Stream& stream, ConstLabels choices, Matrix last);

/// Actions from chunks (Zhao et al. 2023, "Learning fine-grained bimanual manipulation with low-cost hardware"). A
/// chunk that is predicted at step s holds the actions of steps s, s + 1, ..., s + C - 1. At step t = elapsed_m the
/// chunk of this step joins those of the C - 1 steps before it, and the action is
///
///   ensemble    Σ_i w_i a_i / Σ_i w_i, w_i = decay^i: a_0, a_1, ... are what the chunks of the last steps (of this
///               episode) say of step t, the oldest chunk first. The paper's weights are exp(-m i), decay = exp(-m).
///   open_loop   what the chunk of step t - t mod C says: each chunk is carried out to its end
///
///   chunks   [rows, C A]      the actions of a chunk behind each other
///   memory   [rows, C C A]    chunks of the last C steps, in an order of its own; any values at first
///   actions  [rows, A]        overwritten
///
/// Any C >= 1, A >= 1; nothing overlaps. Sums run over the chunks from the oldest on.
struct ChunkRule {
  enum class Execution { ensemble, open_loop };
  Execution execution = Execution::ensemble;
  float decay = 1.0f;
};
void combine_chunks(Stream& stream, ConstMatrix chunks, ConstLabels elapsed, ChunkRule rule, Matrix memory,
                    Matrix actions);

MYNAH_CUDA_TWIN(remember_observations)
MYNAH_CUDA_TWIN(forget_states)
MYNAH_CUDA_TWIN(remember_actions)
MYNAH_CUDA_TWIN(remember_choices)
MYNAH_CUDA_TWIN(combine_chunks)

namespace eigen {
void remember_observations(Stream&, ConstMatrix observations, ConstLabels elapsed, Matrix history);
void forget_states(Stream&, ConstLabels elapsed, Matrix states);
void remember_actions(Stream&, ConstMatrix actions, ConstVector low, ConstVector high, Matrix last);
void remember_choices(Stream&, ConstLabels choices, Matrix last);
void combine_chunks(Stream&, ConstMatrix chunks, ConstLabels elapsed, ChunkRule rule, Matrix memory, Matrix actions);
}  // namespace eigen

}  // namespace mynah::kernels
