#include "kernels/episode_actions.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

void random_actions(Stream& stream, const EpisodeNumbers& numbers, float low, float high, Matrix actions) {
  require(numbers.elapsed.size == actions.rows, "random_actions", "elapsed [rows] for actions [rows, columns]");
  if (actions.empty()) return;
  if (is_only_counted(stream, numbers.elapsed, actions)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(random_actions, stream, numbers, low, high, actions);
  eigen::random_actions(stream, numbers, low, high, actions);
}

void random_labels(Stream& stream, const EpisodeNumbers& numbers, std::int32_t count, Labels actions) {
  require(numbers.elapsed.size == actions.size, "random_labels", "elapsed [rows] for actions [rows]");
  require(count >= 1, "random_labels", "at least one class");
  if (actions.empty()) return;
  if (is_only_counted(stream, numbers.elapsed, actions)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(random_labels, stream, numbers, count, actions);
  eigen::random_labels(stream, numbers, count, actions);
}

void perturb_actions(Stream& stream, const EpisodeNumbers& numbers, float deviation, float low, float high,
                     ConstMatrix actions, Matrix out) {
  require(same_shape(actions, out) && numbers.elapsed.size == out.rows, "perturb_actions",
          "actions and out [rows, columns], elapsed [rows]");
  if (out.empty()) return;
  if (is_only_counted(stream, numbers.elapsed, actions, out)) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(perturb_actions, stream, numbers, deviation, low, high, actions, out);
  }
  eigen::perturb_actions(stream, numbers, deviation, low, high, actions, out);
}

void perturb_labels(Stream& stream, const EpisodeNumbers& numbers, float probability, std::int32_t count,
                    ConstLabels actions, Labels out) {
  require(actions.size == out.size && numbers.elapsed.size == out.size, "perturb_labels",
          "actions, out and elapsed [rows]");
  require(count >= 1, "perturb_labels", "at least one class");
  if (out.empty()) return;
  if (is_only_counted(stream, numbers.elapsed, actions, out)) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(perturb_labels, stream, numbers, probability, count, actions, out);
  }
  eigen::perturb_labels(stream, numbers, probability, count, actions, out);
}

}  // namespace mynah::kernels
