#pragma once

#include <cmath>

#include "kernels/gaussian_distribution.h"
#include "tests/operations/registry.h"

/// What the cases of the three distributions share. Their PyTorch dump is one: tests/pytorch/distribution.py.
namespace mynah::tests {

using In = Differentiable::In;
using Out = Differentiable::Out;

/// The draws of tests/pytorch/distribution.py.
constexpr RandomKey distribution_key{11, 4};
constexpr Index distribution_step = 3;

/// A Gaussian's shape: whether its rows share their log_std.
struct GaussianCase {
  MatrixCase matrix;
  bool shared = false;

  Index rows() const { return matrix.rows; }
  Index columns() const { return matrix.columns; }
  Index log_std_rows() const { return shared ? 1 : matrix.rows; }
};

inline std::string text_of(const GaussianCase& shape) {
  return text_of(shape.matrix) + (shape.shared ? " shared" : "");
}

inline std::vector<GaussianCase> gaussian_cases() {
  std::vector<GaussianCase> cases;
  for (const MatrixCase& matrix : matrix_cases()) cases.push_back({matrix, cases.size() % 2 == 1});
  cases.push_back({{301, 3, {}}, true});  // rows in parts
  cases.push_back({{1000, 6, {2, 0}}, true});
  return cases;
}

/// Mean and log_std of a case, and matrices of their shapes.
struct GaussianTensors {
  Tensor<float> mean, log_std;

  kernels::GaussianView<const float> constant(const Place& at) const { return {at.matrix(mean), at.matrix(log_std)}; }
  kernels::GaussianView<float> view(const Place& at) const { return {at.matrix(mean), at.matrix(log_std)}; }
};
inline GaussianTensors gaussian_input(Parity& run, const GaussianCase& shape) {
  return {run.input(shape.rows(), shape.columns(), shape.matrix.layout),
          run.input(shape.log_std_rows(), shape.columns(), shape.matrix.layout)};
}
inline GaussianTensors gaussian_gradients(Parity& run, const GaussianCase& shape) {
  return {run.changed(shape.rows(), shape.columns(), shape.matrix.layout),
          run.changed(shape.log_std_rows(), shape.columns(), shape.matrix.layout)};
}

/// Standard normal inputs of these extents; every gradient is added to.
inline Differentiable function_with(const std::vector<Differentiable::Extent>& inputs,
                                    const std::vector<Differentiable::Extent>& outputs) {
  std::mt19937 generator(5);
  Differentiable result;
  for (const auto& extent : inputs) {
    result.inputs.push_back(Doubles(extent.rows, extent.columns, 2).randomize(generator));
    result.accumulated.push_back(true);
  }
  result.outputs = outputs;
  return result;
}

/// A matrix of one column without gaps.
template <class T>
VectorView<T> column(MatrixView<T> matrix) {
  return {matrix.data, matrix.rows};
}

/// Gradients alone: why there are no tangents is said once for all.
inline void check_gradient(Family& family, std::vector<std::string> subjects, const std::string& shape,
                           const std::function<Differentiable()>& make) {
  family.check(Aspect::gradient, std::move(subjects), shape, [make] { expect_gradient(make()); });
}

/// A product with Fisher information must be the derivative of the divergence's gradient, by central differences along
/// `direction`: gradient_at(t) is d KL(p ‖ q)/dq at q = p + t direction.
inline void expect_curvature(const std::function<std::vector<double>(double t)>& gradient_at,
                             const std::vector<double>& product) {
  constexpr double step = 1e-4;
  const auto ahead = gradient_at(step), behind = gradient_at(-step);
  double worst = 0.0, largest = 0.0;
  for (std::size_t i = 0; i < product.size(); ++i) {
    worst = std::max(worst, std::abs((ahead[i] - behind[i]) / (2 * step) - product[i]));
    largest = std::max(largest, std::abs(product[i]));
  }
  EXPECT_LE(worst, 1e-6 * largest);
}

}  // namespace mynah::tests
