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

/// Where a network lies in a block's shared memory, in floats.
///
/// A layer's weights lie transposed, a row for each input, with the bias as the row of one more input that is always 1;
/// so forward, weight and bias gradients are one product each. Rows and columns are filled with zeros up to fours: what
/// is multiplied with them adds nothing, and their own gradient is zero.
struct MlpLayerPlan {
  int inputs, outputs;
  int depth;    ///< Rows of the weights: inputs + 1, up to fours.
  int length;   ///< Of a row of the weights, and of dL/dz.
  int weights;  ///< Where the weights begin, within each of the arrays of MlpTrainingPlan.
  int values;   ///< y [chunk, values_length], the last column but padding a 1, if the next layer has a bias.
  int values_length;
  int before;  ///< z, likewise, where the activation's derivative needs it; else -1.
  Activation activation;
  Index weight, bias;  ///< In device memory, as in MlpLayer.
};

struct MlpTrainingPlan {
  MlpLayerPlan layers[MlpShape::most_layers];
  int layer_count;
  int chunk;       ///< Rows at a time, a multiple of 4.
  int parameters;  ///< Floats of all layers' weights. Arrays of so many: weights, m, v, and the gradient if the
                   ///< batch takes several chunks, one after another.
  int gradient;    ///< Where the gradient begins; -1: no place needed.
  int input, input_length;  ///< x [chunk, input_length], with a 1 behind the inputs if the first layer has a bias.
  int targets, targets_length;
  int deltas[2];  ///< dL/dz of the layer at hand and of the one before it, by turns.
  int total;      ///< Floats.
};

inline MlpTrainingPlan plan_mlp_training(const MlpShape& shape, const MlpObjective& objective, Index batch, int chunk) {
  MlpTrainingPlan plan{};
  plan.layer_count = shape.layer_count;
  plan.chunk = chunk;
  int longest = 0;
  for (int l = 0; l < shape.layer_count; ++l) {
    const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    MlpLayerPlan& one = plan.layers[l];
    one.inputs = static_cast<int>(shape.inputs_of(l));
    one.outputs = static_cast<int>(layer.outputs);
    one.depth = up_to_fours(one.inputs + 1);
    one.length = row_length(one.outputs);
    one.weights = plan.parameters;
    one.values_length = row_length(one.outputs + 1);
    one.activation = layer.activation;
    one.weight = layer.weight;
    one.bias = layer.bias;
    plan.parameters += one.depth * one.length;
    longest = std::max(longest, one.length);
  }
  const bool has_first = !objective.descends || objective.sgd.momentum != 0.0;
  int next = plan.parameters * (1 + (has_first ? 1 : 0) + (objective.descends ? 0 : 1));
  const auto take = [&](int count) {
    const int begin = next;
    next += count;
    return begin;
  };
  plan.gradient = batch > chunk ? take(plan.parameters) : -1;
  plan.input_length = row_length(shape.inputs + 1);
  plan.input = take(chunk * plan.input_length);
  plan.targets_length = objective.labels ? 1 : static_cast<int>(shape.outputs());
  plan.targets = take(up_to_fours(chunk * plan.targets_length));
  for (int l = 0; l < plan.layer_count; ++l) {
    MlpLayerPlan& one = plan.layers[l];
    one.values = take(chunk * one.values_length);
    one.before = one.activation.keeps_output() ? -1 : take(chunk * one.values_length);
  }
  for (int& deltas : plan.deltas) deltas = take(chunk * longest);
  plan.total = next;
  return plan;
}

}  // namespace mynah::kernels::cuda
