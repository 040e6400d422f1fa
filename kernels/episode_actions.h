#pragma once

#include "kernels/operation.h"
#include "kernels/philox.h"

namespace mynah::kernels {

/// Actions for episodes that run side by side (kernels/episode.h): random actions, and noise.

/// Tells which random numbers a row draws: those of its episode and step, philox(key, episode 2³² + step, block), so
/// that they do not depend on which other episodes run beside it.
struct EpisodeNumbers {
  RandomKey key;
  Index first_episode = 0;  ///< Row m is episode first_episode + m, below 2³¹.
  ConstLabels elapsed;      ///< [rows], the steps the episode has taken, in device memory.
};

/// actions_mc uniform in [low, high), from word c % 4 of block c / 4. actions [rows, columns].
void random_actions(Stream& stream, const EpisodeNumbers& numbers, float low, float high, Matrix actions);

/// actions_m uniform in 0 ... count-1: floor(count word / 2³²). actions [rows], count >= 1.
void random_labels(Stream& stream, const EpisodeNumbers& numbers, std::int32_t count, Labels actions);

/// out_mc = actions_mc + deviation z_mc, within [low, high]; z standard normal, from normals c % 4 of block c / 4.
/// actions, out [rows, columns]; out may be actions itself.
void perturb_actions(Stream& stream, const EpisodeNumbers& numbers, float deviation, float low, float high,
                     ConstMatrix actions, Matrix out);

/// out_m = a uniform class of 0 ... count-1 with probability `probability`, else actions_m. actions, out [rows]; out
/// may be actions itself.
void perturb_labels(Stream& stream, const EpisodeNumbers& numbers, float probability, std::int32_t count,
                    ConstLabels actions, Labels out);

MYNAH_CUDA_TWIN(random_actions)
MYNAH_CUDA_TWIN(random_labels)
MYNAH_CUDA_TWIN(perturb_actions)
MYNAH_CUDA_TWIN(perturb_labels)

namespace eigen {
void random_actions(Stream&, const EpisodeNumbers& numbers, float low, float high, Matrix actions);
void random_labels(Stream&, const EpisodeNumbers& numbers, std::int32_t count, Labels actions);
void perturb_actions(Stream&, const EpisodeNumbers& numbers, float deviation, float low, float high,
                     ConstMatrix actions, Matrix out);
void perturb_labels(Stream&, const EpisodeNumbers& numbers, float probability, std::int32_t count, ConstLabels actions,
                    Labels out);
}  // namespace eigen

}  // namespace mynah::kernels
