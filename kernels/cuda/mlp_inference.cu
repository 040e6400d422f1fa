#include "kernels/mlp_inference.h"

#include "kernels/cuda/activation_function.h"
#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/mlp_inference_plan.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/shared_memory.h"

namespace mynah::kernels::cuda {
namespace {

constexpr int threads = mlp_inference_threads;

struct MlpInferenceArguments {
  MlpInferencePlan plan;
  const float* parameters;
  MlpEnds ends;
  ConstMatrix x;
  Matrix y;
};

/// Columns [first, first + columns) of a layer's outputs, as a block multiplies them at once.
struct Columns {
  int first;
  int half;  ///< A tile has four columns in the first half of them and four in the second, and likewise for rows: so
             ///< that what neighbouring threads read lies side by side.
};

/// Inputs [first, first + count) of columns [column, column + columns) of a layer, to[count, length]; zeros behind the
/// last output. Neighbouring threads read neighbours of a row of w [outputs, inputs].
__device__ void load_weights(const MlpInferenceLayer& layer, const float* parameters, int first, int count, int column,
                             int columns, float* to, int length) {
  const float* w = parameters + layer.weight;
  for (int at = static_cast<int>(threadIdx.x); at < columns * count; at += threads) {
    const int output = at / count, input = at % count;
    const bool there = column + output < layer.outputs;
    to[input * length + output] = there ? w[static_cast<Index>(column + output) * layer.inputs + first + input] : 0.0f;
  }
}

/// The rows of a tile of x, transposed and standardized; zeros behind the last row.
__device__ void load_inputs(const MlpInferenceArguments& a, Index first_row, int rows, float* to) {
  const int inputs = a.plan.layers[0].inputs;
  const bool standardized = a.ends.input_mean.size != 0;
  for (int at = static_cast<int>(threadIdx.x); at < a.plan.rows * inputs; at += threads) {
    const int row = at / inputs, c = at % inputs;
    float value = 0.0f;
    if (row < rows) {
      value = a.x.data[(first_row + row) * a.x.stride + c];
      if (standardized) value = (value - a.ends.input_mean.data[c]) / a.ends.input_deviation.data[c];
    }
    to[c * a.plan.stride + row] = value;
  }
}

/// Sums of a tile: of[j][i] is that of column j and row i.
struct Sums {
  float of[mlp_tile][mlp_tile];
};

/// sums += Σ over inputs first, first + step, ... below end. x points at the tile's rows, w at its columns.
__device__ __forceinline__ void add_products(Sums& sums, const float* x, int stride, int half_rows, const float* w,
                                             int length, int half_columns, int first, int end, int step) {
  for (int k = first; k < end; k += step) {
    const Pack<4> a[2] = {load<4>(x + k * stride), load<4>(x + k * stride + half_rows)};
    const Pack<4> b[2] = {load<4>(w + k * length), load<4>(w + k * length + half_columns)};
#pragma unroll
    for (int j = 0; j < mlp_tile; ++j) {
#pragma unroll
      for (int i = 0; i < mlp_tile; ++i) sums.of[j][i] += a[i / 4].value[i % 4] * b[j / 4].value[j % 4];
    }
  }
}

/// Which output is column j of a tile.
__device__ __forceinline__ int output_of(const Columns& columns, int tile, int j) {
  return columns.first + (j / 4) * columns.half + 4 * tile + j % 4;
}

/// to[output, row] = activation(sum + bias).
__device__ void write_tile(const MlpInferenceLayer& layer, const float* parameters, const Sums& sums, int row_tile,
                           int half_rows, int stride, const Columns& columns, int column_tile, float* to) {
  const bool rectified = layer.activation.kind() == Activation::relu;
#pragma unroll
  for (int j = 0; j < mlp_tile; ++j) {
    const int output = output_of(columns, column_tile, j);
    if (output >= layer.outputs) continue;
    const float bias = layer.bias < 0 ? 0.0f : parameters[layer.bias + output];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Pack<4> z;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float value = sums.of[j][4 * half + i] + bias;
        z.value[i] = rectified && value <= 0.0f ? 0.0f : value;
      }
      store<4>(to + output * stride + half * half_rows + 4 * row_tile, z);
    }
  }
  if (rectified || layer.activation.kind() == Activation::none) return;
    // In a loop over what this thread wrote: unrolled, the functions would be 64 times in the kernel.
#pragma unroll 1
  for (int at = 0; at < mlp_tile * mlp_tile; ++at) {
    const int output = output_of(columns, column_tile, at / mlp_tile), i = at % mlp_tile;
    if (output >= layer.outputs) continue;
    float& value = to[output * stride + (i / 4) * half_rows + 4 * row_tile + i % 4];
    value = activated(layer.activation, value);
  }
}

/// One step of sum_over_lanes: half of the sums go to the partner lane, whose other half comes.
template <int count>
__device__ __forceinline__ void fold(float (&sums)[mlp_tile * mlp_tile], int lane, int bit) {
  const bool upper = (lane & bit) != 0;
#pragma unroll
  for (int i = 0; i < count; ++i) {
    const float mine = upper ? sums[count + i] : sums[i], other = upper ? sums[i] : sums[count + i];
    sums[i] = mine + __shfl_xor_sync(all_lanes, other, bit);
  }
}

/// The sums over the lanes of a warp of 64 values each: lane n gets those of 2 n and 2 n + 1.
__device__ __forceinline__ void sum_over_lanes(const Sums& sums, int lane, float (&result)[2]) {
  float flat[mlp_tile * mlp_tile];
#pragma unroll
  for (int at = 0; at < mlp_tile * mlp_tile; ++at) flat[at] = sums.of[at / mlp_tile][at % mlp_tile];
  fold<32>(flat, lane, 16);
  fold<16>(flat, lane, 8);
  fold<8>(flat, lane, 4);
  fold<4>(flat, lane, 2);
  fold<2>(flat, lane, 1);
  result[0] = flat[0];
  result[1] = flat[1];
}

/// A source of a layer's weights: rows of inputs [first, end) of the columns at hand lie at w.
struct Weights {
  const float* w;
  int length;
  int first, end;
};

/// Calls use(Weights) for all inputs of a layer, as many at a time as are in shared memory. Ends with a barrier if it
/// streams.
template <class Use>
__device__ __forceinline__ void for_each_panel(const MlpInferencePlan& plan, const MlpInferenceLayer& layer,
                                               const float* parameters, float* shared, int column, int columns,
                                               const Use& use) {
  if (layer.weights >= 0) {
    use(Weights{shared + layer.weights + column, layer.length, 0, layer.inputs});
    return;
  }
  const int length = columns + 4, most = plan.panel_floats / length;
  const int depth = most >= 32 ? most / 32 * 32 : most;  // lanes that share a sum keep their inputs
  for (int first = 0; first < layer.inputs; first += depth) {
    const int count = min(depth, layer.inputs - first);
    load_weights(layer, parameters, first, count, column, columns, shared + plan.panel, length);
    __syncthreads();
    use(Weights{shared + plan.panel, length, first, first + count});
    __syncthreads();
  }
}

/// A layer of many outputs: each thread has a tile at a time.
__device__ void run_wide(const MlpInferencePlan& plan, const MlpInferenceLayer& layer, const float* parameters,
                         float* shared, const float* from, float* to) {
  const int row_tiles = plan.rows / mlp_tile, half_rows = plan.rows / 2;
  const int row_tile = static_cast<int>(threadIdx.x) % row_tiles;
  const int column_tile = static_cast<int>(threadIdx.x) / row_tiles;
  for (int column = 0; column < layer.columns; column += plan.pass_columns()) {
    const int width = min(plan.pass_columns(), layer.columns - column);
    const Columns columns{column, width / 2};
    const bool mine = column_tile < width / mlp_tile;
    Sums sums{};
    for_each_panel(plan, layer, parameters, shared, column, width, [&](const Weights& at) {
      if (!mine) return;
      add_products(sums, from + at.first * plan.stride + 4 * row_tile, plan.stride, half_rows, at.w + 4 * column_tile,
                   at.length, columns.half, 0, at.end - at.first, 1);
    });
    if (mine) write_tile(layer, parameters, sums, row_tile, half_rows, plan.stride, columns, column_tile, to);
  }
}

/// A layer of few outputs: each warp has a tile at a time, each lane every 32nd input.
__device__ void run_narrow(const MlpInferencePlan& plan, const MlpInferenceLayer& layer, const float* parameters,
                           float* shared, const float* from, float* to) {
  const int row_tiles = plan.rows / mlp_tile, half_rows = plan.rows / 2;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const Columns columns{0, layer.columns / 2};
  const int tiles = row_tiles * (layer.columns / mlp_tile);
  for (int first = 0; first < tiles; first += threads / 32) {
    const int tile = first + warp, row_tile = tile % row_tiles, column_tile = tile / row_tiles;
    const bool mine = tile < tiles;
    Sums sums{};
    for_each_panel(plan, layer, parameters, shared, 0, layer.columns, [&](const Weights& at) {
      if (!mine) return;
      add_products(sums, from + at.first * plan.stride + 4 * row_tile, plan.stride, half_rows, at.w + 4 * column_tile,
                   at.length, columns.half, lane, at.end - at.first, 32);
    });
    if (!mine) continue;
    float pair[2];
    sum_over_lanes(sums, lane, pair);
    const int output = output_of(columns, column_tile, lane / 4);
    if (output >= layer.outputs) continue;
    const float bias = layer.bias < 0 ? 0.0f : parameters[layer.bias + output];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int row = 2 * (lane % 4) + i;
      to[output * plan.stride + (row / 4) * half_rows + 4 * row_tile + row % 4] =
          activated(layer.activation, pair[i] + bias);
    }
  }
}

__device__ void store_outputs(const MlpInferenceArguments& a, Index first_row, int rows, const float* from) {
  const int outputs = a.plan.layers[a.plan.layer_count - 1].outputs;
  for (int at = static_cast<int>(threadIdx.x); at < rows * outputs; at += threads) {
    const int row = at / outputs, c = at % outputs;
    float value = from[c * a.plan.stride + row];
    if (a.ends.output_mean.size != 0) value = value * a.ends.output_deviation.data[c] + a.ends.output_mean.data[c];
    if (a.ends.low.size != 0) {  // NaN, for which no comparison holds, stays
      value = value < a.ends.low.data[c] ? a.ends.low.data[c] : value;
      value = value > a.ends.high.data[c] ? a.ends.high.data[c] : value;
    }
    a.y.data[(first_row + row) * a.y.stride + c] = value;
  }
}

__global__ void __launch_bounds__(threads, 2) mlp_inference_kernel(MlpInferenceArguments arguments) {
  const MlpInferencePlan& plan = arguments.plan;
  float* shared = dynamic_shared<float>();
  for (int l = 0; l < plan.layer_count; ++l) {
    const MlpInferenceLayer& layer = plan.layers[l];
    if (layer.weights < 0) continue;
    load_weights(layer, arguments.parameters, 0, layer.inputs, 0, layer.columns, shared + layer.weights, layer.length);
  }
  const Index tiles = (arguments.x.rows + plan.rows - 1) / plan.rows;
  for (Index tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const Index first_row = tile * plan.rows, rest = arguments.x.rows - first_row;
    const int rows = rest < plan.rows ? static_cast<int>(rest) : plan.rows;
    load_inputs(arguments, first_row, rows, shared + plan.values[0]);
    for (int l = 0; l < plan.layer_count; ++l) {
      const MlpInferenceLayer& layer = plan.layers[l];
      const float* from = shared + plan.values[l % 2];
      float* to = shared + plan.values[(l + 1) % 2];
      __syncthreads();
      if (layer.outputs <= few_mlp_outputs) {
        run_narrow(plan, layer, arguments.parameters, shared, from, to);
      } else {
        run_wide(plan, layer, arguments.parameters, shared, from, to);
      }
    }
    __syncthreads();
    store_outputs(arguments, first_row, rows, shared + plan.values[plan.layer_count % 2]);
    __syncthreads();  // before the next tile's inputs take the place of these outputs
  }
}

int attribute(Stream& stream, cudaDeviceAttr which) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, stream.device().ordinal), "infer_mlp");
  return value;
}

MlpInferencePlan choose(Stream& stream, const MlpShape& shape, Index batch) {
  const Index room = attribute(stream, cudaDevAttrMaxSharedMemoryPerBlockOptin) / static_cast<int>(sizeof(float));
  return choose_mlp_inference(shape, room, batch, attribute(stream, cudaDevAttrMultiProcessorCount));
}

}  // namespace

MlpInference infers_mlp(Stream& stream, const MlpShape& shape) {
  const MlpInferencePlan plan = choose(stream, shape, 1);
  if (plan.total == 0) return MlpInference::none;
  return plan.panel < 0 ? MlpInference::resident : MlpInference::streamed;
}

void infer_mlp(Stream& stream, const MlpShape& shape, const float* parameters, const MlpEnds& ends, ConstMatrix x,
               Matrix y) {
  const MlpInferenceArguments arguments{choose(stream, shape, x.rows), parameters, ends, x, y};
  const MlpInferencePlan& plan = arguments.plan;
  require(plan.total > 0, "infer_mlp", "a network of which 8 rows fit into a block's shared memory: see infers_mlp");
  const std::size_t bytes = static_cast<std::size_t>(plan.total) * sizeof(float);
  const CurrentDevice current(stream.device().ordinal, "infer_mlp");
  check(cudaFuncSetAttribute(reinterpret_cast<const void*>(mlp_inference_kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        "infer_mlp");
  // As many blocks as are there at once: each reads the weights.
  int blocks = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, reinterpret_cast<const void*>(mlp_inference_kernel),
                                                      threads, bytes),
        "infer_mlp");
  const Index at_once = static_cast<Index>(std::max(blocks, 1)) * attribute(stream, cudaDevAttrMultiProcessorCount);
  const Index tiles = ceil_divide(x.rows, plan.rows);
  launch(stream, "infer_mlp", {dim3(static_cast<unsigned>(std::min(tiles, at_once))), dim3(threads), bytes},
         mlp_inference_kernel, arguments);
}

}  // namespace mynah::kernels::cuda
