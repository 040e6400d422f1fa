#include "kernels/mlp_inference.h"

#include <algorithm>
#include <vector>

#include "kernels/linear.h"
#include "kernels/standardization.h"

namespace mynah::kernels::eigen {
namespace {

/// Rows that go through all layers together, so that their values stay in the cache.
constexpr Index tile_rows = 64;

/// NaN, for which no comparison holds, stays.
void clip(const MlpEnds& ends, Matrix y) {
  for (Index row = 0; row < y.rows; ++row) {
    for (Index c = 0; c < y.columns; ++c) {
      float& value = y.data[row * y.stride + c];
      if (value < ends.low.data[c]) value = ends.low.data[c];
      if (value > ends.high.data[c]) value = ends.high.data[c];
    }
  }
}

}  // namespace

void infer_mlp(Stream& stream, const MlpShape& shape, const float* parameters, const MlpEnds& ends, ConstMatrix x,
               Matrix y) {
  Index widest = shape.inputs;
  for (int l = 0; l < shape.layer_count; ++l) widest = std::max(widest, shape.inputs_of(l + 1));
  const Index rows = std::min(x.rows, tile_rows);
  // Memory of its own, since the layers take the stream's scratch for themselves.
  std::vector<float> values(static_cast<std::size_t>(2 * rows * widest));
  for (Index first = 0; first < x.rows; first += rows) {
    const Index count = std::min(rows, x.rows - first);
    ConstMatrix in = x.middle_rows(first, count);
    const Matrix out = y.middle_rows(first, count);
    if (!ends.input_mean.empty()) {
      const Matrix standardized{values.data() + rows * widest, count, shape.inputs};
      kernels::standardize(stream, in, ends.input_mean, ends.input_deviation, standardized);
      in = standardized;
    }
    for (int l = 0; l < shape.layer_count; ++l) {
      const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
      const ConstVector bias{layer.bias < 0 ? nullptr : parameters + layer.bias, layer.bias < 0 ? 0 : layer.outputs};
      const bool last = l + 1 == shape.layer_count;
      const Matrix to = last ? out : Matrix{values.data() + (l % 2) * rows * widest, count, layer.outputs};
      kernels::linear_forward(stream, in, {parameters + layer.weight, layer.outputs, in.columns}, bias,
                              layer.activation, to);
      in = to;
    }
    if (!ends.output_mean.empty()) {
      kernels::unstandardize(stream, out, ends.output_mean, ends.output_deviation, out);
    }
    if (!ends.low.empty()) clip(ends, out);
  }
}

}  // namespace mynah::kernels::eigen
