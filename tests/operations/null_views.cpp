#include "tests/operations/null_views.h"

#include <algorithm>
#include <cmath>

namespace mynah::tests {
namespace {

using Matrices = std::vector<Doubles>;

/// Runs the passes of a function with some tangents or gradients null.
class Passes {
 public:
  explicit Passes(Differentiable function) : function_(std::move(function)) {
    for (const auto& extent : function_.outputs) {
      y_.emplace_back(extent.rows, extent.columns);
      y_gradient_.push_back(Doubles(extent.rows, extent.columns).randomize(generator_));
      tangent_gradient_.push_back(Doubles(extent.rows, extent.columns).randomize(generator_));
    }
    for (const Doubles& input : function_.inputs) {
      direction_.push_back(Doubles(input.rows(), input.columns()).randomize(generator_));
    }
    function_.forward(stream_, constant(function_.inputs, none()), views(y_, none()));
  }

  std::size_t inputs() const { return function_.inputs.size(); }
  std::vector<bool> none() const { return std::vector<bool>(inputs(), false); }
  std::vector<bool> all() const { return std::vector<bool>(inputs(), true); }

  Matrices backward(const std::vector<bool>& unwanted) {
    Matrices of_y = y_gradient_, result = gradients();
    function_.backward(stream_, constant(function_.inputs, none()), constant(y_, none()), views(of_y, none()),
                       views(result, unwanted));
    return result;
  }

  /// The tangent, then the gradients of both with respect to inputs and to their tangents. The tangents of `still`
  /// inputs are zero: null or, for comparison, given.
  Matrices tangents(const std::vector<bool>& still, bool as_null, const std::vector<bool>& unwanted) {
    Matrices direction = direction_, tangent = y_;
    for (std::size_t i = 0; i < inputs(); ++i) {
      if (still[i]) direction[i].set(0.0);
    }
    const std::vector<bool> nulls = as_null ? still : none();
    function_.tangent(stream_, constant(function_.inputs, none()), constant(y_, none()), constant(direction, nulls),
                      views(tangent, none()));
    Matrices of_y = y_gradient_, of_tangent = tangent_gradient_, result = gradients(), of_direction = gradients();
    std::vector<bool> no_parameters = unwanted;  // the gradients of their tangents: nobody asks for them
    for (std::size_t i = 0; i < inputs(); ++i) no_parameters[i] = unwanted[i] || function_.accumulated[i];
    function_.tangent_backward(stream_, constant(function_.inputs, none()), constant(y_, none()),
                               constant(direction, nulls), views(of_y, none()), views(of_tangent, none()),
                               views(result, unwanted), views(of_direction, no_parameters));
    for (Doubles& one : result) tangent.push_back(std::move(one));
    for (Doubles& one : of_direction) tangent.push_back(std::move(one));
    return tangent;
  }

 private:
  Matrices gradients() const {
    Matrices result;
    for (std::size_t i = 0; i < inputs(); ++i) {
      result.emplace_back(function_.inputs[i].rows(), function_.inputs[i].columns());
      if (function_.accumulated[i]) result.back().set(0.0);
    }
    return result;
  }
  static bool is_null(const std::vector<bool>& nulls, std::size_t i) { return i < nulls.size() && nulls[i]; }
  std::vector<MatrixView<const double>> constant(const Matrices& matrices, const std::vector<bool>& nulls) const {
    std::vector<MatrixView<const double>> result;
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      result.push_back(is_null(nulls, i) ? MatrixView<const double>{} : matrices[i].constant());
    }
    return result;
  }
  std::vector<MatrixView<double>> views(Matrices& matrices, const std::vector<bool>& nulls) const {
    std::vector<MatrixView<double>> result;
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      result.push_back(is_null(nulls, i) ? MatrixView<double>{} : matrices[i].view());
    }
    return result;
  }

  Differentiable function_;
  Stream stream_{DeviceId{}};
  std::mt19937 generator_{17};
  Matrices y_, y_gradient_, tangent_gradient_, direction_;
};

/// Where both hold a number: what was not wanted is NaN, or the zero that a tensor's gradient began with.
void expect_same(const Matrices& expected, const Matrices& found, const std::vector<bool>& skipped, const char* what) {
  ASSERT_EQ(expected.size(), found.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (skipped[i]) continue;
    double scale = 1.0, worst = 0.0;
    bool finite = true;
    for (Index m = 0; m < expected[i].rows(); ++m) {
      for (Index c = 0; c < expected[i].columns(); ++c) {
        const double a = expected[i].at(m, c), b = found[i].at(m, c);
        if (std::isnan(a) && std::isnan(b)) continue;  // a parameter's tangent: nobody asks for its gradient
        finite = finite && std::isfinite(a) && std::isfinite(b);
        scale = std::max(scale, std::fabs(a));
        worst = std::max(worst, std::fabs(a - b));
      }
    }
    EXPECT_TRUE(finite && worst <= 1e-12 * scale) << what << ", matrix " << i << ": " << worst;
  }
}

std::vector<bool> joined(std::size_t outputs, const std::vector<bool>& a, const std::vector<bool>& b) {
  std::vector<bool> result(outputs, false);
  result.insert(result.end(), a.begin(), a.end());
  result.insert(result.end(), b.begin(), b.end());
  return result;
}

}  // namespace

void expect_null_views(const LayerCase& one) {
  const Differentiable function = differentiable(one);
  Passes passes(function);
  std::vector<std::vector<bool>> choices;
  for (std::size_t i = 0; i < passes.inputs(); ++i) {
    choices.push_back(passes.none());
    choices.back()[i] = true;
    choices.push_back(passes.all());
    choices.back()[i] = false;
  }
  choices.push_back(passes.all());
  const std::size_t outputs = function.outputs.size();
  for (const auto& chosen : choices) {
    expect_same(passes.backward(passes.none()), passes.backward(chosen), chosen, "unwanted in backward");
    expect_same(passes.tangents(chosen, false, passes.none()), passes.tangents(chosen, true, passes.none()),
                joined(outputs, passes.none(), passes.none()), "null tangents");
    expect_same(passes.tangents(passes.none(), false, passes.none()), passes.tangents(passes.none(), false, chosen),
                joined(outputs, chosen, chosen), "unwanted in tangent backward");
  }
}

}  // namespace mynah::tests
