#include "kernels/mlp_training.h"

#include <algorithm>

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

constexpr const char* operation = "train_mlp";

void check_shape(const MlpShape& shape) {
  require(shape.inputs >= 1, operation, "at least one input");
  require(shape.layer_count >= 1 && shape.layer_count <= MlpShape::most_layers, operation, "1 to 8 layers");
  for (int l = 0; l < shape.layer_count; ++l) {
    const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    require(layer.outputs >= 1 && layer.weight >= 0, operation,
            "layers with outputs, and weights among the parameters");
  }
}

void check_blocks(const char* where, Index blocks) {
  require(blocks == 1 || blocks == 2 || blocks == 4 || blocks == 8, where, "1, 2, 4 or 8 blocks");
}

/// Weights and moments go through memory once a launch, rows once a step.
void count_training(Work& work, const MlpShape& shape, const MlpObjective& objective, Index members,
                    const MlpSteps& steps) {
  Index values = 0;
  for (int l = 0; l < shape.layer_count; ++l) values += (shape.inputs_of(l) + 1) * shape.inputs_of(l + 1);
  const Index vectors = objective.descends ? (objective.sgd.momentum != 0.0 ? 2 : 1) : 3;
  const auto state = values * vectors * static_cast<Index>(sizeof(float)) +
                     static_cast<Index>(sizeof(Index) + sizeof(double));  // and the steps, and the sum of the loss
  const Index rows = std::min(steps.count * steps.batch, steps.rows - steps.first_row);
  const Index row = shape.inputs + (objective.labels ? 1 : shape.outputs()) + 1;  // and its number
  work.bytes_read += members * (state + (rows * row + 1) * static_cast<Index>(sizeof(float)));
  work.bytes_written += members * state * (steps.snapshot < 0 ? 1 : 2);
}

}  // namespace

void train_mlp(Stream& stream, const MlpShape& shape, const MlpObjective& objective, const MlpData& data,
               VectorView<const MlpMember> members, const MlpSteps& steps, const MlpPlacement& placement) {
  check_shape(shape);
  check_blocks(operation, placement.blocks);
  require(placement.chunk >= 1, operation, "a placement in which the network fits: see place_mlp_training");
  require(data.inputs.columns == shape.inputs, operation, "inputs [rows, inputs]");
  require(objective.labels ? data.labels.size == data.inputs.rows
                           : data.values.rows == data.inputs.rows && data.values.columns == shape.outputs(),
          operation, "labels [rows], or values [rows, outputs]");
  require(steps.batch >= 1 && steps.count >= 0 && steps.first_row >= 0, operation,
          "a batch of at least 1, and nothing negative");
  require(steps.snapshot < 2, operation, "snapshot 0 or 1, or none");
  if (steps.count == 0 || members.empty()) return;
  require(steps.first_row + (steps.count - 1) * steps.batch < steps.rows, operation,
          "steps that begin within the epoch");
  if (counted_work() != nullptr) count_training(*counted_work(), shape, objective, members.size, steps);
  if (is_only_counted(stream, members)) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(train_mlp, stream, shape, objective, data, members, steps, placement);
  }
  eigen::train_mlp(stream, shape, objective, data, members, steps, placement);
}

Index mlp_training_chunk([[maybe_unused]] Stream& stream, const MlpShape& shape,
                         [[maybe_unused]] const MlpObjective& objective, Index batch, Index blocks) {
  check_shape(shape);
  check_blocks("mlp_training_chunk", blocks);
  require(batch >= 1, "mlp_training_chunk", "a batch of at least 1");
#if MYNAH_WITH_CUDA
  if (stream.backend() == Backend::cuda) return cuda::mlp_training_chunk(stream, shape, objective, batch, blocks);
#endif
  return batch;
}

Index most_mlp_training_blocks([[maybe_unused]] Stream& stream) {
#if MYNAH_WITH_CUDA
  if (stream.backend() == Backend::cuda) return cuda::most_mlp_training_blocks(stream);
#endif
  return 1;
}

MlpPlacement place_mlp_training(Stream& stream, const MlpShape& shape, const MlpObjective& objective, Index batch) {
  MlpPlacement placement;
  const Index most = most_mlp_training_blocks(stream);
  for (placement.blocks = 1;; placement.blocks *= 2) {
    placement.chunk = mlp_training_chunk(stream, shape, objective, batch, placement.blocks);
    if (placement.chunk > 0 || placement.blocks == most) return placement;
  }
}

}  // namespace mynah::kernels
