#pragma once

#include "kernels/linear.h"
#include "kernels/optimizer.h"
#include "kernels/schedule.h"

namespace mynah::kernels {

/// How an optimizer steps, for operations that take its step themselves: adam_step or, with `descends`, sgd_step, at
/// the base rate times the schedule's factor (schedule_learning_rate).
struct StepRule {
  bool descends = false;
  AdamOptions adam;
  SgdOptions sgd;
  Schedule schedule;
  const float* learning_rate = nullptr;  ///< The base rate, in device memory.
  const Index* steps = nullptr;          ///< Steps counted, in device memory;
  Index ahead = 0;                       ///< this one's number is steps[0] + ahead, from 1 on.
};

/// The step of one linear layer: what is kept of its weights and bias from step to step, laid out as they are. Adam's m
/// and v, SGD's momentum buffer and nothing, or nothing twice without momentum.
struct LinearStep {
  const StepRule* rule = nullptr;
  Matrix w_first;
  Matrix w_second;
  Vector b_first;
  Vector b_second;
};

/// linear_backward and the optimizer's step of its layer, in one launch for weights and bias:
///
///   dx = dz w,  times the derivative of the activation that made x     with the weights as they were
///   w, b ← stepped on with dw = dzᵀ x and db = Σ_m dz_mo               each element as soon as its gradient is summed
///
/// For layers whose gradient nobody else needs: used once, not clipped by a norm of all. dw and db, of the shapes of w
/// and b, may be used as scratch: what they hold afterwards is undefined (the CPU leaves the gradient there, on CUDA it
/// never reaches memory unless the sum is taken in parts). Shapes as in linear_backward, dx may be empty; rows >= 1;
/// products in float32. The same sums in the same order, and the same step, as the operations one by one.
void linear_backward_and_step(Stream& stream, ConstMatrix x, Matrix w, Vector b, ConstMatrix dz, Matrix dx, Matrix dw,
                              Vector db, const LinearStep& step, InputActivation<float> input_activation = {});

MYNAH_CUDA_TWIN(linear_backward_and_step)

namespace eigen {
void linear_backward_and_step(Stream&, ConstMatrix x, Matrix w, Vector b, ConstMatrix dz, Matrix dx, Matrix dw,
                              Vector db, const LinearStep& step, InputActivation<float> input_activation);
}  // namespace eigen

}  // namespace mynah::kernels
