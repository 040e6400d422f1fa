#include "kernels/optimizer.h"

#include <cmath>

#include "kernels/eigen/map.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void adam_step(Stream&, const AdamOptions& options, const float* learning_rate, const Index* step,
               VectorView<Scalar> parameters, VectorView<const Scalar> gradient, VectorView<Scalar> first_moment,
               VectorView<Scalar> second_moment) {
  const double t = static_cast<double>(step[0]);
  const double rate = static_cast<double>(learning_rate[0]);
  const auto step_size = static_cast<Scalar>(rate / (1.0 - std::pow(options.beta1, t)));
  const auto root_correction = static_cast<Scalar>(1.0 / std::sqrt(1.0 - std::pow(options.beta2, t)));
  const auto beta1 = static_cast<Scalar>(options.beta1);
  const auto beta2 = static_cast<Scalar>(options.beta2);
  const auto rest1 = static_cast<Scalar>(1.0 - options.beta1);
  const auto rest2 = static_cast<Scalar>(1.0 - options.beta2);
  const auto epsilon = static_cast<Scalar>(options.epsilon);
  const auto decay = static_cast<Scalar>(options.decoupled ? 0.0 : options.weight_decay);
  const auto keep = static_cast<Scalar>(options.decoupled ? 1.0 - rate * options.weight_decay : 1.0);
  for (Index i = 0; i < parameters.size; ++i) {
    Scalar& theta = parameters.data[i];
    Scalar& m = first_moment.data[i];
    Scalar& v = second_moment.data[i];
    const Scalar g = gradient.data[i] + decay * theta;
    m = beta1 * m + rest1 * g;
    v = beta2 * v + rest2 * g * g;
    theta = keep * theta - step_size * m / (std::sqrt(v) * root_correction + epsilon);
  }
}

template void adam_step(Stream&, const AdamOptions&, const float*, const Index*, VectorView<float>,
                        VectorView<const float>, VectorView<float>, VectorView<float>);
template void adam_step(Stream&, const AdamOptions&, const float*, const Index*, VectorView<double>,
                        VectorView<const double>, VectorView<double>, VectorView<double>);

}  // namespace mynah::kernels::eigen
