#include "kernels/optimizer.h"

#include "kernels/cuda/launch.h"
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
};

/// The coefficients of a step, each rounded once from double.
struct AdamFactors {
  float beta1;
  float beta2;
  float rest1;  ///< 1 - β1
  float rest2;  ///< 1 - β2
  float epsilon;
  float added_decay;      ///< weight_decay unless decoupled
  float kept;             ///< 1 - η weight_decay if decoupled, else 1
  float step_size;        ///< η/(1 - β1ᵗ)
  float root_correction;  ///< 1/sqrt(1 - β2ᵗ)
};

__device__ AdamFactors adam_factors(const AdamArguments& arguments) {
  const AdamOptions& options = arguments.options;
  const auto rate = static_cast<double>(arguments.learning_rate[0]);
  const auto step = static_cast<double>(arguments.step[0]);
  AdamFactors factors;
  factors.beta1 = static_cast<float>(options.beta1);
  factors.beta2 = static_cast<float>(options.beta2);
  factors.rest1 = static_cast<float>(1.0 - options.beta1);
  factors.rest2 = static_cast<float>(1.0 - options.beta2);
  factors.epsilon = static_cast<float>(options.epsilon);
  factors.added_decay = options.decoupled ? 0.0f : static_cast<float>(options.weight_decay);
  factors.kept = options.decoupled ? static_cast<float>(1.0 - rate * options.weight_decay) : 1.0f;
  factors.step_size = static_cast<float>(rate / (1.0 - pow(options.beta1, step)));
  factors.root_correction = static_cast<float>(1.0 / sqrt(1.0 - pow(options.beta2, step)));
  return factors;
}

template <int width>
__device__ __forceinline__ void adam_pack(const AdamArguments& arguments, const AdamFactors& factors, Index i) {
  const Pack<width> gradient = load<width>(arguments.gradient + i);
  Pack<width> theta = load<width>(arguments.parameters + i);
  Pack<width> first = load<width>(arguments.first_moment + i);
  Pack<width> second = load<width>(arguments.second_moment + i);
#pragma unroll
  for (int j = 0; j < width; ++j) {
    const float g = gradient.value[j] + factors.added_decay * theta.value[j];
    first.value[j] = factors.beta1 * first.value[j] + factors.rest1 * g;
    second.value[j] = factors.beta2 * second.value[j] + factors.rest2 * g * g;
    const float denominator = sqrtf(second.value[j]) * factors.root_correction + factors.epsilon;
    theta.value[j] = factors.kept * theta.value[j] - factors.step_size * first.value[j] / denominator;
  }
  store<width>(arguments.parameters + i, theta);
  store<width>(arguments.first_moment + i, first);
  store<width>(arguments.second_moment + i, second);
}

/// Limited by memory: 16 bytes read and 12 written for each parameter. The two powers in double would cost a thread
/// more than its parameters, so one thread of a block computes them for all; the grid is held small enough that a
/// thread has several packs to share them.
template <bool packs>
__global__ void __launch_bounds__(adam_threads) adam_kernel(AdamArguments arguments) {
  __shared__ AdamFactors factors;
  if (threadIdx.x == 0) factors = adam_factors(arguments);
  __syncthreads();
  constexpr Index width = packs ? 4 : 1;
  const Index step = Index{gridDim.x} * adam_threads * width;
  for (Index i = (Index{blockIdx.x} * adam_threads + threadIdx.x) * width; i < arguments.size; i += step) {
    if (i + width <= arguments.size) {
      adam_pack<width>(arguments, factors, i);
    } else {
      for (Index rest = i; rest < arguments.size; ++rest) adam_pack<1>(arguments, factors, rest);
    }
  }
}

}  // namespace

void adam_step(Stream& stream, const AdamOptions& options, const float* learning_rate, const Index* step,
               Vector parameters, ConstVector gradient, Vector first_moment, Vector second_moment) {
  const AdamArguments arguments{options,           learning_rate,      step,           parameters.data, gradient.data,
                                first_moment.data, second_moment.data, parameters.size};
  const bool packs =
      allows_packs(parameters) && allows_packs(gradient) && allows_packs(first_moment) && allows_packs(second_moment);
  const Index blocks = std::min(ceil_divide(parameters.size, adam_threads * (packs ? 4 : 1)), grid_limit / 4);
  launch(stream, "adam_step", {dim3(static_cast<unsigned>(blocks)), dim3(adam_threads)},
         packs ? adam_kernel<true> : adam_kernel<false>, arguments);
}

}  // namespace mynah::kernels::cuda
