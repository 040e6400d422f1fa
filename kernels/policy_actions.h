#pragma once

#include "kernels/episode_actions.h"
#include "kernels/mixture_likelihood.h"

namespace mynah::kernels {

/// What a policy does, of what its network says: the likeliest action, or one that is drawn. Rows are episodes, with
/// random numbers of their own (kernels/episode_actions.h).

/// actions_m = the means of the component with the largest logit, the first of equals. parameters: rows as
/// kernels/mixture_likelihood.h has them, perhaps without the log-deviations; actions [rows, n].
void mixture_mode(Stream& stream, ConstMatrix parameters, Index components, Matrix actions);

/// actions_m ~ the mixture: component k with probability w_k, by word 0 of block 0; then μ_kc + σ_kc e_c with e_c
/// normal number c % 4 of block 1 + c / 4. parameters [rows, mixture_columns(K, n)], actions [rows, n].
void mixture_sample(Stream& stream, const EpisodeNumbers& numbers, ConstMatrix parameters,
                    const MixtureOptions<float>& options, Matrix actions);

/// actions_m = c with probability softmax(logits)_c, by word 0 of block 0. logits [rows, classes >= 1], actions [rows].
void class_sample(Stream& stream, const EpisodeNumbers& numbers, ConstMatrix logits, Labels actions);

MYNAH_CUDA_TWIN(mixture_mode)
MYNAH_CUDA_TWIN(mixture_sample)
MYNAH_CUDA_TWIN(class_sample)

namespace eigen {
void mixture_mode(Stream&, ConstMatrix parameters, Index components, Matrix actions);
void mixture_sample(Stream&, const EpisodeNumbers& numbers, ConstMatrix parameters, const MixtureOptions<float>&,
                    Matrix actions);
void class_sample(Stream&, const EpisodeNumbers& numbers, ConstMatrix logits, Labels actions);
}  // namespace eigen

}  // namespace mynah::kernels
