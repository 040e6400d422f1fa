#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Constants of Adam that do not change while training runs: in double, so that 1 - β2 is right to the last bit of a
/// float (1 - 0.999f is not: it is off by 1.3e-5 of itself); each coefficient is rounded to the scalar once.
struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;      ///< Added to sqrt(v̂), as PyTorch does.
  double weight_decay = 0.0;  ///< 0: none.
  bool decoupled = false;     ///< true: AdamW (Loshchilov and Hutter 2019); false: L2 added to the gradient.
};

/// One step of Adam (Kingma and Ba 2015, algorithm 1) over one flat buffer; t = step[0] >= 1, η = learning_rate[0],
/// both in device memory so that a recorded plan stays valid:
///
///   g ← g + weight_decay θ                      (not decoupled)
///   θ ← θ - η weight_decay θ                    (decoupled)
///   m ← β1 m + (1 - β1) g                       v ← β2 v + (1 - β2) g²
///   θ ← θ - η/(1 - β1ᵗ) · m / (sqrt(v)/sqrt(1 - β2ᵗ) + ε)
///
/// parameters, gradient, first_moment (m), second_moment (v) [n]. The gradient is read, not changed. The bias
/// corrections are computed in double.
void adam_step(Stream& stream, const AdamOptions& options, const float* learning_rate, const Index* step,
               Vector parameters, ConstVector gradient, Vector first_moment, Vector second_moment);

MYNAH_CUDA_TWIN(adam_step)

namespace eigen {
template <class Scalar>
void adam_step(Stream&, const AdamOptions&, const float* learning_rate, const Index* step,
               VectorView<Scalar> parameters, VectorView<const Scalar> gradient, VectorView<Scalar> first_moment,
               VectorView<Scalar> second_moment);
}  // namespace eigen

}  // namespace mynah::kernels
