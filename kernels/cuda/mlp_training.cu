#include "kernels/mlp_training.h"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/mlp_training_cluster.h"
#include "kernels/cuda/mlp_training_step.h"

namespace mynah::kernels::cuda {
namespace {

/// A block has a network of its own: everything is where it is needed.
struct OneBlock {
  static constexpr bool several = false;
  __device__ static int rank() { return 0; }
  __device__ static int member() { return static_cast<int>(blockIdx.x); }

  const Trainer& t;
  __device__ Rows inputs(int l) const { return l == 0 ? t.input() : t.values(l - 1); }
  __device__ Rows values(int l) const { return t.values(l); }
  __device__ Rows deltas(int l) const { return t.deltas(l); }
  __device__ Rows weights(int l) const { return t.weights(l); }
  /// The inputs that are always 1.
  __device__ void begin() const {
    for (int l = 1; l < t.plan.layer_count; ++l) {
      if (!t.has_bias(l)) continue;
      for (int row = static_cast<int>(threadIdx.x); row < t.plan.chunk; row += mlp_training_threads) {
        inputs(l).row(row)[t.layer(l).inputs] = 1.0f;
      }
    }
  }
  __device__ void begin_chunk() const { __syncthreads(); }
  __device__ void share_values(int, int) const { __syncthreads(); }
  __device__ void share_deltas(int, int) const { __syncthreads(); }
  __device__ void share_inputs(int, int) const { __syncthreads(); }
  __device__ void end_chunk() const { __syncthreads(); }
  __device__ void end() const {}
};

__global__ void __launch_bounds__(mlp_training_threads, 1) mlp_training_kernel(MlpTrainingArguments arguments) {
  __shared__ StepFactors factors;
  train_network<OneBlock>(arguments, factors);
}

/// Shared memory that a block may ask for, beside what the kernels declare.
Index shared_floats(Stream& stream) {
  int bytes = 0;
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, stream.device().ordinal), "train_mlp");
  constexpr int declared = 512;  // the factors of a step, and sums of warps
  return (bytes - declared) / static_cast<int>(sizeof(float));
}

}  // namespace

Index most_mlp_training_blocks(Stream& stream) {
  return most_blocks_of_cluster(stream, static_cast<std::size_t>(shared_floats(stream)) * sizeof(float));
}

Index mlp_training_chunk(Stream& stream, const MlpShape& shape, const MlpObjective& objective, Index batch,
                         Index blocks) {
  const Index room = shared_floats(stream);
  // The weights alone decide first: other products of sizes could not be counted in 64 bits.
  for (int l = 0; l < shape.layer_count; ++l) {
    if (shape.inputs_of(l) > room || shape.inputs_of(l + 1) > room * blocks) return 0;
    if (shape.inputs_of(l) * shape.inputs_of(l + 1) > room * blocks) return 0;
  }
  const int whole = up_to_fours(std::min(batch, room)), least = std::min(whole, 16);
  for (int chunk = whole; chunk >= least; chunk -= 4) {
    if (plan_mlp_training(shape, objective, batch, {blocks, chunk}).total <= room) return chunk;
  }
  return 0;
}

void train_mlp(Stream& stream, const MlpShape& shape, const MlpObjective& objective, const MlpData& data,
               VectorView<const MlpMember> members, const MlpSteps& steps, const MlpPlacement& placement) {
  const MlpTrainingArguments arguments{plan_mlp_training(shape, objective, steps.batch, placement), objective, data,
                                       members.data, steps};
  require(placement.chunk % 4 == 0 && arguments.plan.total <= shared_floats(stream), "train_mlp",
          "a placement in which the network fits into shared memory: see place_mlp_training");
  if (placement.blocks > 1) return train_in_clusters(stream, arguments, members.size);
  const LaunchShape launch_shape{dim3(static_cast<unsigned>(members.size)), dim3(mlp_training_threads),
                                 static_cast<std::size_t>(arguments.plan.total) * sizeof(float)};
  const CurrentDevice current(stream.device().ordinal, "train_mlp");
  check(cudaFuncSetAttribute(reinterpret_cast<const void*>(mlp_training_kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(launch_shape.shared_bytes)),
        "train_mlp");
  launch(stream, "train_mlp", launch_shape, mlp_training_kernel, arguments);
}

}  // namespace mynah::kernels::cuda
