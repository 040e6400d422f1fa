#include "tests/operations/pytorch.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mynah::tests {
namespace {

/// Largest difference over largest expected magnitude.
void expect_near(const std::vector<float>& expected, const std::vector<double>& found, double tolerance,
                 const std::string& what) {
  ASSERT_EQ(found.size(), expected.size()) << what;
  double worst = 0.0, scale = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto one = static_cast<double>(expected[i]);
    if (!std::isfinite(one) || !std::isfinite(found[i])) {
      ASSERT_TRUE(found[i] == one || (std::isnan(one) && std::isnan(found[i])))
          << what << " at " << i << ": " << found[i] << " instead of " << one;
      continue;
    }
    worst = std::max(worst, std::fabs(found[i] - one));
    scale = std::max(scale, std::fabs(one));
  }
  EXPECT_LE(worst, tolerance * scale) << what;
}

std::vector<double> download(Stream& stream, ConstMatrix matrix) {
  std::vector<double> values;
  std::vector<float> row(static_cast<std::size_t>(matrix.columns));
  for (Index m = 0; m < matrix.rows; ++m) {
    kernels::copy_to_host(stream, row.data(), matrix.row(m).data, row.size() * sizeof(float));
    values.insert(values.end(), row.begin(), row.end());
  }
  return values;
}

}  // namespace

PyTorchCase::PyTorchCase(Stream& stream, const SafetensorsFile& file, std::string name)
    : stream_(stream), file_(file), name_(std::move(name)) {}

bool PyTorchCase::has(const std::string& tensor) const {
  return file_.find(name_ + "." + tensor) != nullptr;
}

std::vector<float> PyTorchCase::values(const std::string& tensor) const {
  return file_.floats(name_ + "." + tensor);
}

std::vector<Index> PyTorchCase::shape(const std::string& tensor) const {
  return file_.at(name_ + "." + tensor).shape;
}

Matrix PyTorchCase::matrix(const std::string& tensor) {
  const auto extents = shape(tensor);
  const std::vector<float> content = values(tensor);
  floats_.emplace_back(stream_, std::span<const float>(content));
  const Index rows = extents.size() < 2 ? 1 : extents[0];
  return {floats_.back().data(), rows, rows == 0 ? 0 : floats_.back().size() / rows};
}

Vector PyTorchCase::vector(const std::string& tensor) {
  const std::vector<float> content = values(tensor);
  floats_.emplace_back(stream_, std::span<const float>(content));
  return floats_.back().view();
}

Labels PyTorchCase::labels(const std::string& tensor) {
  const auto wide = file_.int64s(name_ + "." + tensor);
  const std::vector<std::int32_t> content(wide.begin(), wide.end());
  integers_.emplace_back(stream_, std::span<const std::int32_t>(content));
  return integers_.back().view();
}

Matrix PyTorchCase::output(Index rows, Index columns, float value) {
  const std::vector<float> content(static_cast<std::size_t>(rows * columns), value);
  floats_.emplace_back(stream_, std::span<const float>(content));
  return {floats_.back().data(), rows, columns};
}

VectorView<double> PyTorchCase::sum() {
  const std::vector<double> zero(1, 0.0);
  doubles_.emplace_back(stream_, std::span<const double>(zero));
  return doubles_.back().view();
}

void PyTorchCase::expect(const std::string& tensor, ConstMatrix found, double tolerance) const {
  expect_near(values(tensor), download(stream_, found), tolerance, name_ + "." + tensor);
}

void PyTorchCase::expect(const std::string& tensor, VectorView<const double> found, double tolerance) const {
  std::vector<double> content(static_cast<std::size_t>(found.size));
  kernels::copy_to_host(stream_, content.data(), found.data, content.size() * sizeof(double));
  expect_near(values(tensor), content, tolerance, name_ + "." + tensor);
}

void PyTorchCase::expect_layer(const Layer& layer, Mode mode, double tolerance, kernels::Precision precision) {
  std::vector<ConstMatrix> inputs;
  std::vector<Matrix> input_gradients;
  std::vector<Index> columns;
  for (int i = 0; has("input" + std::to_string(i)); ++i) {
    const std::string input = "input" + std::to_string(i);
    inputs.push_back(matrix(input));
    columns.push_back(inputs.back().columns);
    input_gradients.push_back(has(input + ".grad") ? output(inputs.back().rows, columns.back()) : Matrix{});
  }
  std::vector<TensorView> tensors, gradients;
  const auto specs = layer.tensors(columns);
  for (const TensorSpec& spec : specs) {
    ASSERT_EQ(shape("tensor." + spec.name), spec.shape) << spec.name;
    const Matrix values = matrix("tensor." + spec.name);
    tensors.push_back({values.data, values.rows, values.columns});
    const Matrix gradient = spec.trainable ? output(values.rows, values.columns, 0.0f) : Matrix{};
    gradients.push_back({gradient.data, gradient.rows, gradient.columns});
  }
  const Index rows = inputs.at(0).rows;
  const Matrix y = output(rows, layer.output_columns(columns));
  const Vector saved = output(1, layer.saved_size(rows, columns)).row(0);
  const PassSettings settings{mode, precision, random_key(1, RandomStream::layer)};
  layer.forward(stream_, ForwardPass{inputs, y, tensors, saved, settings});
  expect("output", y, tolerance);
  BackwardPass pass{};
  pass.inputs = inputs;
  pass.output = y;
  pass.output_gradient = matrix("output_gradient");
  pass.input_gradients = input_gradients;
  pass.tensors = tensors;
  pass.tensor_gradients = gradients;
  pass.saved = saved;
  pass.settings = settings;
  layer.backward(stream_, pass);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (input_gradients[i].data != nullptr) {
      expect("input" + std::to_string(i) + ".grad", input_gradients[i], tolerance);
    }
  }
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].trainable) expect("grad." + specs[i].name, gradients[i].matrix(), tolerance);
    if (has("after." + specs[i].name)) expect("after." + specs[i].name, tensors[i].matrix(), tolerance);
  }
}

}  // namespace mynah::tests
