#include "tests/operations/left_out.h"

#include <algorithm>
#include <cmath>

namespace mynah::tests {
namespace {

using Tensors = std::vector<TensorViewOf<double>>;
using Numbers = std::vector<std::vector<double>>;

/// What a run of all passes is given and asked for; by trained tensor, those of the input apart.
struct Given {
  bool x_tangent = true, w_tangents = true;  ///< false: null
  bool dx = true, dw_first = true, dw_rest = true;
};

class Runner {
 public:
  Runner(const LayerCase& one, bool zero_x_tangent, bool zero_w_tangents)
      : one_(one), specs_(one.layer->tensors(one.input_columns)) {
    std::mt19937 generator(one.seed);
    const Index outputs = one.layer->output_columns(one.input_columns);
    x_.assign(static_cast<std::size_t>(one.rows * one.input_columns[0]), 0.0);
    draw(x_, generator);
    x_tangent_ = x_;
    draw(x_tangent_, generator);
    for (const TensorSpec& spec : specs_) {
      Doubles values(1, spec.size());
      values.randomize(generator);
      for (Index i = 0; i < spec.size(); ++i) values.at(0, i) = 0.5 + std::fabs(values.at(0, i));
      tensors_.emplace_back(values.vector().data, values.vector().data + spec.size());
      tangents_.push_back(tensors_.back());
      draw(tangents_.back(), generator);
      if (zero_w_tangents) std::fill(tangents_.back().begin(), tangents_.back().end(), 0.0);
    }
    if (zero_x_tangent) std::fill(x_tangent_.begin(), x_tangent_.end(), 0.0);
    output_gradient_.assign(static_cast<std::size_t>(one.rows * outputs), 0.0);
    draw(output_gradient_, generator);
    tangent_gradient_ = output_gradient_;
    draw(tangent_gradient_, generator);
  }

  /// ẏ, then dx, dL/dẋ, and the tensors' gradients of backward and of tangent_backward; what is left out is empty.
  Numbers run(const Given& given) {
    const Index columns = one_.input_columns[0], outputs = one_.layer->output_columns(one_.input_columns);
    Numbers tensors = tensors_, gradients = zeros(), both = zeros();
    std::vector<double> y(output_gradient_.size()), y_tangent(y.size()), dx(x_.size()), of_x(x_.size());
    std::vector<double> of_tangent(x_.size()), saved, tangent_saved;
    saved.resize(static_cast<std::size_t>(one_.layer->saved_size(one_.rows, one_.input_columns)));
    tangent_saved.resize(static_cast<std::size_t>(one_.layer->tangent_saved_size(one_.rows, one_.input_columns)));
    const auto in = [&](std::vector<double>& values, bool is_given = true) {
      return is_given ? MatrixView<double>{values.data(), one_.rows, columns} : MatrixView<double>{};
    };
    const auto out = [&](std::vector<double>& values) { return MatrixView<double>{values.data(), one_.rows, outputs}; };
    const PassSettings settings{one_.mode, kernels::Precision::float32, random_key(3, RandomStream::layer)};
    const Tensors all = views(tensors, [](std::size_t) { return true; });
    const auto wanted = [&](std::size_t i) { return specs_[i].trainable && (i == 0 ? given.dw_first : given.dw_rest); };
    const Tensors of_tensors = views(gradients, wanted), of_both = views(both, wanted);
    const Tensors moves = views(tangents_, [&](std::size_t i) { return specs_[i].trainable && given.w_tangents; });
    const std::vector<MatrixView<const double>> x{in(x_)}, x_tangent{in(x_tangent_, given.x_tangent)};
    const std::vector<MatrixView<double>> x_gradient{in(dx, given.dx)}, x_gradient_of_both{in(of_x, given.dx)};
    const std::vector<MatrixView<double>> x_tangent_gradient{in(of_tangent, given.dx && given.x_tangent)};
    const VectorView<double> kept{saved.data(), static_cast<Index>(saved.size())};
    const VectorView<double> tangent_kept{tangent_saved.data(), static_cast<Index>(tangent_saved.size())};
    Stream stream{DeviceId{}};
    one_.layer->forward(stream, ForwardPassOf<double>{x, out(y), all, kept, settings});
    std::vector<double> scratch = output_gradient_, more_scratch = tangent_gradient_;
    one_.layer->backward(stream, BackwardPassOf<double>{x,
                                                        out(y),
                                                        out(scratch),
                                                        x_gradient,
                                                        all,
                                                        of_tensors,
                                                        kept,
                                                        settings,
                                                        false,
                                                        kernels::Activation::none,
                                                        {}});
    one_.layer->tangent(
        stream, TangentPassOf<double>{x, out(y), all, kept, settings, x_tangent, moves, out(y_tangent), tangent_kept});
    scratch = output_gradient_;
    one_.layer->tangent_backward(
        stream,
        TangentBackwardPassOf<double>{x, out(y), all, kept, settings, x_tangent, moves, tangent_kept, out(scratch),
                                      out(more_scratch), x_gradient_of_both, x_tangent_gradient, of_both});
    Numbers result{y_tangent, given.dx ? dx : std::vector<double>{}, given.dx ? of_x : std::vector<double>{},
                   given.dx && given.x_tangent ? of_tangent : std::vector<double>{}};
    for (std::size_t i = 0; i < specs_.size(); ++i) {
      result.push_back(wanted(i) ? gradients[i] : std::vector<double>{});
      result.push_back(wanted(i) ? both[i] : std::vector<double>{});
    }
    return result;
  }

 private:
  static void draw(std::vector<double>& values, std::mt19937& generator) {
    std::normal_distribution<double> normal;
    for (double& value : values) value = normal(generator);
  }
  Numbers zeros() const {
    Numbers result;
    for (const auto& tensor : tensors_) result.emplace_back(tensor.size(), 0.0);
    return result;
  }
  template <class IsGiven>
  Tensors views(Numbers& numbers, const IsGiven& is_given) const {
    Tensors result;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const Index rows = specs_[i].shape.size() == 1 ? 1 : specs_[i].shape[0];
      result.push_back(is_given(i) ? TensorViewOf<double>{numbers[i].data(), rows, specs_[i].size() / rows}
                                   : TensorViewOf<double>{});
    }
    return result;
  }

  const LayerCase& one_;
  std::vector<TensorSpec> specs_;
  std::vector<double> x_, x_tangent_, output_gradient_, tangent_gradient_;
  Numbers tensors_, tangents_;
};

void expect_same(const Numbers& all, const Numbers& some, const char* what) {
  ASSERT_EQ(all.size(), some.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t k = 0; k < some[i].size(); ++k) {
      EXPECT_NEAR(some[i][k], all[i][k], 1e-12 * (1.0 + std::fabs(all[i][k]))) << what << ", result " << i;
    }
  }
}

}  // namespace

void expect_left_out(const LayerCase& one) {
  Runner usual(one, false, false);
  const Numbers all = usual.run({});
  expect_same(all, usual.run({true, true, false, true, true}), "no gradient of the input");
  expect_same(all, usual.run({true, true, true, false, false}), "no gradients of the tensors");
  expect_same(all, usual.run({true, true, true, false, true}), "the first tensor frozen");
  expect_same(all, usual.run({true, true, true, true, false}), "all tensors frozen but the first");
  Runner fixed_tensors(one, false, true);
  const Numbers of_inputs = fixed_tensors.run({});
  expect_same(of_inputs, fixed_tensors.run({true, false, true, true, true}), "no tangents of the tensors");
  expect_same(of_inputs, fixed_tensors.run({true, false, true, false, false}), "neither tangents nor gradients");
  Runner fixed_input(one, true, false);
  expect_same(fixed_input.run({}), fixed_input.run({false, true, true, true, true}), "no tangent of the input");
}

}  // namespace mynah::tests
