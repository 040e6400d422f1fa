#include "kernels/mlp_inference.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

constexpr const char* operation = "infer_mlp";

bool is_pair_of(ConstVector a, ConstVector b, Index size) {
  return a.size == b.size && (a.size == 0 || a.size == size);
}

Index parameter_count(const MlpShape& shape) {
  Index values = 0;
  for (int l = 0; l < shape.layer_count; ++l) {
    const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    values += layer.outputs * (shape.inputs_of(l) + (layer.bias < 0 ? 0 : 1));
  }
  return values;
}

}  // namespace

void require_mlp(const MlpShape& shape, const MlpEnds& ends, const char* name) {
  require(shape.inputs >= 1, name, "at least one input");
  require(shape.layer_count >= 1 && shape.layer_count <= MlpShape::most_layers, name, "1 to 8 layers");
  for (int l = 0; l < shape.layer_count; ++l) {
    const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    require(layer.outputs >= 1 && layer.weight >= 0, name, "layers with outputs, and weights among the parameters");
  }
  require(is_pair_of(ends.input_mean, ends.input_deviation, shape.inputs), name,
          "mean and deviation [inputs], or none of both");
  require(is_pair_of(ends.output_mean, ends.output_deviation, shape.outputs()), name,
          "mean and deviation [outputs], or none of both");
  require(is_pair_of(ends.low, ends.high, shape.outputs()), name, "low and high [outputs], or none of both");
}

void infer_mlp(Stream& stream, const MlpShape& shape, const float* parameters, const MlpEnds& ends, ConstMatrix x,
               Matrix y) {
  require_mlp(shape, ends, operation);
  require(x.columns == shape.inputs, operation, "x [rows, inputs]");
  require(y.rows == x.rows && y.columns == shape.outputs(), operation, "y [rows, outputs]");
  if (x.rows == 0) return;
  if (is_only_counted(stream, x, ConstVector(parameters, parameter_count(shape)), y, ends.input_mean,
                      ends.input_deviation, ends.output_mean, ends.output_deviation, ends.low, ends.high)) {
    return;
  }
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(infer_mlp, stream, shape, parameters, ends, x, y);
  }
  eigen::infer_mlp(stream, shape, parameters, ends, x, y);
}

MlpInference infers_mlp([[maybe_unused]] Stream& stream, const MlpShape& shape) {
  require_mlp(shape, {}, "infers_mlp");
#if MYNAH_WITH_CUDA
  if (stream.backend() == Backend::cuda) return cuda::infers_mlp(stream, shape);
#endif
  return MlpInference::resident;
}

}  // namespace mynah::kernels
