#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/buffer.h"
#include "engine/layer.h"
#include "engine/safetensors.h"

namespace mynah::tests {

/// One case of a dump that tests/pytorch/FAMILY.py wrote, on one device. Its tensors are called CASE.NAME in the file;
/// their rows are the first dimension, their columns all others.
class PyTorchCase {
 public:
  PyTorchCase(Stream& stream, const SafetensorsFile& file, std::string name);

  Stream& stream() const { return stream_; }
  bool has(const std::string& tensor) const;
  /// A tensor's values on the device, [first dimension, product of the others]; one row where it has one dimension.
  Matrix matrix(const std::string& tensor);
  Vector vector(const std::string& tensor);
  Labels labels(const std::string& tensor);  ///< of an int64 tensor
  /// New memory, filled with NaN; with `value`, filled with that.
  Matrix output(Index rows, Index columns, float value = std::numeric_limits<float>::quiet_NaN());
  /// One double, zero.
  VectorView<double> sum();
  std::vector<float> values(const std::string& tensor) const;
  float number(const std::string& tensor) const { return values(tensor).at(0); }
  std::vector<Index> shape(const std::string& tensor) const;

  /// Expects what lies on the device to be the tensor: largest difference below `tolerance` of the largest value.
  void expect(const std::string& tensor, ConstMatrix found, double tolerance = 1e-5) const;
  void expect(const std::string& tensor, VectorView<const double> found, double tolerance = 1e-5) const;

  /// A whole layer: forward, backward, and what became of its constants. The dump has
  ///   input0 ...          [rows, ...]    output, output_gradient [rows, ...]    input0.grad ... (where differentiable)
  ///   tensor.NAME, grad.NAME             for each trained tensor, tensor.NAME for each constant, after.NAME if it
  ///   changes
  void expect_layer(const Layer& layer, Mode mode = Mode::evaluate, double tolerance = 1e-5,
                    kernels::Precision precision = kernels::Precision::float32);

 private:
  Stream& stream_;
  const SafetensorsFile& file_;
  std::string name_;
  std::vector<Buffer<float>> floats_;
  std::vector<Buffer<std::int32_t>> integers_;
  std::vector<Buffer<double>> doubles_;
};

}  // namespace mynah::tests
