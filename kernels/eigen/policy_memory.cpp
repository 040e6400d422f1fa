#include "kernels/eigen/rows.h"
#include "kernels/policy_memory_rows.h"

namespace mynah::kernels::eigen {

void remember_observations(Stream&, ConstMatrix observations, ConstLabels elapsed, Matrix history) {
  for_each_row(history.rows, RememberObservationsRow{observations, elapsed, history});
}

void forget_states(Stream&, ConstLabels elapsed, Matrix states) {
  for_each_row(states.rows, ForgetStatesRow{elapsed, states});
}

void remember_actions(Stream&, ConstMatrix actions, ConstVector low, ConstVector high, Matrix last) {
  for_each_row(last.rows, RememberActionsRow{actions, low, high, last});
}

void remember_choices(Stream&, ConstLabels choices, Matrix last) {
  for_each_row(last.rows, RememberChoicesRow{choices, last});
}

void combine_chunks(Stream&, ConstMatrix chunks, ConstLabels elapsed, ChunkRule rule, Matrix memory, Matrix actions) {
  for_each_row(actions.rows, CombineChunksRow{chunks, elapsed, rule, memory, actions});
}

}  // namespace mynah::kernels::eigen
