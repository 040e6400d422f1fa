#include "tests/operations/loss_cases.h"

#include <algorithm>

namespace mynah::tests {
namespace {

using In = Differentiable::In;
using Out = Differentiable::Out;

/// Matrices like these; their views.
class Like {
 public:
  explicit Like(In matrices) {
    for (const auto& matrix : matrices) memory_.emplace_back(matrix.rows, matrix.columns, 2, 1);
    for (Doubles& matrix : memory_) views_.push_back(matrix.view());
  }
  Out views() const { return views_; }
  bool guards_intact() const {
    return std::all_of(memory_.begin(), memory_.end(), [](const Doubles& matrix) { return matrix.guards_intact(); });
  }

 private:
  std::vector<Doubles> memory_;
  std::vector<MatrixView<double>> views_;
};

/// to = a x + b y
void combine(double a, MatrixView<const double> x, double b, MatrixView<const double> y, MatrixView<double> to) {
  for (Index m = 0; m < to.rows; ++m) {
    for (Index c = 0; c < to.columns; ++c) to.row(m).data[c] = a * x.row(m).data[c] + b * y.row(m).data[c];
  }
}

}  // namespace

Differentiable differentiable(LossCase one) {
  Differentiable result;
  const auto rows = static_cast<double>(one.predictions.at(0).rows());
  result.inputs = std::move(one.predictions);
  result.outputs = {{1, 1}};
  const auto gradients_at = [evaluate = one.evaluate](Stream& stream, In inputs) {
    Like gradients(inputs);
    evaluate(stream, inputs, {}, gradients.views());
    EXPECT_TRUE(gradients.guards_intact());
    return gradients;
  };
  result.forward = [=](Stream& stream, In inputs, Out outputs) {
    double sum = 0.0;
    one.evaluate(stream, inputs, {&sum, 1}, std::vector<MatrixView<double>>(inputs.size()));
    outputs[0].data[0] = rows == 0.0 ? 0.0 : sum / rows;
  };
  result.backward = [=](Stream& stream, In inputs, In, Out output_gradients, Out input_gradients) {
    const Like gradients = gradients_at(stream, inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      combine(output_gradients[0].data[0], gradients.views()[i], 0.0, gradients.views()[i], input_gradients[i]);
    }
  };
  result.tangent = [=](Stream& stream, In inputs, In, In directions, Out output_tangents) {
    const Like gradients = gradients_at(stream, inputs);
    double slope = 0.0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      for (Index m = 0; m < inputs[i].rows; ++m) {
        for (Index c = 0; c < inputs[i].columns; ++c) {
          slope += gradients.views()[i].row(m).data[c] * directions[i].row(m).data[c];
        }
      }
    }
    output_tangents[0].data[0] = slope;
  };
  result.tangent_backward = [=, tangent = one.tangent](Stream& stream, In inputs, In, In directions,
                                                       Out output_gradients, Out output_tangent_gradients,
                                                       Out input_gradients, Out input_tangent_gradients) {
    const Like gradients = gradients_at(stream, inputs), products(inputs);
    tangent(stream, inputs, directions, products.views());
    EXPECT_TRUE(products.guards_intact());
    const double g = output_gradients[0].data[0], u = output_tangent_gradients[0].data[0];
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      combine(g, gradients.views()[i], u, products.views()[i], input_gradients[i]);
      combine(u, gradients.views()[i], 0.0, gradients.views()[i], input_tangent_gradients[i]);
    }
  };
  return result;
}

}  // namespace mynah::tests
