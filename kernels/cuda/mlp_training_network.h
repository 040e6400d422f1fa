#pragma once

#include "kernels/cuda/adam_element.h"
#include "kernels/cuda/mlp_training_plan.h"
#include "kernels/permutation.h"

/// A network that is trained: what is where in a block's shared memory, the ways in and out of it, and the rows it is
/// trained on. The kernels are in mlp_training.cu and mlp_training_cluster.cu.
namespace mynah::kernels::cuda {

struct MlpTrainingArguments {
  MlpTrainingPlan plan;
  MlpObjective objective;
  MlpData data;
  const MlpMember* members;
  MlpSteps steps;
};

/// Floats in shared memory, rows of which are read four at a time.
struct Rows {
  float* data;
  int length;
  __device__ float* row(int number) const { return data + number * length; }
};

/// What a step of the optimizer needs, from one thread for all.
struct StepFactors {
  AdamFactors adam;
  float rate;
};

/// Everything a block needs to know while it trains one network, or its part of one; all threads hold the same.
struct Trainer {
  const MlpTrainingArguments& arguments;
  const MlpTrainingPlan& plan;
  float* shared;
  const StepFactors& factors;
  const MlpMember& member;
  int rank;  ///< Which of the blocks that share the network this is.

  __device__ const MlpLayerPlan& layer(int l) const { return plan.layers[l]; }
  /// Outputs of layer l that this block has: from the first on, so many.
  __device__ int first_output(int l) const { return rank * layer(l).columns; }
  __device__ int own_outputs(int l) const {
    const int rest = layer(l).outputs - first_output(l);
    return rest < 0 ? 0 : rest < layer(l).columns ? rest : layer(l).columns;
  }
  __device__ Rows input() const { return {shared + plan.input, plan.input_length}; }
  /// y of layer l, and dL/dz: of this block's outputs.
  __device__ Rows values(int l) const { return {shared + layer(l).values, layer(l).values_length}; }
  __device__ Rows deltas(int l) const { return {shared + plan.deltas[l % 2], layer(l).length}; }
  /// What layer l's activation kept for its derivative.
  __device__ Rows operand(int l) const {
    return {shared + (layer(l).before < 0 ? layer(l).values : layer(l).before), layer(l).values_length};
  }
  __device__ Rows weights(int l) const { return {shared + layer(l).weights, layer(l).length}; }
  __device__ bool has_bias(int l) const { return l < plan.layer_count && layer(l).bias >= 0; }
};

/// Calls visit(place in shared memory, place among the parameters) for every weight and bias of this block.
template <class Visit>
__device__ __forceinline__ void for_each_parameter(const Trainer& t, const Visit& visit) {
  for (int l = 0; l < t.plan.layer_count; ++l) {
    const MlpLayerPlan& layer = t.layer(l);
    const int own = t.own_outputs(l), first = t.first_output(l);
    const int rows = layer.bias < 0 ? layer.inputs : layer.inputs + 1;
    // In the order of device memory, so that neighbouring threads read neighbours.
    for (int at = static_cast<int>(threadIdx.x); at < own * rows; at += mlp_training_threads) {
      const bool is_bias = at >= own * layer.inputs;
      const int rest = at - own * layer.inputs;
      const int output = is_bias ? rest : at / layer.inputs;
      const int input = is_bias ? layer.inputs : at % layer.inputs;
      visit(layer.weights + input * layer.length + output,
            is_bias ? layer.bias + first + rest : layer.weight + Index{first} * layer.inputs + at);
    }
  }
}

/// The arrays of parameters behind each other in shared memory, and where they are in device memory. Every
/// index is a constant, so that they stay in registers.
struct StateArrays {
  static constexpr int most = 3;
  float* device[most];
  int count = 1;
  /// Of a member, or of its snapshot.
  template <class Places>
  __device__ StateArrays(const MlpObjective& objective, const Places& places) {
    const bool has_first = !objective.descends || objective.sgd.momentum != 0.0;
    device[0] = places.parameters;
    device[1] = places.first_moment;
    device[2] = places.second_moment;
    if (has_first) count = objective.descends ? 2 : 3;
  }
};

/// Zeros wherever nothing else is.
__device__ inline void load_network(const Trainer& t, const StateArrays& state) {
  for (int i = static_cast<int>(threadIdx.x); i < static_cast<int>(t.plan.total); i += mlp_training_threads)
    t.shared[i] = 0.0f;
  __syncthreads();
  for_each_parameter(t, [&](int place, Index parameter) {
#pragma unroll
    for (int a = 0; a < StateArrays::most; ++a) {
      if (a < state.count) t.shared[a * t.plan.parameters + place] = state.device[a][parameter];
    }
  });
}

__device__ inline void store_network(const Trainer& t, const StateArrays& state) {
  for_each_parameter(t, [&](int place, Index parameter) {
#pragma unroll
    for (int a = 0; a < StateArrays::most; ++a) {
      if (a < state.count) state.device[a][parameter] = t.shared[a * t.plan.parameters + place];
    }
  });
}

/// Rows of the member's epoch.
__device__ __forceinline__ Index rows_of(const MlpMember& member, const MlpSteps& steps) {
  return member.rows > 0 ? member.rows : steps.rows;
}

/// The row of the data that an epoch takes at `place`.
__device__ __forceinline__ Index row_number(const Trainer& t, Index place) {
  if (t.member.order != nullptr) return t.member.order[place];
  const auto size = static_cast<std::uint32_t>(rows_of(t.member, t.arguments.steps));
  const auto epoch = static_cast<std::uint64_t>(t.arguments.steps.epoch);
  return permuted_index(t.member.order_key, epoch, size, permutation_half_bits(size),
                        static_cast<std::uint32_t>(place));
}

template <class T>
__device__ __forceinline__ const T* own_or(const T* own, const T* shared) {
  return own != nullptr ? own : shared;
}

/// Rows [first, first + rows) of the epoch, a warp for each: inputs, a 1 for the bias, targets; zeros up to the chunk.
/// in_memory: t.member where it lies; its data are looked up there, since they would take registers all the while.
__device__ inline void gather_chunk(const Trainer& t, const MlpMember& in_memory, Index first, int rows) {
  const MlpData& data = t.arguments.data;
  const float* const from_inputs = own_or<float>(in_memory.inputs, data.inputs.data);
  const float* const from_values = own_or<float>(in_memory.values, data.values.data);
  const std::int32_t* const from_labels = own_or<std::int32_t>(in_memory.labels, data.labels.data);
  const int lane = static_cast<int>(threadIdx.x) % 32, inputs = t.layer(0).inputs;
  for (int row = static_cast<int>(threadIdx.x) / 32; row < t.plan.chunk; row += mlp_training_threads / 32) {
    float* to = t.input().row(row);
    if (row >= rows) {
      for (int c = lane; c < t.plan.input_length; c += 32) to[c] = 0.0f;
      continue;
    }
    const Index number = row_number(t, first + row);
    for (int c = lane; c < inputs; c += 32) to[c] = from_inputs[number * data.inputs.stride + c];
    if (lane == 0 && t.has_bias(0)) to[inputs] = 1.0f;
    float* target = t.shared + t.plan.targets + row * t.plan.targets_length;
    if (t.arguments.objective.labels) {
      if (lane == 0) target[0] = __int_as_float(from_labels[number]);
    } else {
      for (int c = lane; c < t.plan.targets_length; c += 32) {
        target[c] = from_values[number * data.values.stride + c];
      }
    }
  }
}

}  // namespace mynah::kernels::cuda
