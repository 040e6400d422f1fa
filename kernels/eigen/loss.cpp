#include "kernels/loss.h"

#include <algorithm>

#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"
#include "kernels/loss_functions.h"

namespace mynah::kernels::eigen {
namespace {

/// What a loss is evaluated on. Without weights it does not matter which row an element is in: matrices without gaps
/// are taken as one long row.
template <class Scalar>
struct Terms {
  MatrixView<const Scalar> prediction;
  LossTargetOf<Scalar> target;
  VectorView<const Scalar> weights;
  Scalar parameter;
  double share;  ///< 1 / elements

  template <class... Matrices>
  void take_as_one_row(Matrices&... matrices) {
    if (!weights.empty() || !is_contiguous(prediction) || !is_contiguous(target.values)) return;
    if (!(is_contiguous(matrices) && ...)) return;
    const Index size = prediction.rows * prediction.columns;
    prediction = {prediction.data, 1, size};
    ((matrices = {matrices.data, 1, size}), ...);
    target.values = {target.values.data, 1, size};
  }
  double weight(Index row) const { return weights.empty() ? 1.0 : static_cast<double>(weights.data[row]); }

  template <class T>
  static bool is_contiguous(MatrixView<T> matrix) {
    return matrix.data == nullptr || matrix.stride == matrix.columns;
  }
};

template <class Scalar>
Terms<Scalar> terms_of(ElementwiseLoss loss, MatrixView<const Scalar> prediction, const LossTargetOf<Scalar>& target,
                       VectorView<const Scalar> weights) {
  const double elements = static_cast<double>(prediction.rows) * static_cast<double>(prediction.columns);
  return {prediction, target, weights, static_cast<Scalar>(loss.parameter()), 1.0 / elements};
}

constexpr Index most_elements = 128;  ///< of a chunk

/// A loss at up to most_elements neighbouring predictions p, with parameter q.
template <class Function, class Scalar>
struct Chunk {
  Chunk(const Scalar*, Index) {}
  void prepare_value(Index) {}
  static double value(Index, Scalar p, Scalar t, Scalar q) { return Function::value(p, t, q); }
  static Scalar gradient(Index, Scalar p, Scalar t, Scalar q) { return Function::gradient(p, t, q); }
  static Scalar second_derivative(Index, Scalar p, Scalar t, Scalar q) { return Function::second_derivative(p, t, q); }
};

/// Exponentials and logarithms are taken for all of a chunk at once, with vector instructions.
template <class Scalar>
struct Chunk<loss_functions::LogitBinaryCrossEntropy, Scalar> {
  using Function = loss_functions::LogitBinaryCrossEntropy;
  Chunk(const Scalar* p, Index count) {
    map(VectorView<Scalar>(e, count)).array() = (-map(VectorView<const Scalar>(p, count)).array().abs()).exp();
  }
  void prepare_value(Index count) {
    map(VectorView<Scalar>(logarithm, count)).array() = map(VectorView<Scalar>(e, count)).array().log1p();
  }
  double value(Index i, Scalar p, Scalar t, Scalar q) const { return Function::value_given(p, t, q, logarithm[i]); }
  Scalar gradient(Index i, Scalar p, Scalar t, Scalar q) const { return Function::gradient_given(p, t, q, e[i]); }
  Scalar second_derivative(Index i, Scalar, Scalar t, Scalar q) const {
    return Function::second_derivative_given(t, q, e[i]);
  }
  Scalar e[most_elements], logarithm[most_elements];
};

/// Eight sums that do not wait for each other, added up at the end.
double sum_of(const double* values, Index count) {
  constexpr Index width = 8;
  double sums[width]{};
  Index i = 0;
  for (; i + width <= count; i += width) {
    for (Index k = 0; k < width; ++k) sums[k] += values[i + k];
  }
  for (; i < count; ++i) sums[0] += values[i];
  double total = 0.0;
  for (const double sum : sums) total += sum;
  return total;
}

/// call(chunk, predictions, target(i), row, first column, count) for every chunk of every row.
template <class Function, class Scalar, class Call>
void for_each_chunk(const Terms<Scalar>& terms, const Call& call) {
  for (Index m = 0; m < terms.prediction.rows; ++m) {
    for (Index first = 0; first < terms.prediction.columns; first += most_elements) {
      const Index count = std::min(most_elements, terms.prediction.columns - first);
      const Scalar* p = terms.prediction.row(m).data + first;
      Chunk<Function, Scalar> chunk(p, count);
      if (terms.target.is_constant()) {
        call(
            chunk, p, [t = terms.target.constant](Index) { return t; }, m, first, count);
      } else {
        const Scalar* targets = terms.target.values.row(m).data + first;
        call(
            chunk, p, [targets](Index i) { return targets[i]; }, m, first, count);
      }
    }
  }
}

/// Σ weight f
template <class Function, class Scalar>
double evaluate(const Terms<Scalar>& terms, bool wants_value, MatrixView<Scalar> gradient) {
  double loss = 0.0;
  const auto evaluate_chunk = [&](auto& chunk, const Scalar* p, auto t, Index m, Index first, Index count) {
    const Scalar q = terms.parameter;  // by value: what is written could be what a reference refers to
    if (wants_value) {
      double values[most_elements];
      chunk.prepare_value(count);
      for (Index i = 0; i < count; ++i) values[i] = chunk.value(i, p[i], t(i), q);
      loss += terms.weight(m) * sum_of(values, count);
    }
    if (gradient.data == nullptr) return;
    const auto scale = static_cast<Scalar>(terms.share * terms.weight(m));
    Scalar* g = gradient.row(m).data + first;
    for (Index i = 0; i < count; ++i) g[i] = scale * chunk.gradient(i, p[i], t(i), q);
  };
  for_each_chunk<Function>(terms, evaluate_chunk);
  return loss;
}

template <class Scalar>
void evaluate(ElementwiseLoss loss, MatrixView<const Scalar> prediction, const LossTargetOf<Scalar>& target,
              VectorView<double> loss_sum, MatrixView<Scalar> gradient, VectorView<const Scalar> weights) {
  Terms<Scalar> terms = terms_of<Scalar>(loss, prediction, target, weights);
  terms.take_as_one_row(gradient);
  double sum = 0.0;
  visit_elementwise_loss(loss.kind(), [&](auto function) {
    sum = evaluate<decltype(function), Scalar>(terms, !loss_sum.empty(), gradient);
  });
  if (!loss_sum.empty()) loss_sum.data[0] += sum / static_cast<double>(prediction.columns);
}

}  // namespace

template <class Scalar>
void elementwise_loss(Stream&, ElementwiseLoss loss, ConstMatrixOf<Scalar> prediction, LossTarget<Scalar> target,
                      VectorView<double> loss_sum, MatrixOf<Scalar> gradient, ConstVectorOf<Scalar> weights) {
  evaluate<Scalar>(loss, prediction, target, loss_sum, gradient, weights);
}

template <>
void elementwise_loss<float>(Stream&, ElementwiseLoss loss, ConstMatrix prediction, LossTarget<float> target,
                             VectorView<double> loss_sum, Matrix gradient, ConstVector weights) {
  using namespace vectorized;
  if (loss.kind() != ElementwiseLoss::mse || target.is_constant() || !weights.empty()) {
    return evaluate<float>(loss, prediction, target, loss_sum, gradient, weights);
  }
  const auto columns = static_cast<double>(prediction.columns);
  const auto scale = static_cast<float>(2.0 / (static_cast<double>(prediction.rows) * columns));
  const double squares = operations().squared_error(prediction.rows, prediction.columns, rows_of(prediction),
                                                    rows_of(target.values), scale, rows_of(gradient));
  if (!loss_sum.empty()) loss_sum.data[0] += squares / columns;
}

template <class Scalar>
void elementwise_loss_tangent(Stream&, ElementwiseLoss loss, ConstMatrixOf<Scalar> prediction,
                              LossTarget<Scalar> target, ConstMatrixOf<Scalar> prediction_tangent,
                              MatrixOf<Scalar> gradient_tangent, ConstVectorOf<Scalar> weights) {
  Terms<Scalar> terms = terms_of<Scalar>(loss, prediction, target, weights);
  terms.take_as_one_row(prediction_tangent, gradient_tangent);
  visit_elementwise_loss(loss.kind(), [&](auto function) {
    const auto evaluate_chunk = [&](auto& chunk, const Scalar* p, auto t, Index m, Index first, Index count) {
      const Scalar q = terms.parameter;
      const auto scale = static_cast<Scalar>(terms.share * terms.weight(m));
      const Scalar* direction = prediction_tangent.row(m).data + first;
      Scalar* out = gradient_tangent.row(m).data + first;
      for (Index i = 0; i < count; ++i) out[i] = scale * chunk.second_derivative(i, p[i], t(i), q) * direction[i];
    };
    for_each_chunk<decltype(function)>(terms, evaluate_chunk);
  });
}

MYNAH_FOR_DOUBLE(elementwise_loss)
MYNAH_FOR_FLOAT_AND_DOUBLE(elementwise_loss_tangent)

}  // namespace mynah::kernels::eigen
