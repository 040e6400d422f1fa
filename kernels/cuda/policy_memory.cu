#include "kernels/cuda/rows.h"
#include "kernels/policy_memory_rows.h"

namespace mynah::kernels::cuda {

// A thread a row: what is kept of an episode is moved within its row. Limited by the launch for the hundreds of rows
// that an evaluation has, and by memory for thousands.

void remember_observations(Stream& stream, ConstMatrix observations, ConstLabels elapsed, Matrix history) {
  for_each_row(stream, "remember_observations", history.rows, RememberObservationsRow{observations, elapsed, history});
}

void forget_states(Stream& stream, ConstLabels elapsed, Matrix states) {
  for_each_row(stream, "forget_states", states.rows, ForgetStatesRow{elapsed, states});
}

void remember_actions(Stream& stream, ConstMatrix actions, ConstVector low, ConstVector high, Matrix last) {
  for_each_row(stream, "remember_actions", last.rows, RememberActionsRow{actions, low, high, last});
}

void remember_choices(Stream& stream, ConstLabels choices, Matrix last) {
  for_each_row(stream, "remember_choices", last.rows, RememberChoicesRow{choices, last});
}

void combine_chunks(Stream& stream, ConstMatrix chunks, ConstLabels elapsed, ChunkRule rule, Matrix memory,
                    Matrix actions) {
  for_each_row(stream, "combine_chunks", actions.rows, CombineChunksRow{chunks, elapsed, rule, memory, actions});
}

}  // namespace mynah::kernels::cuda
