#include "kernels/mlp_training.h"

#include <algorithm>

namespace mynah::kernels {
namespace {

constexpr const char* operation = "train_mlp";

Index end_of_parameters(const MlpShape& shape) {
  Index end = 0;
  for (int l = 0; l < shape.layer_count; ++l) {
    const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    require(layer.outputs >= 1 && layer.weight >= 0, operation,
            "layers with outputs, and weights among the parameters");
    end = std::max({end, layer.weight + layer.outputs * shape.inputs_of(l), layer.bias + layer.outputs});
  }
  return end;
}

void check_shape(const MlpShape& shape) {
  require(shape.inputs >= 1, operation, "at least one input");
  require(shape.layer_count >= 1 && shape.layer_count <= MlpShape::most_layers, operation, "1 to 8 layers");
}

void check_members(const MlpShape& shape, const MlpObjective& objective, const MlpMembers& members) {
  const Index count = members.parameters.rows;
  require(members.parameters.columns >= end_of_parameters(shape), operation, "parameters that hold every layer");
  const bool has_first = !objective.descends || objective.sgd.momentum != 0.0;
  require(!has_first || same_shape(members.first_moment, members.parameters), operation,
          "a first moment of the shape of the parameters");
  require(objective.descends || same_shape(members.second_moment, members.parameters), operation,
          "a second moment of the shape of the parameters");
  require(members.learning_rates.size == count && members.steps.size == count && members.loss_sums.size == count &&
              members.orders.rows == count,
          operation, "a learning rate, a step counter, a loss sum and an order for each network");
}

}  // namespace

void train_mlp(Stream& stream, const MlpShape& shape, const MlpObjective& objective, const MlpData& data,
               const MlpMembers& members, Index first_row, Index batch, Index steps) {
  check_shape(shape);
  check_members(shape, objective, members);
  require(data.inputs.columns == shape.inputs, operation, "inputs [rows, inputs]");
  require(objective.labels ? data.labels.size == data.inputs.rows
                           : data.values.rows == data.inputs.rows && data.values.columns == shape.outputs(),
          operation, "labels [rows], or values [rows, outputs]");
  require(batch >= 1 && steps >= 0 && first_row >= 0, operation, "a batch of at least 1, and nothing negative");
  if (steps == 0 || members.parameters.rows == 0) return;
  require(first_row + (steps - 1) * batch < members.orders.columns, operation, "steps that begin within the order");
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(train_mlp, stream, shape, objective, data, members, first_row, batch, steps);
  }
  eigen::train_mlp(stream, shape, objective, data, members, first_row, batch, steps);
}

Index mlp_training_chunk(Stream& stream, const MlpShape& shape, const MlpObjective& objective, Index batch) {
  check_shape(shape);
  require(batch >= 1, "mlp_training_chunk", "a batch of at least 1");
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(mlp_training_chunk, stream, shape, objective, batch);
  return batch;
}

}  // namespace mynah::kernels
