#include "tests/operations/differentiable.h"

#include <algorithm>
#include <cmath>

namespace mynah::tests {
namespace {

constexpr double gradient_tolerance = 1e-6;
constexpr double identity_tolerance = 1e-12;
constexpr double held_before = 1.0;  ///< by gradients that are added to
constexpr Index places_checked = 150;

using Matrices = std::vector<Doubles>;

std::vector<MatrixView<const double>> constant_views(const Matrices& matrices) {
  std::vector<MatrixView<const double>> views;
  for (const Doubles& matrix : matrices) views.push_back(matrix.constant());
  return views;
}

std::vector<MatrixView<double>> views(Matrices& matrices) {
  std::vector<MatrixView<double>> result;
  for (Doubles& matrix : matrices) result.push_back(matrix.view());
  return result;
}

double dot(const Matrices& a, const Matrices& b) {
  double total = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (Index m = 0; m < a[i].rows(); ++m) {
      for (Index c = 0; c < a[i].columns(); ++c) total += a[i].at(m, c) * b[i].at(m, c);
    }
  }
  return total;
}

/// a + factor b
Matrices moved(Matrices a, const Matrices& b, double factor) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (Index m = 0; m < a[i].rows(); ++m) {
      for (Index c = 0; c < a[i].columns(); ++c) a[i].at(m, c) += factor * b[i].at(m, c);
    }
  }
  return a;
}

/// Runs the passes of a function at some inputs, with fresh, poisoned memory each time.
class Runner {
 public:
  explicit Runner(const Differentiable& function) : function_(function) {}

  Matrices outputs() const {
    Matrices result;
    for (const auto& extent : function_.outputs) result.emplace_back(extent.rows, extent.columns);
    return result;
  }
  Matrices like_inputs() const {
    Matrices result;
    for (std::size_t i = 0; i < function_.inputs.size(); ++i) {
      result.emplace_back(function_.inputs[i].rows(), function_.inputs[i].columns());
      if (accumulated(i)) result.back().set(held_before);
    }
    return result;
  }
  bool accumulated(std::size_t i) const { return !function_.accumulated.empty() && function_.accumulated[i]; }
  bool varied(std::size_t i) const { return function_.no_derivative.empty() || !function_.no_derivative[i]; }

  Matrices random(Matrices matrices) {
    for (Doubles& matrix : matrices) matrix.randomize(generator_);
    return matrices;
  }
  /// A direction of the inputs; zero where there is no derivative.
  Matrices direction() {
    Matrices result = random(like_inputs());
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (!varied(i)) result[i].set(0.0);
    }
    return result;
  }

  Matrices forward(const Matrices& inputs) {
    Matrices result = outputs();
    function_.forward(stream_, constant_views(inputs), views(result));
    expect_guards(result);
    return result;
  }
  Matrices tangent(const Matrices& inputs, const Matrices& tangents) {
    const Matrices y = forward(inputs);
    Matrices result = outputs();
    function_.tangent(stream_, constant_views(inputs), constant_views(y), constant_views(tangents), views(result));
    expect_guards(result);
    return result;
  }
  Matrices backward(const Matrices& inputs, Matrices output_gradients) {
    const Matrices y = forward(inputs);
    Matrices result = like_inputs();
    function_.backward(stream_, constant_views(inputs), constant_views(y), views(output_gradients), views(result));
    return without_what_was_before(std::move(result));
  }
  struct Pair {
    Matrices of_inputs, of_tangents;
  };
  Pair tangent_backward(const Matrices& inputs, const Matrices& tangents, Matrices output_gradients, Matrices u) {
    const Matrices y = forward(inputs);
    Matrices dy = outputs();
    function_.tangent(stream_, constant_views(inputs), constant_views(y), constant_views(tangents), views(dy));
    Pair result{like_inputs(), like_inputs()};
    auto of_tangents = views(result.of_tangents);
    for (std::size_t i = 0; i < of_tangents.size(); ++i) {
      if (accumulated(i)) of_tangents[i] = {};  // of parameters: nobody asks for these
    }
    function_.tangent_backward(stream_, constant_views(inputs), constant_views(y), constant_views(tangents),
                               views(output_gradients), views(u), views(result.of_inputs), of_tangents);
    result.of_inputs = without_what_was_before(std::move(result.of_inputs));
    return result;
  }

 private:
  Matrices without_what_was_before(Matrices gradients) const {
    expect_guards(gradients);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      for (Index m = 0; accumulated(i) && m < gradients[i].rows(); ++m) {
        for (Index c = 0; c < gradients[i].columns(); ++c) gradients[i].at(m, c) -= held_before;
      }
    }
    return gradients;
  }
  static void expect_guards(const Matrices& matrices) {
    for (const Doubles& matrix : matrices) EXPECT_TRUE(matrix.guards_intact());
  }

  const Differentiable& function_;
  Stream stream_{DeviceId{}};
  std::mt19937 generator_{11};
};

/// `gradients` must be the derivatives of value(inputs), at about 150 places of each input.
void expect_derivatives(const Differentiable& function, const Runner& runner, const Matrices& inputs,
                        const Matrices& gradients, const std::function<double(const Matrices&)>& value,
                        const char* what) {
  Matrices at = inputs;
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (!runner.varied(i)) continue;
    const Index size = at[i].rows() * at[i].columns();
    const Index stride = std::max<Index>(1, size / places_checked);
    double largest = 0.0, worst = 0.0;
    for (Index place = 0; place < size; place += stride) {
      double& x = at[i].at(place / at[i].columns(), place % at[i].columns());
      const double original = x;
      // Five points: the error of the difference is of fourth order, so that the step can be large.
      const auto difference = [&](double step) {
        x = original + step;
        const double above = value(at);
        x = original - step;
        const double below = value(at);
        x = original;
        return (above - below) / (2.0 * step);
      };
      const double numeric = (4.0 * difference(function.step) - difference(2.0 * function.step)) / 3.0;
      const double given = gradients[i].at(place / at[i].columns(), place % at[i].columns());
      ASSERT_TRUE(std::isfinite(given) && std::isfinite(numeric)) << what << " of input " << i;
      largest = std::max({largest, std::fabs(given), std::fabs(numeric)});
      worst = std::max(worst, std::fabs(given - numeric));
    }
    // Where a gradient is zero (a loss that is flat), what is left is the difference's own rounding.
    EXPECT_LE(worst, gradient_tolerance * std::max(largest, 1e-3)) << what << " of input " << i;
  }
}

void expect_same_number(double a, double b, double scale, const char* what) {
  EXPECT_LE(std::fabs(a - b), identity_tolerance * std::max(scale, 1e-30)) << what << ": " << a << " and " << b;
}

double sum_of_magnitudes(const Matrices& a, const Matrices& b) {
  double total = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (Index m = 0; m < a[i].rows(); ++m) {
      for (Index c = 0; c < a[i].columns(); ++c) total += std::fabs(a[i].at(m, c) * b[i].at(m, c));
    }
  }
  return total;
}

void zero_constants(const Runner& runner, Matrices& gradients) {
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!runner.varied(i)) gradients[i].set(0.0);
  }
}

}  // namespace

void expect_gradient(const Differentiable& function) {
  Runner runner(function);
  const Matrices weights = runner.random(runner.outputs());
  const Matrices gradients = runner.backward(function.inputs, weights);
  expect_derivatives(
      function, runner, function.inputs, gradients,
      [&](const Matrices& inputs) { return dot(runner.forward(inputs), weights); }, "gradient");
}

void expect_tangent(const Differentiable& function) {
  Runner runner(function);
  const Matrices& x = function.inputs;
  const Matrices direction = runner.direction();
  const Matrices tangent = runner.tangent(x, direction);

  // Against central differences along the direction.
  const double step = function.step * 0.1;
  const auto difference = [&](double h) {
    Matrices above = runner.forward(moved(x, direction, h));
    return moved(above, runner.forward(moved(x, direction, -h)), -1.0);
  };
  const Matrices near = difference(step), far = difference(2.0 * step);
  double largest = 0.0, worst = 0.0;
  for (std::size_t i = 0; i < tangent.size(); ++i) {
    for (Index m = 0; m < tangent[i].rows(); ++m) {
      for (Index c = 0; c < tangent[i].columns(); ++c) {
        const double numeric = (4.0 * near[i].at(m, c) / (2.0 * step) - far[i].at(m, c) / (4.0 * step)) / 3.0;
        ASSERT_TRUE(std::isfinite(tangent[i].at(m, c)) && std::isfinite(numeric)) << "tangent of output " << i;
        largest = std::max({largest, std::fabs(numeric), std::fabs(tangent[i].at(m, c))});
        worst = std::max(worst, std::fabs(numeric - tangent[i].at(m, c)));
      }
    }
  }
  EXPECT_LE(worst, gradient_tolerance * std::max(largest, 1e-3)) << "tangent";

  // <u, J v> = <Jᵀ u, v>
  const Matrices u = runner.random(runner.outputs());
  Matrices pulled_back = runner.backward(x, u);
  zero_constants(runner, pulled_back);
  expect_same_number(dot(u, tangent), dot(pulled_back, direction),
                     std::max(sum_of_magnitudes(u, tangent), sum_of_magnitudes(pulled_back, direction)),
                     "<u, J v> and <Jᵀ u, v>");

  // Backward of both.
  if (function.tangent_backward == nullptr) return;
  const Matrices weights = runner.random(runner.outputs());
  const auto pair = runner.tangent_backward(x, direction, weights, u);
  expect_derivatives(
      function, runner, x, pair.of_inputs,
      [&](const Matrices& inputs) {
        return dot(runner.forward(inputs), weights) + dot(runner.tangent(inputs, direction), u);
      },
      "gradient of value and tangent");
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (runner.accumulated(i) || !runner.varied(i)) continue;
    double scale = 1e-30, difference_of_both = 0.0;
    for (Index m = 0; m < x[i].rows(); ++m) {
      for (Index c = 0; c < x[i].columns(); ++c) {
        scale = std::max(scale, std::fabs(pulled_back[i].at(m, c)));
        difference_of_both =
            std::max(difference_of_both, std::fabs(pulled_back[i].at(m, c) - pair.of_tangents[i].at(m, c)));
      }
    }
    EXPECT_FALSE(std::isnan(difference_of_both));
    EXPECT_LE(difference_of_both, identity_tolerance * scale) << "dL/dẋ is Jᵀ u, input " << i;
  }
}

namespace {

/// What a layer keeps between its passes, and its constants.
struct LayerState {
  LayerCase one;
  std::vector<TensorSpec> specs;
  std::vector<Doubles> constants;    ///< of the specs that are not trained, in order
  std::vector<std::size_t> trained;  ///< numbers in specs
  std::vector<double> saved, tangent_saved;

  /// Views in the order of the specs: trained ones from `matrices` behind the inputs, constants of its own.
  template <class View>
  std::vector<TensorViewOf<double>> tensors(std::span<const View> matrices, bool with_constants) {
    std::vector<TensorViewOf<double>> result;
    std::size_t next_trained = one.input_columns.size(), next_constant = 0;
    for (const TensorSpec& spec : specs) {
      if (spec.trainable) {
        const View& view = matrices[next_trained++];
        result.push_back({const_cast<double*>(view.data), view.rows, view.columns});
      } else if (Doubles& constant = constants[next_constant++]; with_constants) {
        result.push_back({constant.view().data, constant.rows(), constant.columns()});
      } else {
        result.push_back({});
      }
    }
    return result;
  }
  template <class View>
  std::span<const View> inputs(std::span<const View> matrices) const {
    return matrices.first(one.input_columns.size());
  }
  PassSettings settings() const { return {one.mode, kernels::Precision::float32, random_key(3, RandomStream::layer)}; }
  VectorView<double> saved_view() { return {saved.data(), static_cast<Index>(saved.size())}; }
  VectorView<double> tangent_saved_view() { return {tangent_saved.data(), static_cast<Index>(tangent_saved.size())}; }
};

Doubles tensor_values(const TensorSpec& spec, std::mt19937& generator) {
  const Index rows = spec.shape.size() == 1 ? 1 : spec.shape[0];
  Doubles values = Doubles(rows, rows == 0 ? 0 : spec.size() / rows).randomize(generator);
  const bool positive = spec.name.find("var") != std::string::npos || spec.name.find("deviation") != std::string::npos;
  for (Index m = 0; positive && m < values.rows(); ++m) {
    for (Index c = 0; c < values.columns(); ++c) values.at(m, c) = 0.3 + std::fabs(values.at(m, c));
  }
  return values;
}

}  // namespace

Differentiable differentiable(const LayerCase& one) {
  auto state = std::make_shared<LayerState>();
  state->one = one;
  state->specs = one.layer->tensors(one.input_columns);
  const double poison = std::numeric_limits<double>::quiet_NaN();
  state->saved.assign(static_cast<std::size_t>(one.layer->saved_size(one.rows, one.input_columns)), poison);
  state->tangent_saved.assign(static_cast<std::size_t>(one.layer->tangent_saved_size(one.rows, one.input_columns)),
                              poison);
  std::mt19937 generator(one.seed);
  Differentiable result;
  for (std::size_t i = 0; i < one.input_columns.size(); ++i) {
    result.inputs.push_back(Doubles(one.rows, one.input_columns[i], one.padding, 1).randomize(generator));
    if (one.prepare) one.prepare("input" + std::to_string(i), result.inputs.back());
    result.accumulated.push_back(false);
    result.no_derivative.push_back(!one.constant_inputs.empty() && one.constant_inputs[i]);
  }
  for (const TensorSpec& spec : state->specs) {
    Doubles values = tensor_values(spec, generator);
    if (one.prepare) one.prepare(spec.name, values);
    if (!spec.trainable) {
      state->constants.push_back(std::move(values));
      continue;
    }
    result.inputs.push_back(std::move(values));
    result.accumulated.push_back(true);
    result.no_derivative.push_back(false);
  }
  result.outputs = {{one.rows, one.layer->output_columns(one.input_columns)}};
  using In = Differentiable::In;
  using Out = Differentiable::Out;
  result.forward = [state](Stream& stream, In inputs, Out outputs) {
    const auto tensors = state->tensors(inputs, true);
    state->one.layer->forward(stream, ForwardPassOf<double>{state->inputs(inputs), outputs[0], tensors,
                                                            state->saved_view(), state->settings()});
  };
  result.backward = [state](Stream& stream, In inputs, In outputs, Out output_gradients, Out input_gradients) {
    const auto tensors = state->tensors(inputs, true);
    const auto gradients = state->tensors(input_gradients, false);
    BackwardPassOf<double> pass{};
    pass.inputs = state->inputs(inputs);
    pass.output = outputs[0];
    pass.output_gradient = output_gradients[0];
    pass.input_gradients = state->inputs(input_gradients);
    pass.tensors = tensors;
    pass.tensor_gradients = gradients;
    pass.saved = state->saved_view();
    pass.settings = state->settings();
    state->one.layer->backward(stream, pass);
  };
  result.tangent = [state](Stream& stream, In inputs, In outputs, In input_tangents, Out output_tangents) {
    const auto tensors = state->tensors(inputs, true);
    const auto tangents = state->tensors(input_tangents, false);
    state->one.layer->tangent(
        stream, TangentPassOf<double>{state->inputs(inputs), outputs[0], tensors, state->saved_view(),
                                      state->settings(), state->inputs(input_tangents), tangents, output_tangents[0],
                                      state->tangent_saved_view()});
  };
  result.tangent_backward = [state](Stream& stream, In inputs, In outputs, In input_tangents, Out output_gradients,
                                    Out output_tangent_gradients, Out input_gradients, Out input_tangent_gradients) {
    const auto tensors = state->tensors(inputs, true);
    const auto tangents = state->tensors(input_tangents, false);
    const auto gradients = state->tensors(input_gradients, false);
    state->one.layer->tangent_backward(
        stream, TangentBackwardPassOf<double>{state->inputs(inputs), outputs[0], tensors, state->saved_view(),
                                              state->settings(), state->inputs(input_tangents), tangents,
                                              state->tangent_saved_view(), output_gradients[0],
                                              output_tangent_gradients[0], state->inputs(input_gradients),
                                              state->inputs(input_tangent_gradients), gradients});
  };
  return result;
}

}  // namespace mynah::tests
