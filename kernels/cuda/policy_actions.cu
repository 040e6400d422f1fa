#include "kernels/policy_actions.h"

#include "kernels/cuda/rows.h"
#include "kernels/policy_action_rows.h"

namespace mynah::kernels::cuda {

// A thread a row, as in episode_actions.cu: limited by the launch, and by exponentials, Philox and normals in double.

void mixture_mode(Stream& stream, ConstMatrix parameters, Index components, Matrix actions) {
  for_each_row(stream, "mixture_mode", actions.rows, MixtureModeRow{parameters, components, actions});
}

void mixture_sample(Stream& stream, const EpisodeNumbers& numbers, ConstMatrix parameters,
                    const MixtureOptions<float>& options, Matrix actions) {
  for_each_row(stream, "mixture_sample", actions.rows, MixtureSampleRow{numbers, parameters, options, actions});
}

void class_sample(Stream& stream, const EpisodeNumbers& numbers, ConstMatrix logits, Labels actions) {
  for_each_row(stream, "class_sample", actions.size, ClassSampleRow{numbers, logits, actions});
}

}  // namespace mynah::kernels::cuda
