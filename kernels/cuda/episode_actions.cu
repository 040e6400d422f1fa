#include "kernels/episode_actions.h"

#include "kernels/cuda/rows.h"
#include "kernels/dynamics/action_rows.h"

namespace mynah::kernels::cuda {

// A thread a row: limited by the launch, and by Philox and the double-precision functions of the normals.

void random_actions(Stream& stream, const EpisodeNumbers& numbers, float low, float high, Matrix actions) {
  for_each_row(stream, "random_actions", actions.rows, dynamics::RandomActionsRow{numbers, low, high, actions});
}

void random_labels(Stream& stream, const EpisodeNumbers& numbers, std::int32_t count, Labels actions) {
  for_each_row(stream, "random_labels", actions.size, dynamics::RandomLabelsRow{numbers, count, actions});
}

void perturb_actions(Stream& stream, const EpisodeNumbers& numbers, float deviation, float low, float high,
                     ConstMatrix actions, Matrix out) {
  for_each_row(stream, "perturb_actions", out.rows,
               dynamics::PerturbActionsRow{numbers, deviation, low, high, actions, out});
}

void perturb_labels(Stream& stream, const EpisodeNumbers& numbers, float probability, std::int32_t count,
                    ConstLabels actions, Labels out) {
  for_each_row(stream, "perturb_labels", out.size,
               dynamics::PerturbLabelsRow{numbers, probability, count, actions, out});
}

}  // namespace mynah::kernels::cuda
