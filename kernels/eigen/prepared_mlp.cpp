#include "kernels/prepared_mlp.h"

#include <algorithm>
#include <cstdint>

#include "kernels/eigen/vectorized/views.h"
#include "kernels/standardization.h"

namespace mynah::kernels {
namespace {

constexpr const char* operation = "prepared_mlp";
constexpr Index whole = 16;  // floats of a cache line, and of the widest vectors

Index up_to_whole(Index size) {
  return (size + whole - 1) / whole * whole;
}

}  // namespace

PreparedMlp::PreparedMlp(const MlpShape& shape, Index rows) : shape_(shape), rows_(rows), stream_(DeviceId{}) {
  require_mlp(shape, {}, operation);
  require(rows >= 1, operation, "at least one row at a time");
  const auto& use = eigen::vectorized::operations();
  input_length_ = up_to_whole(shape.inputs);
  Index packed = 0;
  for (int l = 0; l < shape.layer_count; ++l) {
    length_ = std::max(length_, up_to_whole(shape.inputs_of(l + 1)));
    packed += up_to_whole(use.inference_packed_size(shape.inputs_of(l), shape.inputs_of(l + 1)));
  }
  const Index ends = 2 * up_to_whole(shape.inputs) + 4 * up_to_whole(shape.outputs());
  memory_.assign(static_cast<std::size_t>(rows * (input_length_ + 2 * length_) + packed + ends + whole), 0.0f);
  float* next = memory_.data();
  while (reinterpret_cast<std::uintptr_t>(next) % (static_cast<std::size_t>(whole) * sizeof(float)) != 0) ++next;
  const auto take = [&](Index count) {
    float* const begin = next;
    next += count;
    return begin;
  };
  input_ = take(rows * input_length_);
  for (float*& values : values_) values = take(rows * length_);
  packed_ = take(packed);
  ends_ = take(ends);
}

void PreparedMlp::prepare(const float* parameters, const MlpEnds& ends) {
  require_mlp(shape_, ends, operation);
  const auto& use = eigen::vectorized::operations();
  float* to = packed_;
  for (int l = 0; l < shape_.layer_count; ++l) {
    const MlpLayer& layer = shape_.layers[static_cast<std::size_t>(l)];
    const Index inputs = shape_.inputs_of(l);
    use.pack_inference(inputs, layer.outputs, {parameters + layer.weight, inputs},
                       layer.bias < 0 ? nullptr : parameters + layer.bias, to);
    to += up_to_whole(use.inference_packed_size(inputs, layer.outputs));
  }
  float* next = ends_;
  const auto keep = [&](ConstVector from) {
    const ConstVector kept{next, from.size};
    std::copy_n(from.data, from.size, next);
    next += up_to_whole(from.size);
    return kept;
  };
  own_ends_ = {keep(ends.input_mean),  keep(ends.input_deviation),
               keep(ends.output_mean), keep(ends.output_deviation),
               keep(ends.low),         keep(ends.high)};
  prepared_ = true;
}

void PreparedMlp::run(ConstMatrix x, Matrix y) {
  require(prepared_, operation, "prepare() before run()");
  require(x.columns == shape_.inputs, operation, "x [rows, inputs]");
  require(y.rows == x.rows && y.columns == shape_.outputs(), operation, "y [rows, outputs]");
  for (Index first = 0; first < x.rows; first += rows_) {
    const Index count = std::min(rows_, x.rows - first);
    run_tile(x.middle_rows(first, count), y.middle_rows(first, count));
  }
}

void PreparedMlp::run_tile(ConstMatrix x, Matrix y) {
  const auto& use = eigen::vectorized::operations();
  const Index rows = x.rows;
  const Matrix in{input_, rows, shape_.inputs, input_length_};
  if (own_ends_.input_mean.empty()) {
    for (Index row = 0; row < rows; ++row) {
      std::copy_n(x.data + row * x.stride, x.columns, in.data + row * in.stride);
    }
  } else {
    kernels::standardize(stream_, x, own_ends_.input_mean, own_ends_.input_deviation, in);
  }
  ConstMatrix from = in;
  Matrix to;
  const float* packed = packed_;
  for (int l = 0; l < shape_.layer_count; ++l) {
    const MlpLayer& layer = shape_.layers[static_cast<std::size_t>(l)];
    to = {values_[l % 2], rows, layer.outputs, length_};
    const bool rectified = layer.activation.kind() == Activation::relu;
    use.infer_linear(from.columns, layer.outputs, packed, rows, {from.data, from.stride}, rectified,
                     {to.data, to.stride});
    if (!rectified && layer.activation != Activation::none) {
      kernels::activation_forward(stream_, layer.activation, to, to);
    }
    packed += up_to_whole(use.inference_packed_size(from.columns, layer.outputs));
    from = to;
  }
  if (!own_ends_.output_mean.empty()) {
    kernels::unstandardize(stream_, to, own_ends_.output_mean, own_ends_.output_deviation, to);
  }
  const bool clipped = !own_ends_.low.empty();
  for (Index row = 0; row < rows; ++row) {
    for (Index c = 0; c < to.columns; ++c) {
      float value = to.data[row * to.stride + c];
      if (clipped) {  // NaN, for which no comparison holds, stays
        if (value < own_ends_.low.data[c]) value = own_ends_.low.data[c];
        if (value > own_ends_.high.data[c]) value = own_ends_.high.data[c];
      }
      y.data[row * y.stride + c] = value;
    }
  }
}

}  // namespace mynah::kernels
