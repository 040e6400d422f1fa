#include "kernels/policy_actions.h"

#include "kernels/eigen/rows.h"
#include "kernels/policy_action_rows.h"

namespace mynah::kernels::eigen {

void mixture_mode(Stream&, ConstMatrix parameters, Index components, Matrix actions) {
  for_each_row(actions.rows, MixtureModeRow{parameters, components, actions});
}

void mixture_sample(Stream&, const EpisodeNumbers& numbers, ConstMatrix parameters,
                    const MixtureOptions<float>& options, Matrix actions) {
  for_each_row(actions.rows, MixtureSampleRow{numbers, parameters, options, actions});
}

void class_sample(Stream&, const EpisodeNumbers& numbers, ConstMatrix logits, Labels actions) {
  for_each_row(actions.size, ClassSampleRow{numbers, logits, actions});
}

}  // namespace mynah::kernels::eigen
