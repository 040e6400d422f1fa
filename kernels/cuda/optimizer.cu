#include "kernels/optimizer.h"

#include "kernels/cuda/adam_element.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/map.h"
#include "kernels/cuda/pack.h"

namespace mynah::kernels::cuda {
namespace {

constexpr int adam_threads = 256;

struct AdamArguments {
  AdamOptions options;
  const float* learning_rate;
  const Index* step;
  float* parameters;
  const float* gradient;
  float* first_moment;
  float* second_moment;
  Index size;
  const float* gradient_scale;  ///< null: 1
};

template <int width>
__device__ __forceinline__ void adam_pack(const AdamArguments& arguments, const AdamFactors& factors, float scale,
                                          Index i) {
  const Pack<width> gradient = load<width>(arguments.gradient + i);
  Pack<width> theta = load<width>(arguments.parameters + i);
  Pack<width> first = load<width>(arguments.first_moment + i);
  Pack<width> second = load<width>(arguments.second_moment + i);
#pragma unroll
  for (int j = 0; j < width; ++j) {
    adam_element(factors, scaled_gradient(gradient.value[j], scale), theta.value[j], first.value[j], second.value[j]);
  }
  store<width>(arguments.parameters + i, theta);
  store<width>(arguments.first_moment + i, first);
  store<width>(arguments.second_moment + i, second);
}

/// Limited by memory: 16 bytes read and 12 written for each parameter. The two powers in double would cost a thread
/// more than its parameters, so one thread of a block computes them for all; the grid is held small enough that a
/// thread has several packs to share them.
template <bool packs>
__global__ void __launch_bounds__(adam_threads) adam_kernel(EarlierWork earlier, AdamArguments arguments) {
  earlier.wait();
  __shared__ AdamFactors factors;
  if (threadIdx.x == 0) factors = adam_factors(arguments.options, arguments.learning_rate[0], arguments.step[0]);
  __syncthreads();
  const float scale = arguments.gradient_scale == nullptr ? 1.0f : arguments.gradient_scale[0];
  constexpr Index width = packs ? 4 : 1;
  const Index step = Index{gridDim.x} * adam_threads * width;
  for (Index i = (Index{blockIdx.x} * adam_threads + threadIdx.x) * width; i < arguments.size; i += step) {
    if (i + width <= arguments.size) {
      adam_pack<width>(arguments, factors, scale, i);
    } else {
      for (Index rest = i; rest < arguments.size; ++rest) adam_pack<1>(arguments, factors, scale, rest);
    }
  }
}

/// The other optimizers, element by element with the text that both twins share; limited by memory. The scalars in
/// device memory are the same for all and come from L1.

template <bool with_momentum>
struct SgdElement {
  SgdOptions options;
  const float* learning_rate;
  float* parameters;
  const float* gradient;
  float* momentum_buffer;
  const float* gradient_scale;
  template <int width>
  __device__ void at(Index, Index i) const {
    const SgdCoefficients coefficients(options, learning_rate[0]);
    const float scale = gradient_scale == nullptr ? 1.0f : gradient_scale[0];
    const Pack<width> g = load<width>(gradient + i);
    Pack<width> theta = load<width>(parameters + i);
    Pack<width> buffer{};
    if constexpr (with_momentum) buffer = load<width>(momentum_buffer + i);
    for (int j = 0; j < width; ++j) {
      coefficients.template step<with_momentum>(scaled_gradient(g.value[j], scale), theta.value[j], buffer.value[j]);
    }
    store<width>(parameters + i, theta);
    if constexpr (with_momentum) store<width>(momentum_buffer + i, buffer);
  }
};

template <bool with_momentum, bool centered>
struct RmsPropElement {
  RmsPropOptions options;
  const float* learning_rate;
  float* parameters;
  const float* gradient;
  float* square_average;
  float* momentum_buffer;
  float* gradient_average;
  const float* gradient_scale;
  template <int width>
  __device__ void at(Index, Index i) const {
    const RmsPropCoefficients coefficients(options, learning_rate[0]);
    const float scale = gradient_scale == nullptr ? 1.0f : gradient_scale[0];
    const Pack<width> g = load<width>(gradient + i);
    Pack<width> theta = load<width>(parameters + i);
    Pack<width> square = load<width>(square_average + i);
    Pack<width> buffer{};
    Pack<width> average{};
    if constexpr (with_momentum) buffer = load<width>(momentum_buffer + i);
    if constexpr (centered) average = load<width>(gradient_average + i);
    for (int j = 0; j < width; ++j) {
      coefficients.template step<with_momentum, centered>(scaled_gradient(g.value[j], scale), theta.value[j],
                                                          square.value[j], buffer.value[j], average.value[j]);
    }
    store<width>(parameters + i, theta);
    store<width>(square_average + i, square);
    if constexpr (with_momentum) store<width>(momentum_buffer + i, buffer);
    if constexpr (centered) store<width>(gradient_average + i, average);
  }
};

struct EmaElement {
  float rest;
  const Index* step;
  const float* values;
  float* average;
  template <int width>
  __device__ void at(Index, Index i) const {
    const bool first = step != nullptr && step[0] <= 1;
    Pack<width> value = load<width>(values + i);
    if (!first) {
      const Pack<width> before = load<width>(average + i);
      for (int j = 0; j < width; ++j) value.value[j] = averaged(before.value[j], value.value[j], rest);
    }
    store<width>(average + i, value);
  }
};

struct ExchangeElement {
  float* a;
  float* b;
  template <int width>
  __device__ void at(Index, Index i) const {
    const Pack<width> of_a = load<width>(a + i);
    store<width>(a + i, load<width>(b + i));
    store<width>(b + i, of_a);
  }
};

/// One number: a launch for its place in the stream, not for its work.
__global__ void clip_factor_kernel(EarlierWork earlier, const double* norm, double max_norm, float* factor) {
  earlier.wait();
  factor[0] = clip_factor_of(norm[0], max_norm);
}

template <class... Vectors>
bool all_allow_packs(Vectors... vectors) {
  return (allows_packs(vectors) && ...);
}

}  // namespace

void adam_step(Stream& stream, const AdamOptions& options, const float* learning_rate, const Index* step,
               Vector parameters, ConstVector gradient, Vector first_moment, Vector second_moment,
               const float* gradient_scale) {
  const AdamArguments arguments{
      options,         learning_rate, step, parameters.data, gradient.data, first_moment.data, second_moment.data,
      parameters.size, gradient_scale};
  const bool packs = all_allow_packs(parameters, gradient, first_moment, second_moment);
  const Index blocks = std::min(ceil_divide(parameters.size, adam_threads * (packs ? 4 : 1)), grid_limit / 4);
  launch(stream, "adam_step", {dim3(static_cast<unsigned>(blocks)), dim3(adam_threads)},
         packs ? adam_kernel<true> : adam_kernel<false>, arguments);
}

void sgd_step(Stream& stream, const SgdOptions& options, const float* learning_rate, Vector parameters,
              ConstVector gradient, Vector momentum_buffer, const float* gradient_scale) {
  const auto run = [&](auto element) {
    map(stream, "sgd_step", 1, parameters.size, all_allow_packs(parameters, gradient, momentum_buffer), element);
  };
  if (options.momentum == 0.0) {
    momentum_buffer = {};
    run(SgdElement<false>{options, learning_rate, parameters.data, gradient.data, nullptr, gradient_scale});
  } else {
    run(SgdElement<true>{options, learning_rate, parameters.data, gradient.data, momentum_buffer.data, gradient_scale});
  }
}

void rmsprop_step(Stream& stream, const RmsPropOptions& options, const float* learning_rate, Vector parameters,
                  ConstVector gradient, Vector square_average, Vector momentum_buffer, Vector gradient_average,
                  const float* gradient_scale) {
  if (options.momentum == 0.0) momentum_buffer = {};
  if (!options.centered) gradient_average = {};
  const bool packs = all_allow_packs(parameters, gradient, square_average, momentum_buffer, gradient_average);
  const auto run = [&]<bool with_momentum, bool centered>() {
    const RmsPropElement<with_momentum, centered> element{options,
                                                          learning_rate,
                                                          parameters.data,
                                                          gradient.data,
                                                          square_average.data,
                                                          momentum_buffer.data,
                                                          gradient_average.data,
                                                          gradient_scale};
    map(stream, "rmsprop_step", 1, parameters.size, packs, element);
  };
  if (options.momentum == 0.0) {
    options.centered ? run.template operator()<false, true>() : run.template operator()<false, false>();
  } else {
    options.centered ? run.template operator()<true, true>() : run.template operator()<true, false>();
  }
}

void clip_factor(Stream& stream, VectorView<const double> norm, double max_norm, float* factor) {
  launch(stream, "clip_factor", {}, clip_factor_kernel, norm.data, max_norm, factor);
}

void ema_update(Stream& stream, double decay, const Index* step, ConstVector values, Vector average) {
  map(stream, "ema_update", 1, values.size, all_allow_packs(values, average),
      EmaElement{static_cast<float>(1.0 - decay), step, values.data, average.data});
}

void exchange(Stream& stream, Vector a, Vector b) {
  map(stream, "exchange", 1, a.size, all_allow_packs(a, b), ExchangeElement{a.data, b.data});
}

}  // namespace mynah::kernels::cuda
