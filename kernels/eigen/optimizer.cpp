#include "kernels/optimizer.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "kernels/eigen/shared_work.h"
#include "kernels/eigen/vectorized/operations.h"
#include "kernels/optimizer_functions.h"

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
               VectorView<Scalar> second_moment, const float* gradient_scale) {
  const AdamFactors factors(options, learning_rate[0], static_cast<double>(step[0]));
  const auto scale = static_cast<Scalar>(gradient_scale == nullptr ? 1.0f : gradient_scale[0]);
  for (Index i = 0; i < parameters.size; ++i) {
    Scalar& theta = parameters.data[i];
    Scalar& m = first_moment.data[i];
    Scalar& v = second_moment.data[i];
    const Scalar g = scale * gradient.data[i] + factors.decay * theta;
    m = options.beta1 * m + factors.rest1 * g;
    v = options.beta2 * v + factors.rest2 * g * g;
    theta = factors.keep * theta - factors.step_size * m / (std::sqrt(v) * factors.root_scale + options.epsilon);
  }
}

template void adam_step(Stream&, const AdamOptions&, const float*, const Index*, VectorView<double>,
                        VectorView<const double>, VectorView<double>, VectorView<double>, const float*);

template <>
void adam_step<float>(Stream& stream, const AdamOptions& options, const float* learning_rate, const Index* step,
                      Vector parameters, ConstVector gradient, Vector first_moment, Vector second_moment,
                      const float* gradient_scale) {
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
  const auto& operations = vectorized::operations();
  if (gradient_scale == nullptr) {
    share(stream, parameters.size >= least_shared_elements, [&](const vectorized::Team& team) {
      const SharedPart own(parameters.size, team);
      operations.adam_step(a, own.count, own.of(parameters).data, own.of(gradient).data, own.of(first_moment).data,
                           own.of(second_moment).data);
    });
    return;
  }
  // The vectorised step knows no factor: it gets scaled copies, small enough to stay in the first cache.
  constexpr Index block = 1024;
  float scaled[block];
  for (Index first = 0; first < parameters.size; first += block) {
    const Index count = std::min(block, parameters.size - first);
    for (Index i = 0; i < count; ++i) scaled[i] = scaled_gradient(gradient.data[first + i], gradient_scale[0]);
    operations.adam_step(a, count, parameters.data + first, scaled, first_moment.data + first,
                         second_moment.data + first);
  }
}

namespace {

/// Calls step(i, g) for every element with its gradient, multiplied by the factor of clipping.
template <class Step>
void for_each_gradient(ConstVector gradient, const float* gradient_scale, const Step& step) {
  const float scale = gradient_scale == nullptr ? 1.0f : gradient_scale[0];
  for (Index i = 0; i < gradient.size; ++i) step(i, scaled_gradient(gradient.data[i], scale));
}

/// In blocks that stay in the first cache, so that roots and quotients are taken with vectors; the formulas are those
/// of RmsPropCoefficients::step.
template <bool with_momentum, bool centered>
void rmsprop(const RmsPropCoefficients& c, ConstVector gradient, const float* gradient_scale, Vector parameters,
             Vector square_average, Vector momentum_buffer, Vector gradient_average) {
  constexpr Index block = 1024;
  using Block = Eigen::Array<float, Eigen::Dynamic, 1, Eigen::ColMajor, block, 1>;
  const float scale = gradient_scale == nullptr ? 1.0f : gradient_scale[0];
  for (Index first = 0; first < parameters.size; first += block) {
    const Index count = std::min(block, parameters.size - first);
    const auto part = [&](Vector all) { return Eigen::Map<Eigen::ArrayXf>(all.data + first, count); };
    auto theta = part(parameters);
    auto square = part(square_average);
    const Block g = Eigen::Map<const Eigen::ArrayXf>(gradient.data + first, count) * scale + c.decay * theta;
    square = c.alpha * square + c.rest * g * g;
    Block variance = square;
    if constexpr (centered) {
      auto average = part(gradient_average);
      average = c.alpha * average + c.rest * g;
      variance -= average * average;
      variance = (variance < 0.0f).select(0.0f, variance);  // NaN stays NaN
    }
    const Block update = g / (variance.sqrt() + c.epsilon);
    if constexpr (with_momentum) {
      auto buffer = part(momentum_buffer);
      buffer = c.momentum * buffer + update;
      theta -= c.rate * buffer;
    } else {
      theta -= c.rate * update;
    }
  }
}

}  // namespace

void sgd_step(Stream&, const SgdOptions& options, const float* learning_rate, Vector parameters, ConstVector gradient,
              Vector momentum_buffer, const float* gradient_scale) {
  const SgdCoefficients coefficients(options, learning_rate[0]);
  if (options.momentum == 0.0) {
    for_each_gradient(gradient, gradient_scale, [&](Index i, float g) {
      float unused = 0.0f;
      coefficients.step<false>(g, parameters.data[i], unused);
    });
  } else {
    for_each_gradient(gradient, gradient_scale, [&](Index i, float g) {
      coefficients.step<true>(g, parameters.data[i], momentum_buffer.data[i]);
    });
  }
}

void rmsprop_step(Stream&, const RmsPropOptions& options, const float* learning_rate, Vector parameters,
                  ConstVector gradient, Vector square_average, Vector momentum_buffer, Vector gradient_average,
                  const float* gradient_scale) {
  const bool with_momentum = options.momentum != 0.0;
  const auto kernel = with_momentum ? (options.centered ? rmsprop<true, true> : rmsprop<true, false>)
                                    : (options.centered ? rmsprop<false, true> : rmsprop<false, false>);
  kernel(RmsPropCoefficients(options, learning_rate[0]), gradient, gradient_scale, parameters, square_average,
         momentum_buffer, gradient_average);
}

void clip_factor(Stream&, VectorView<const double> norm, double max_norm, float* factor) {
  factor[0] = clip_factor_of(norm.data[0], max_norm);
}

void ema_update(Stream&, double decay, const Index* step, ConstVector values, Vector average) {
  if (step != nullptr && step[0] <= 1) {
    std::copy_n(values.data, values.size, average.data);
    return;
  }
  const auto rest = static_cast<float>(1.0 - decay);
  for (Index i = 0; i < values.size; ++i) average.data[i] = averaged(average.data[i], values.data[i], rest);
}

void exchange(Stream&, Vector a, Vector b) {
  std::swap_ranges(a.data, a.data + a.size, b.data);
}

}  // namespace mynah::kernels::eigen
