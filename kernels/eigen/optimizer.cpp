#include "kernels/optimizer.h"

#include <cmath>

#include "kernels/eigen/vectorized/operations.h"

namespace mynah::kernels::eigen {
namespace {

/// What a step multiplies with, in double; t >= 1.
struct AdamFactors {
  double step_size, root_scale, rest1, rest2, decay, keep;

  AdamFactors(const AdamOptions& options, double rate, double t)
      : step_size(rate / (1.0 - std::pow(options.beta1, t))),
        root_scale(1.0 / std::sqrt(1.0 - std::pow(options.beta2, t))),
        rest1(1.0 - options.beta1),
        rest2(1.0 - options.beta2),
        decay(options.decoupled ? 0.0 : options.weight_decay),
        keep(options.decoupled ? 1.0 - rate * options.weight_decay : 1.0) {}
};

}  // namespace

template <class Scalar>
void adam_step(Stream&, const AdamOptions& options, const float* learning_rate, const Index* step,
               VectorView<Scalar> parameters, VectorView<const Scalar> gradient, VectorView<Scalar> first_moment,
               VectorView<Scalar> second_moment) {
  const AdamFactors factors(options, learning_rate[0], static_cast<double>(step[0]));
  for (Index i = 0; i < parameters.size; ++i) {
    Scalar& theta = parameters.data[i];
    Scalar& m = first_moment.data[i];
    Scalar& v = second_moment.data[i];
    const Scalar g = gradient.data[i] + factors.decay * theta;
    m = options.beta1 * m + factors.rest1 * g;
    v = options.beta2 * v + factors.rest2 * g * g;
    theta = factors.keep * theta - factors.step_size * m / (std::sqrt(v) * factors.root_scale + options.epsilon);
  }
}

template void adam_step(Stream&, const AdamOptions&, const float*, const Index*, VectorView<double>,
                        VectorView<const double>, VectorView<double>, VectorView<double>);

template <>
void adam_step<float>(Stream&, const AdamOptions& options, const float* learning_rate, const Index* step,
                      Vector parameters, ConstVector gradient, Vector first_moment, Vector second_moment) {
  const AdamFactors factors(options, learning_rate[0], static_cast<double>(step[0]));
  const auto rounded = [](double value) { return static_cast<float>(value); };
  vectorized::AdamCoefficients a;
  a.beta1 = rounded(options.beta1);
  a.beta2 = rounded(options.beta2);
  a.rest1 = rounded(factors.rest1);
  a.rest2 = rounded(factors.rest2);
  a.step_size = rounded(factors.step_size);
  a.root_scale = rounded(factors.root_scale);
  a.epsilon = rounded(options.epsilon);
  a.decay = rounded(factors.decay);
  a.keep = rounded(factors.keep);
  vectorized::operations().adam_step(a, parameters.size, parameters.data, gradient.data, first_moment.data,
                                     second_moment.data);
}

}  // namespace mynah::kernels::eigen
