#include "kernels/cuda/mlp_training_cluster.h"

#include "kernels/cuda/cluster.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/mlp_training_step.h"

namespace mynah::kernels::cuda {
namespace {

/// A cluster has a network: each block some outputs of every layer, with their weights and moments. What a block needs
/// of a whole layer it copies from the others' shared memory: y on the way forward, dL/dz and, since
///
///   dx [rows, inputs] = dz w    is a sum over all outputs
///
/// the weights of those inputs that are its own outputs of the layer before, on the way back. Copies, and not sums of
/// every block's part: so sums have the order that they have in one block, and the results are the same to the bit.
struct Cluster {
  static constexpr bool several = true;
  __device__ static int rank() { return static_cast<int>(cluster_rank()); }
  __device__ static int member() { return static_cast<int>(blockIdx.x / cluster_size()); }

  const Trainer& t;
  __device__ Rows whole() const { return {t.shared + t.plan.whole, t.plan.whole_length}; }
  __device__ Rows inputs(int l) const { return l == 0 ? t.input() : whole(); }
  __device__ Rows values(int) const { return whole(); }
  __device__ Rows deltas(int) const { return whole(); }
  __device__ Rows weights(int l) const { return {t.shared + t.plan.weights_of_inputs, row_length(t.layer(l).outputs)}; }

  /// Four neighbouring floats of a row of a whole layer, from the block that has them; `place` is where each has its
  /// own columns.
  __device__ Pack<4> four_of(const MlpLayerPlan& layer, int place, int row, int column) const {
    const int owner = column / layer.columns;
    return load<4>(in_block(t.shared + place, static_cast<unsigned>(owner)) + row * layer.columns +
                   (column - owner * layer.columns));
  }

  /// All columns of layer l, and zeros up to fours.
  __device__ void copy_layer(int l, int place, int rows) const {
    copy_columns(t.layer(l), place, rows, up_to_fours(t.layer(l).outputs), false);
  }
  /// As the inputs of the layer behind: with as many columns as that reads, and a 1 for its bias.
  __device__ void copy_inputs(int l, int rows) const {
    copy_columns(t.layer(l - 1), t.layer(l - 1).values, rows, t.layer(l).depth, t.has_bias(l));
  }
  __device__ void copy_columns(const MlpLayerPlan& layer, int place, int rows, int columns, bool with_one) const {
    const int fours = columns / 4;
    for (int at = static_cast<int>(threadIdx.x); at < rows * fours; at += mlp_training_threads) {
      const int row = at / fours, column = at % fours * 4;
      Pack<4> four = column < layer.outputs ? four_of(layer, place, row, column) : Pack<4>{};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (with_one && column + i == layer.outputs) four.value[i] = 1.0f;
      }
      store<4>(whole().row(row) + column, four);
    }
  }
  __device__ void copy_weights(int l) const {
    const MlpLayerPlan& layer = t.layer(l);
    const int first = t.first_output(l - 1), own = t.own_outputs(l - 1), fours = up_to_fours(layer.outputs) / 4;
    for (int at = static_cast<int>(threadIdx.x); at < own * fours; at += mlp_training_threads) {
      const int input = at / fours, column = at % fours * 4;
      store<4>(weights(l).row(input) + column, four_of(layer, layer.weights, first + input, column));
    }
  }

  // A chunk ends where this block needs nothing of the others any more, and the next one begins when none does.
  __device__ void begin() const {
    cluster_arrive();
  }
  __device__ void begin_chunk() const {
    cluster_wait();
  }
  __device__ void end_chunk() const {
    __syncthreads();
    cluster_arrive();
  }
  __device__ void end() const {
    cluster_wait();
  }

  __device__ void share_values(int l, int rows) const {
    cluster_sync();
    if (l + 1 < t.plan.layer_count) {
      copy_inputs(l + 1, rows);
    } else {
      copy_layer(l, t.layer(l).values, rows);
    }
    __syncthreads();
  }
  __device__ void share_deltas(int l, int rows) const {
    if (l == 0) {  // x has no gradient
      __syncthreads();
      return;
    }
    cluster_sync();
    copy_layer(l, t.plan.deltas[l % 2], rows);
    copy_weights(l);
    __syncthreads();
  }
  __device__ void share_inputs(int l, int rows) const {
    cluster_sync();
    copy_inputs(l, rows);
    __syncthreads();
  }
};

__global__ void __launch_bounds__(mlp_training_threads, 1) mlp_training_cluster_kernel(MlpTrainingArguments arguments) {
  if (has_clusters) {
    __shared__ StepFactors factors;
    train_network<Cluster>(arguments, factors);
  }
}

constexpr const char* operation = "train_mlp";

void allow_shared_bytes(std::size_t bytes) {
  check(cudaFuncSetAttribute(reinterpret_cast<const void*>(mlp_training_cluster_kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        operation);
}

}  // namespace

Index most_blocks_of_cluster(const Stream& stream, std::size_t shared_bytes) {
  const CurrentDevice current(stream.device().ordinal, operation);
  int can_launch = 0;
  check(cudaDeviceGetAttribute(&can_launch, cudaDevAttrClusterLaunch, stream.device().ordinal), operation);
  if (can_launch == 0) return 1;
  // Code for an earlier architecture, translated for this device, would not know of clusters.
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, mlp_training_cluster_kernel), operation);
  if (attributes.ptxVersion < 90) return 1;
  allow_shared_bytes(shared_bytes);
  for (unsigned blocks = 8; blocks > 1; blocks /= 2) {
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = blocks;
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(mlp_training_threads);
    config.dynamicSmemBytes = shared_bytes;
    config.attrs = &attribute;
    config.numAttrs = 1;
    int at_once = 0;  // a part of a device may be too small for the largest
    check(cudaOccupancyMaxActiveClusters(&at_once, mlp_training_cluster_kernel, &config), operation);
    if (at_once > 0) return static_cast<Index>(blocks);
  }
  return 1;
}

void train_in_clusters(Stream& stream, const MlpTrainingArguments& arguments, Index members) {
  const auto blocks = static_cast<unsigned>(arguments.plan.blocks);
  const LaunchShape shape{dim3(static_cast<unsigned>(members) * blocks), dim3(mlp_training_threads),
                          static_cast<std::size_t>(arguments.plan.total) * sizeof(float), blocks};
  const CurrentDevice current(stream.device().ordinal, operation);
  allow_shared_bytes(shape.shared_bytes);
  launch(stream, operation, shape, mlp_training_cluster_kernel, arguments);
}

}  // namespace mynah::kernels::cuda
