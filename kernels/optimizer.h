#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Steps of optimizers: one launch over one flat buffer each. The learning rate, the step number and the factor of the
/// gradient lie in device memory, so that a recorded plan stays valid. Every step takes, as its last argument,
///
///   gradient_scale   one factor s in device memory that the gradient is multiplied with before anything else (see
///                    clip_factor), or null for none. s = 1 and null give the same bits.
///
/// The gradient is read, not changed. No vector may overlap another.

/// Constants of Adam that do not change while training runs: in double, so that 1 - β2 is right to the last bit of a
/// float (1 - 0.999f is not: it is off by 1.3e-5 of itself); each coefficient is rounded to the scalar once.
struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;      ///< Added to sqrt(v̂), as PyTorch does.
  double weight_decay = 0.0;  ///< 0: none.
  bool decoupled = false;     ///< true: AdamW (Loshchilov and Hutter 2019); false: L2 added to the gradient.

  friend constexpr bool operator==(const AdamOptions&, const AdamOptions&) = default;
};

/// One step of Adam (Kingma and Ba 2015, algorithm 1); t = step[0] >= 1, η = learning_rate[0]:
///
///   g ← s g + weight_decay θ                    (s g, if decoupled)
///   θ ← θ - η weight_decay θ                    (decoupled)
///   m ← β1 m + (1 - β1) g                       v ← β2 v + (1 - β2) g²
///   θ ← θ - η/(1 - β1ᵗ) · m / (sqrt(v)/sqrt(1 - β2ᵗ) + ε)
///
/// parameters, gradient, first_moment (m), second_moment (v) [n]. The bias corrections are computed in double.
void adam_step(Stream& stream, const AdamOptions& options, const float* learning_rate, const Index* step,
               Vector parameters, ConstVector gradient, Vector first_moment, Vector second_moment,
               const float* gradient_scale = nullptr);

/// Constants of stochastic gradient descent, as torch.optim.SGD without dampening.
struct SgdOptions {
  double momentum = 0.0;
  double weight_decay = 0.0;  ///< L2, added to the gradient.
  bool nesterov = false;      ///< Sutskever et al. 2013; needs momentum.

  friend constexpr bool operator==(const SgdOptions&, const SgdOptions&) = default;
};

/// One step of gradient descent with momentum (Polyak 1964); η = learning_rate[0], λ = weight_decay, μ = momentum:
///
///   g ← s g + λ θ          b ← μ b + g          θ ← θ - η (g + μ b) with nesterov, else θ - η b
///
/// parameters, gradient [n]; momentum_buffer (b) [n], zeros before the first step; it may be empty where μ = 0.
void sgd_step(Stream& stream, const SgdOptions& options, const float* learning_rate, Vector parameters,
              ConstVector gradient, Vector momentum_buffer, const float* gradient_scale = nullptr);

/// Constants of RMSprop, as torch.optim.RMSprop.
struct RmsPropOptions {
  double alpha = 0.99;        ///< What is kept of the averages.
  double epsilon = 1e-8;      ///< Added to the root.
  double momentum = 0.0;      ///< 0: none.
  double weight_decay = 0.0;  ///< L2, added to the gradient.
  bool centered = false;      ///< Divides by the deviation instead of the root mean square (Graves 2013).
};

/// One step of RMSprop (Tieleman and Hinton 2012); η = learning_rate[0], λ = weight_decay, μ = momentum:
///
///   g ← s g + λ θ          v ← α v + (1 - α) g²          a ← α a + (1 - α) g (centered)
///   u = g / (sqrt(v - a²) + ε), with a = 0 unless centered
///   b ← μ b + u            θ ← θ - η b with momentum, else θ - η u
///
/// Where rounding makes v - a² negative, it counts as 0. parameters, gradient, square_average (v) [n];
/// momentum_buffer (b) and gradient_average (a) [n], or empty where they are not used. All three state vectors are
/// zeros before the first step.
void rmsprop_step(Stream& stream, const RmsPropOptions& options, const float* learning_rate, Vector parameters,
                  ConstVector gradient, Vector square_average, Vector momentum_buffer, Vector gradient_average,
                  const float* gradient_scale = nullptr);

/// norm[0] = sqrt(Σ g²), in double and a fixed order: the norm of all gradients together, as
/// torch.nn.utils.clip_grad_norm_ takes it. gradient [n]; norm one double in device memory.
void global_norm(Stream& stream, ConstVector gradient, VectorView<double> norm);

/// factor[0] = min(1, max_norm / (norm[0] + 1e-6)): what clip_grad_norm_ multiplies every gradient with; for the steps'
/// gradient_scale. NaN for a norm that is NaN, 0 for an infinite one. Both in device memory; max_norm > 0.
void clip_factor(Stream& stream, VectorView<const double> norm, double max_norm, float* factor);

/// Exponential moving average of weights: average ← average + (1 - decay)(values - average); the first update, where
/// step[0] <= 1, copies the values, as torch.optim.swa_utils.AveragedModel does. step null: never the first.
/// values, average [n]; decay in [0, 1).
void ema_update(Stream& stream, double decay, const Index* step, ConstVector values, Vector average);

/// a and b change places, element by element; both [n].
void exchange(Stream& stream, Vector a, Vector b);

MYNAH_CUDA_TWIN(adam_step)
MYNAH_CUDA_TWIN(sgd_step)
MYNAH_CUDA_TWIN(rmsprop_step)
MYNAH_CUDA_TWIN(clip_factor)
MYNAH_CUDA_TWIN(ema_update)
MYNAH_CUDA_TWIN(exchange)

namespace eigen {
template <class Scalar>
void adam_step(Stream&, const AdamOptions&, const float* learning_rate, const Index* step,
               VectorView<Scalar> parameters, VectorView<const Scalar> gradient, VectorView<Scalar> first_moment,
               VectorView<Scalar> second_moment, const float* gradient_scale = nullptr);
void sgd_step(Stream&, const SgdOptions&, const float* learning_rate, Vector parameters, ConstVector gradient,
              Vector momentum_buffer, const float* gradient_scale);
void rmsprop_step(Stream&, const RmsPropOptions&, const float* learning_rate, Vector parameters, ConstVector gradient,
                  Vector square_average, Vector momentum_buffer, Vector gradient_average, const float* gradient_scale);
void clip_factor(Stream&, VectorView<const double> norm, double max_norm, float* factor);
void ema_update(Stream&, double decay, const Index* step, ConstVector values, Vector average);
void exchange(Stream&, Vector a, Vector b);
}  // namespace eigen

}  // namespace mynah::kernels
