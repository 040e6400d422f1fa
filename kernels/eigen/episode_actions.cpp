#include "kernels/episode_actions.h"

#include "kernels/dynamics/action_rows.h"
#include "kernels/eigen/rows.h"

namespace mynah::kernels::eigen {

void random_actions(Stream&, const EpisodeNumbers& numbers, float low, float high, Matrix actions) {
  for_each_row(actions.rows, dynamics::RandomActionsRow{numbers, low, high, actions});
}

void random_labels(Stream&, const EpisodeNumbers& numbers, std::int32_t count, Labels actions) {
  for_each_row(actions.size, dynamics::RandomLabelsRow{numbers, count, actions});
}

void perturb_actions(Stream&, const EpisodeNumbers& numbers, float deviation, float low, float high,
                     ConstMatrix actions, Matrix out) {
  for_each_row(out.rows, dynamics::PerturbActionsRow{numbers, deviation, low, high, actions, out});
}

void perturb_labels(Stream&, const EpisodeNumbers& numbers, float probability, std::int32_t count, ConstLabels actions,
                    Labels out) {
  for_each_row(out.size, dynamics::PerturbLabelsRow{numbers, probability, count, actions, out});
}

}  // namespace mynah::kernels::eigen
