#pragma once

#include <algorithm>

#include "kernels/mlp_inference.h"

namespace mynah::kernels::cuda {

constexpr int mlp_inference_threads = 256;
/// A thread computes tiles of so many rows by as many outputs.
constexpr int mlp_tile = 8;
/// Layers of no more outputs than this have too few tiles for the block: there a warp takes a tile, and its lanes share
/// the sum over the inputs.
constexpr int few_mlp_outputs = 16;

/// One layer of a network that a block runs: its weights lie transposed, w [inputs, length], zeros behind the last
/// output.
struct MlpInferenceLayer {
  int inputs, outputs;
  int columns;  ///< outputs, up to a multiple of 8.
  int length;   ///< Of a row of the weights: columns + 4, a multiple of 4 and not of 8, for the banks.
  int weights;  ///< Where they begin in shared memory; -1: they stream through the panel.
  Activation activation;
  Index weight, bias;  ///< In device memory, as in MlpLayer.
};

/// Where everything lies in a block's shared memory, in floats. Values lie transposed as well, [columns, stride], so
/// that a thread reads four rows of a column at once.
struct MlpInferencePlan {
  MlpInferenceLayer layers[MlpShape::most_layers];
  int layer_count;
  int rows;       ///< Of a tile of the block: a multiple of 8.
  int stride;     ///< rows + 4.
  int values[2];  ///< Inputs of even layers, and of odd ones; the outputs count as inputs of one layer more.
  int panel;      ///< Where weights stream through, -1 if they are resident,
  int panel_floats;
  int total;  ///< Floats.

  /// How many columns of a layer the threads of a block cover at once: each has one tile.
  constexpr int pass_columns() const { return mlp_tile * (mlp_inference_threads / (rows / mlp_tile)); }
};

/// Floats that the plan would take can only be counted where every width is below this.
constexpr Index most_mlp_width = 8192;

inline MlpInferencePlan plan_mlp_inference(const MlpShape& shape, int rows, bool resident) {
  MlpInferencePlan plan{};
  plan.layer_count = shape.layer_count;
  plan.rows = rows;
  plan.stride = rows + 4;
  int next = 0, widest[2] = {static_cast<int>(shape.inputs), 0};
  for (int l = 0; l < shape.layer_count; ++l) {
    const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    MlpInferenceLayer& one = plan.layers[l];
    one.inputs = static_cast<int>(shape.inputs_of(l));
    one.outputs = static_cast<int>(layer.outputs);
    one.columns = (one.outputs + mlp_tile - 1) / mlp_tile * mlp_tile;
    one.length = one.columns + 4;
    one.activation = layer.activation;
    one.weight = layer.weight;
    one.bias = layer.bias;
    one.weights = resident ? next : -1;
    if (resident) next += one.inputs * one.length;
    int& of = widest[(l + 1) % 2];
    of = std::max(of, one.columns);
  }
  for (int i = 0; i < 2; ++i) {
    plan.values[i] = next;
    next += widest[i] * plan.stride;
  }
  plan.panel = -1;
  if (!resident) {
    plan.panel = next;
    int columns = few_mlp_outputs;
    for (int l = 0; l < plan.layer_count; ++l) {
      columns = std::max(columns, std::min(plan.layers[l].columns, plan.pass_columns()));
    }
    constexpr int depth = 8;  // inputs of the widest layer that stream at a time
    plan.panel_floats = std::max(depth * (columns + 4), 32 * (few_mlp_outputs + 4));
    next += plan.panel_floats;
  }
  plan.total = next;
  return plan;
}

/// The plan for a block that may have `room` floats, and a device of so many multiprocessors. total = 0: none fits.
/// Rows of a tile are many, so that weights are read seldom, but no more than leave every multiprocessor a tile.
inline MlpInferencePlan choose_mlp_inference(const MlpShape& shape, Index room, Index batch, Index multiprocessors) {
  MlpInferencePlan none{};
  Index weights = 0;
  for (int l = 0; l <= shape.layer_count; ++l) {
    if (shape.inputs_of(l) > most_mlp_width) return none;
    if (l > 0) weights += shape.inputs_of(l - 1) * shape.inputs_of(l);
  }
  for (const bool resident : {true, false}) {
    if (resident && weights > room) continue;
    for (int rows = 64; rows >= mlp_tile; rows /= 2) {
      const MlpInferencePlan plan = plan_mlp_inference(shape, rows, resident);
      if (plan.total > room) continue;
      // Few rows leave too little work for what they read.
      if (resident && rows < 32 && plan_mlp_inference(shape, 32, true).total > room) break;
      if (rows > mlp_tile && (batch + rows - 1) / rows < multiprocessors) continue;
      return plan;
    }
  }
  return none;
}

}  // namespace mynah::kernels::cuda
