#pragma once

#include <algorithm>

#include "kernels/mlp_training.h"

namespace mynah::kernels::cuda {

constexpr int mlp_training_threads = 512;

constexpr int up_to_fours(Index count) {
  return static_cast<int>((count + 3) / 4 * 4);
}

/// The length of rows of at least `count` floats that are read four at a time: a multiple of 4 and no multiple of 8, so
/// that the same four of eight neighbouring rows lie in different banks.
constexpr int row_length(Index count) {
  const int fours = up_to_fours(count) / 4;
  return 4 * (fours % 2 == 0 ? fours + 1 : fours);
}

/// Where a network lies in a block's shared memory, in floats. Blocks that share a network (mlp_training_cluster.cu)
/// have some outputs of every layer each, at the same places; nothing below is then read along rows of different
/// inputs, and rows have no floats between them.
///
/// A layer's weights lie transposed, a row for each input, with the bias as the row of one more input that is always 1;
/// so forward, weight and bias gradients are one product each. Rows and columns are filled with zeros up to fours: what
/// is multiplied with them adds nothing, and their own gradient is zero.
struct MlpLayerPlan {
  int inputs, outputs;
  int columns;  ///< Outputs that a block has: number r those from r columns on. Of several blocks a multiple of 4.
  int depth;    ///< Rows of the weights: inputs + 1, up to fours.
  int length;   ///< Of a row of the weights, and of dL/dz.
  int weights;  ///< Where the weights begin, within each of the arrays of MlpTrainingPlan.
  int values;   ///< y [chunk, values_length]; of a single block with a 1 behind it, if the next layer has a bias.
  int values_length;
  int before;  ///< z, likewise, where the activation's derivative needs it; else -1.
  Activation activation;
  Index weight, bias;  ///< In device memory, as in MlpLayer.
};

struct MlpTrainingPlan {
  MlpLayerPlan layers[MlpShape::most_layers];
  int layer_count;
  int blocks;      ///< That share the network.
  int chunk;       ///< Rows at a time, a multiple of 4.
  int parameters;  ///< Floats of all layers' weights. Arrays of so many: weights, m, v, and the gradient if the
                   ///< batch takes several chunks, one after another.
  int gradient;    ///< Where the gradient begins; -1: no place needed.
  int input, input_length;  ///< x [chunk, input_length], with a 1 behind the inputs if the first layer has a bias.
  int targets, targets_length;
  int deltas[2];  ///< dL/dz of the layer at hand and of the one before it, by turns.
  /// Of several blocks: [chunk, whole_length] for y or dL/dz of a whole layer, as all of them have it, and a layer's
  /// weights [columns of the layer before, row_length(outputs)] for the inputs whose gradient this block computes.
  int whole, whole_length, weights_of_inputs;
  Index total;  ///< Floats.
};

inline MlpTrainingPlan plan_mlp_training(const MlpShape& shape, const MlpObjective& objective, Index batch,
                                         const MlpPlacement& placement) {
  MlpTrainingPlan plan{};
  plan.layer_count = shape.layer_count;
  plan.blocks = static_cast<int>(placement.blocks);
  plan.chunk = static_cast<int>(placement.chunk);
  const bool several = placement.blocks > 1;
  Index parameters = 0, longest = 0, whole = shape.outputs(), weights_of_inputs = 0;
  for (int l = 0; l < shape.layer_count; ++l) {
    const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    MlpLayerPlan& one = plan.layers[l];
    one.inputs = static_cast<int>(shape.inputs_of(l));
    one.outputs = static_cast<int>(layer.outputs);
    one.columns = several ? up_to_fours((layer.outputs + placement.blocks - 1) / placement.blocks) : one.outputs;
    one.depth = up_to_fours(one.inputs + 1);
    one.length = several ? one.columns : row_length(one.outputs);
    one.weights = static_cast<int>(parameters);
    one.values_length = several ? one.columns : row_length(one.outputs + 1);
    one.activation = layer.activation;
    one.weight = layer.weight;
    one.bias = layer.bias;
    parameters += Index{one.depth} * one.length;
    longest = std::max<Index>(longest, one.length);
    if (l > 0) {
      whole = std::max<Index>(whole, one.inputs + 1);
      weights_of_inputs = std::max(weights_of_inputs, Index{plan.layers[l - 1].columns} * row_length(one.outputs));
    }
  }
  plan.parameters = static_cast<int>(parameters);
  const bool has_first = !objective.descends || objective.sgd.momentum != 0.0;
  Index next = parameters * (1 + (has_first ? 1 : 0) + (objective.descends ? 0 : 1));
  const auto take = [&](Index count) {
    const Index begin = next;
    next += count;
    return static_cast<int>(begin);
  };
  const Index chunk = placement.chunk;
  plan.gradient = batch > chunk ? take(parameters) : -1;
  plan.input_length = row_length(shape.inputs + 1);
  plan.input = take(chunk * plan.input_length);
  plan.targets_length = objective.labels ? 1 : static_cast<int>(shape.outputs());
  plan.targets = take((chunk * plan.targets_length + 3) / 4 * 4);
  for (int l = 0; l < plan.layer_count; ++l) {
    MlpLayerPlan& one = plan.layers[l];
    one.values = take(chunk * one.values_length);
    one.before = one.activation.keeps_output() ? -1 : take(chunk * one.values_length);
  }
  for (int& deltas : plan.deltas) deltas = take(chunk * longest);
  plan.whole_length = row_length(whole);
  plan.whole = several ? take(chunk * plan.whole_length) : -1;
  plan.weights_of_inputs = several ? take(weights_of_inputs) : -1;
  plan.total = next;
  return plan;
}

}  // namespace mynah::kernels::cuda
