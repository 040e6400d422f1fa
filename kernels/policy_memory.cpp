#include "kernels/policy_memory.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

void remember_observations(Stream& stream, ConstMatrix observations, ConstLabels elapsed, Matrix history) {
  require(elapsed.size == observations.rows && history.rows == observations.rows, "remember_observations",
          "elapsed [rows] and history [rows, ...] for observations [rows, columns]");
  require(observations.columns > 0
              ? history.columns >= observations.columns && history.columns % observations.columns == 0
              : history.columns == 0,
          "remember_observations", "history [rows, H columns] for an H of at least 1");
  if (observations.empty()) return;
  if (is_only_counted(stream, observations, elapsed, changed(history))) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(remember_observations, stream, observations, elapsed, history);
  }
  eigen::remember_observations(stream, observations, elapsed, history);
}

void forget_states(Stream& stream, ConstLabels elapsed, Matrix states) {
  require(elapsed.size == states.rows, "forget_states", "elapsed [rows] for states [rows, columns]");
  if (states.empty()) return;
  if (is_only_counted(stream, elapsed, states)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(forget_states, stream, elapsed, states);
  eigen::forget_states(stream, elapsed, states);
}

void remember_actions(Stream& stream, ConstMatrix actions, ConstVector low, ConstVector high, Matrix last) {
  require(last.rows == actions.rows && last.columns == actions.columns, "remember_actions",
          "last [rows, columns] for actions [rows, columns]");
  require(low.size == high.size && (low.size == 0 || low.size == actions.columns), "remember_actions",
          "low and high [columns], or both empty");
  if (actions.empty()) return;
  if (is_only_counted(stream, actions, low, high, last)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(remember_actions, stream, actions, low, high, last);
  eigen::remember_actions(stream, actions, low, high, last);
}

void remember_choices(Stream& stream, ConstLabels choices, Matrix last) {
  require(last.rows == choices.size, "remember_choices", "last [rows, columns] for choices [rows]");
  if (last.empty()) return;
  if (is_only_counted(stream, choices, last)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(remember_choices, stream, choices, last);
  eigen::remember_choices(stream, choices, last);
}

void combine_chunks(Stream& stream, ConstMatrix chunks, ConstLabels elapsed, ChunkRule rule, Matrix memory,
                    Matrix actions) {
  require(elapsed.size == chunks.rows && memory.rows == chunks.rows && actions.rows == chunks.rows, "combine_chunks",
          "elapsed, memory and actions of as many rows as chunks");
  require(actions.columns >= 1 && chunks.columns >= actions.columns && chunks.columns % actions.columns == 0,
          "combine_chunks", "chunks [rows, C A] for actions [rows, A]");
  require(memory.columns == chunks.columns / actions.columns * chunks.columns, "combine_chunks",
          "memory [rows, C C A] for chunks [rows, C A]");
  if (chunks.rows == 0) return;
  if (is_only_counted(stream, chunks, elapsed, changed(memory), actions)) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(combine_chunks, stream, chunks, elapsed, rule, memory, actions);
  }
  eigen::combine_chunks(stream, chunks, elapsed, rule, memory, actions);
}

}  // namespace mynah::kernels
