#include "kernels/mlp_service.h"

#include "kernels/cuda/activation_function.h"
#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/host_mailbox.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/mlp_inference_plan.h"
#include "kernels/cuda/shared_memory.h"

namespace mynah::kernels::cuda {
namespace {

constexpr int threads = 512;

struct ServedLayer {
  int inputs, outputs;
  int weights;  ///< Where w begins in shared memory; -1: it is not there. [inputs, outputs], so that neighbouring
                ///< threads read neighbours; [outputs, inputs] where a warp takes an output.
  Activation activation;
  Index weight, bias;  ///< In device memory, as in MlpLayer.
};

/// Where everything lies in shared memory, in floats.
struct MlpServicePlan {
  ServedLayer layers[MlpShape::most_layers];
  int layer_count;
  int values[2];  ///< [rows, length]: inputs of even layers and of odd ones.
  int length;
  int total;  ///< 0: the values do not fit.
  int layers_in_shared_memory;
};

struct MlpServiceArguments {
  MlpServicePlan plan;
  const float* parameters;
  MlpEnds ends;
  MlpMailbox mailbox;
  MlpServiceLaunch launch;
};

/// Layers find room in order.
MlpServicePlan plan_mlp_service(const MlpShape& shape, Index rows, Index room) {
  MlpServicePlan plan{};
  plan.layer_count = shape.layer_count;
  Index widest = shape.inputs;
  for (int l = 0; l < shape.layer_count; ++l) widest = std::max(widest, shape.inputs_of(l + 1));
  if (widest > room || rows > room || 2 * rows * widest > room) return plan;
  plan.length = static_cast<int>(widest);
  plan.values[1] = static_cast<int>(rows * widest);
  Index next = 2 * rows * widest;
  for (int l = 0; l < shape.layer_count; ++l) {
    const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    const Index size = shape.inputs_of(l) * layer.outputs;
    const bool fits = size <= room - next;
    plan.layers[l] = {static_cast<int>(shape.inputs_of(l)),
                      static_cast<int>(layer.outputs),
                      fits ? static_cast<int>(next) : -1,
                      layer.activation,
                      layer.weight,
                      layer.bias};
    if (!fits) continue;
    next += size;
    ++plan.layers_in_shared_memory;
  }
  plan.total = static_cast<int>(next);
  return plan;
}

__device__ void load_network(const MlpServiceArguments& a, float* shared) {
  for (int l = 0; l < a.plan.layer_count; ++l) {
    const ServedLayer& layer = a.plan.layers[l];
    if (layer.weights < 0) continue;
    const float* w = a.parameters + layer.weight;
    for (int at = static_cast<int>(threadIdx.x); at < layer.inputs * layer.outputs; at += threads) {
      const int output = at / layer.inputs, input = at % layer.inputs;
      const bool by_warps = layer.outputs <= few_mlp_outputs;
      shared[layer.weights + (by_warps ? at : input * layer.outputs + output)] = w[at];
    }
  }
}

__device__ __forceinline__ float standardized(const MlpEnds& ends, Index c, std::uint64_t word) {
  const float value = __uint_as_float(MlpMailbox::value(word));
  return ends.input_mean.size == 0 ? value : (value - ends.input_mean.data[c]) / ends.input_deviation.data[c];
}

/// Looks once for the next request's header and first row, whose values it leaves at `to`. Whether all of it is there;
/// then *rows is its number of rows.
__device__ bool look_for_request(const MlpServiceArguments& a, std::uint32_t number, float* to, std::uint32_t* rows) {
  bool came = true;
  for (Index c = threadIdx.x; c < a.mailbox.inputs; c += threads) {
    const std::uint64_t word = load_from_host(a.mailbox.request(0) + c);
    came = came && MlpMailbox::number(word) == number;
    to[c] = standardized(a.ends, c, word);
  }
  if (threadIdx.x == threads - 1) {
    const std::uint64_t word = load_from_host(a.mailbox.header());
    came = came && MlpMailbox::number(word) == number;
    *rows = MlpMailbox::value(word);
  }
  return __syncthreads_and(came ? 1 : 0) != 0;
}

/// The rows behind the first one, which were written before it.
__device__ void read_other_rows(const MlpServiceArguments& a, std::uint32_t number, int rows, float* to) {
  const Index inputs = a.mailbox.inputs;
  for (Index at = inputs + threadIdx.x; at < rows * inputs; at += threads) {
    std::uint64_t word = load_from_host(a.mailbox.request(0) + at);
    for (int looks = 0; MlpMailbox::number(word) != number; ++looks) {
      await_host(looks);
      word = load_from_host(a.mailbox.request(0) + at);
    }
    to[at / inputs * a.plan.length + at % inputs] = standardized(a.ends, at % inputs, word);
  }
}

__device__ __forceinline__ void write_value(const MlpServiceArguments& a, const ServedLayer& layer, int row, int output,
                                            float sum, float* to) {
  const float bias = layer.bias < 0 ? 0.0f : a.parameters[layer.bias + output];
  to[row * a.plan.length + output] = activated(layer.activation, sum + bias);
}

/// A thread for each output, for `count` rows at a time.
template <int count>
__device__ void run_by_threads(const MlpServiceArguments& a, const ServedLayer& layer, int rows, const float* w,
                               const float* from, float* to) {
  const int groups = (rows + count - 1) / count;
  for (int at = static_cast<int>(threadIdx.x); at < groups * layer.outputs; at += threads) {
    const int output = at % layer.outputs, row = at / layer.outputs * count;
    const float* x = from + row * a.plan.length;
    const int last = rows - 1 - row;  // what is behind the last row is computed from it again
    float sums[count] = {};
    for (int k = 0; k < layer.inputs; ++k) {
      const float weight = w[k * layer.outputs + output];
#pragma unroll
      for (int i = 0; i < count; ++i) sums[i] += x[min(i, last) * a.plan.length + k] * weight;
    }
#pragma unroll
    for (int i = 0; i < count; ++i) {
      if (row + i < rows) write_value(a, layer, row + i, output, sums[i], to);
    }
  }
}

/// A warp for each output of each row, whose lanes share the sum. w(k): a weight of the output.
template <class Weight>
__device__ void run_by_warps(const MlpServiceArguments& a, const ServedLayer& layer, int rows, const float* from,
                             float* to, const Weight& w) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int at = static_cast<int>(threadIdx.x) / 32; at < rows * layer.outputs; at += threads / 32) {
    const int output = at % layer.outputs, row = at / layer.outputs;
    float sum = 0.0f;
    for (int k = lane; k < layer.inputs; k += 32) sum += from[row * a.plan.length + k] * w(output, k);
    sum = warp_sum(sum);
    if (lane == 0) write_value(a, layer, row, output, sum, to);
  }
}

__device__ void run_layer(const MlpServiceArguments& a, const ServedLayer& layer, int rows, const float* shared,
                          const float* from, float* to) {
  if (layer.weights < 0) {
    const float* w = a.parameters + layer.weight;
    run_by_warps(a, layer, rows, from, to,
                 [&](int output, int k) { return w[static_cast<Index>(output) * layer.inputs + k]; });
    return;
  }
  const float* w = shared + layer.weights;
  if (layer.outputs <= few_mlp_outputs) {
    run_by_warps(a, layer, rows, from, to, [&](int output, int k) { return w[output * layer.inputs + k]; });
  } else if (rows == 1) {
    run_by_threads<1>(a, layer, rows, w, from, to);
  } else {
    run_by_threads<4>(a, layer, rows, w, from, to);
  }
}

__device__ void write_answers(const MlpServiceArguments& a, std::uint32_t number, int rows, const float* from) {
  const MlpEnds& ends = a.ends;
  const int outputs = static_cast<int>(a.mailbox.outputs);
  for (int at = static_cast<int>(threadIdx.x); at < rows * outputs; at += threads) {
    const int row = at / outputs, c = at % outputs;
    float value = from[row * a.plan.length + c];
    if (ends.output_mean.size != 0) value = value * ends.output_deviation.data[c] + ends.output_mean.data[c];
    if (ends.low.size != 0) {  // NaN, for which no comparison holds, stays
      value = value < ends.low.data[c] ? ends.low.data[c] : value;
      value = value > ends.high.data[c] ? ends.high.data[c] : value;
    }
    store_to_host(a.mailbox.answer(0) + at, MlpMailbox::word(number, __float_as_uint(value)));
  }
}

__global__ void __launch_bounds__(threads, 1) mlp_service_kernel(MlpServiceArguments a) {
  __shared__ std::uint32_t rows_of_request;
  float* shared = dynamic_shared<float>();
  const std::uint64_t begin = device_nanoseconds();
  load_network(a, shared);
  std::uint32_t answered = a.launch.answered;
  int looks = 0;
  for (;;) {
    __syncthreads();  // the last answers are read, the network is there
    const std::uint32_t number = MlpMailbox::next(answered);
    if (!look_for_request(a, number, shared + a.plan.values[0], &rows_of_request)) {
      const bool over = threadIdx.x == 0 && device_nanoseconds() - begin >= a.launch.lease_ns;
      if (__syncthreads_or(over ? 1 : 0) != 0) break;
      if (threadIdx.x == 0) await_host(looks);
      ++looks;
      continue;
    }
    looks = 0;
    if (rows_of_request == MlpMailbox::stop) break;
    const int rows = static_cast<int>(rows_of_request);
    read_other_rows(a, number, rows, shared + a.plan.values[0]);
    for (int l = 0; l < a.plan.layer_count; ++l) {
      __syncthreads();
      run_layer(a, a.plan.layers[l], rows, shared, shared + a.plan.values[l % 2], shared + a.plan.values[(l + 1) % 2]);
    }
    __syncthreads();
    write_answers(a, number, rows, shared + a.plan.values[a.plan.layer_count % 2]);
    answered = number;
  }
  if (threadIdx.x == 0) release_to_host(a.mailbox.left(), a.launch.number);
}

MlpServicePlan plan_for(Stream& stream, const MlpShape& shape, Index rows) {
  int bytes = 0;
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, stream.device().ordinal), "serve_mlp");
  constexpr int declared = 64;  // the request's rows
  return plan_mlp_service(shape, rows, (bytes - declared) / static_cast<int>(sizeof(float)));
}

}  // namespace

int mlp_service_layers(Stream& stream, const MlpShape& shape, Index rows) {
  const MlpServicePlan plan = plan_for(stream, shape, rows);
  return plan.total == 0 ? -1 : plan.layers_in_shared_memory;
}

void serve_mlp(Stream& stream, const MlpShape& shape, const float* parameters, const MlpEnds& ends,
               const MlpMailbox& mailbox, const MlpServiceLaunch& launch) {
  const MlpServiceArguments arguments{plan_for(stream, shape, mailbox.most_rows), parameters, ends, mailbox, launch};
  require(arguments.plan.total > 0, "serve_mlp", "rows whose values fit into a block's shared memory");
  const std::size_t bytes = static_cast<std::size_t>(arguments.plan.total) * sizeof(float);
  const CurrentDevice current(stream.device().ordinal, "serve_mlp");
  check(cudaFuncSetAttribute(reinterpret_cast<const void*>(mlp_service_kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        "serve_mlp");
  // Not by cuda::launch, which waits for the kernel if MYNAH_CUDA_BLOCKING asks for it.
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(1);
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = bytes;
  config.stream = static_cast<cudaStream_t>(stream.native());
  check(cudaLaunchKernelEx(&config, mlp_service_kernel, arguments), "serve_mlp");
}

}  // namespace mynah::kernels::cuda
