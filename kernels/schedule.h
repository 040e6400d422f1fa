#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// How the learning rate changes over a training, as a factor of the base rate. With s the number of steps taken
/// before this one (0 for the first), W = warmup_steps, T = steps and φ = final_factor:
///
///   s < W:   (s + 1) / (W + 1)                                    linear warm-up; the step after it has the full
///   factor else, with p = (s - W) / (T - W), at most 1 (and 1 where T <= W):
///     constant   1
///     linear     1 + (φ - 1) p                                    torch.optim.lr_scheduler.LinearLR(1, φ, T - W)
///     cosine     φ + (1 - φ) (1 + cos πp) / 2                     CosineAnnealingLR(T - W, η_min = φ η); Loshchilov
///     and
///                                                                 Hutter 2017, equation 5, without restarts
///
/// After T steps the factor stays φ (linear, cosine). T counts the warm-up's steps too; constant needs no T.
struct Schedule {
  enum Kind { constant, linear, cosine };
  Kind kind = constant;
  Index warmup_steps = 0;     ///< W >= 0
  Index steps = 0;            ///< T >= 0
  double final_factor = 0.0;  ///< φ >= 0

  /// Whether the factor is 1 at every step.
  constexpr bool is_constant() const { return kind == constant && warmup_steps == 0; }

  friend constexpr bool operator==(const Schedule&, const Schedule&) = default;
};

/// learning_rate[0] = base_rate[0] times the schedule's factor at s = step[0] - 1: step counts from 1, as in adam_step.
/// All in device memory, so that a recorded plan follows the schedule without a new recording. Computed in double and
/// rounded once.
void schedule_learning_rate(Stream& stream, const Schedule& schedule, const Index* step, const float* base_rate,
                            float* learning_rate);

MYNAH_CUDA_TWIN(schedule_learning_rate)

namespace eigen {
void schedule_learning_rate(Stream&, const Schedule& schedule, const Index* step, const float* base_rate,
                            float* learning_rate);
}  // namespace eigen

}  // namespace mynah::kernels
