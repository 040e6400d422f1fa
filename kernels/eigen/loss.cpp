#include "kernels/loss.h"

#include "kernels/eigen/vectorized/views.h"
#include "kernels/loss_functions.h"

namespace mynah::kernels::eigen {
namespace {

/// call(row, its weight, that divided by the number of elements) for every row.
template <class Scalar, class Call>
void for_each_row(MatrixView<const Scalar> prediction, VectorView<const Scalar> weights, const Call& call) {
  const double share = 1.0 / (static_cast<double>(prediction.rows) * static_cast<double>(prediction.columns));
  for (Index m = 0; m < prediction.rows; ++m) {
    const double weight = weights.empty() ? 1.0 : static_cast<double>(weights.data[m]);
    call(m, weight, static_cast<Scalar>(share * weight));
  }
}

/// The targets of a row, one after another.
template <class Scalar>
struct TargetRow {
  TargetRow(const LossTargetOf<Scalar>& target, Index row)
      : data(target.is_constant() ? &target.constant : target.values.row(row).data),
        step(target.is_constant() ? 0 : 1) {}
  Scalar operator[](Index column) const { return data[column * step]; }
  const Scalar* data;
  Index step;
};

template <class Function, class Scalar>
void evaluate(Scalar parameter, MatrixView<const Scalar> prediction, const LossTargetOf<Scalar>& target,
              VectorView<double> loss_sum, MatrixView<Scalar> gradient, VectorView<const Scalar> weights) {
  double loss = 0.0;
  for_each_row(prediction, weights, [&](Index m, double weight, Scalar scale) {
    const Scalar* p = prediction.row(m).data;
    const TargetRow<Scalar> t(target, m);
    if (!loss_sum.empty()) {
      double of_row = 0.0;
      for (Index c = 0; c < prediction.columns; ++c) of_row += Function::value(p[c], t[c], parameter);
      loss += weight * of_row;
    }
    if (gradient.data == nullptr) return;
    Scalar* g = gradient.row(m).data;
    for (Index c = 0; c < prediction.columns; ++c) g[c] = scale * Function::gradient(p[c], t[c], parameter);
  });
  if (!loss_sum.empty()) loss_sum.data[0] += loss / static_cast<double>(prediction.columns);
}

}  // namespace

template <class Scalar>
void elementwise_loss(Stream&, ElementwiseLoss loss, ConstMatrixOf<Scalar> prediction, LossTarget<Scalar> target,
                      VectorView<double> loss_sum, MatrixOf<Scalar> gradient, ConstVectorOf<Scalar> weights) {
  visit_elementwise_loss(loss.kind(), [&](auto function) {
    evaluate<decltype(function), Scalar>(static_cast<Scalar>(loss.parameter()), prediction, target, loss_sum, gradient,
                                         weights);
  });
}

template <class Scalar>
void elementwise_loss_tangent(Stream&, ElementwiseLoss loss, ConstMatrixOf<Scalar> prediction,
                              LossTarget<Scalar> target, ConstMatrixOf<Scalar> prediction_tangent,
                              MatrixOf<Scalar> gradient_tangent, ConstVectorOf<Scalar> weights) {
  const auto parameter = static_cast<Scalar>(loss.parameter());
  visit_elementwise_loss(loss.kind(), [&](auto function) {
    using Function = decltype(function);
    for_each_row<Scalar>(prediction, weights, [&](Index m, double, Scalar scale) {
      const TargetRow<Scalar> t(target, m);
      const Scalar* p = prediction.row(m).data;
      const Scalar* direction = prediction_tangent.row(m).data;
      Scalar* out = gradient_tangent.row(m).data;
      for (Index c = 0; c < prediction.columns; ++c) {
        out[c] = scale * Function::second_derivative(p[c], t[c], parameter) * direction[c];
      }
    });
  });
}

template <>
void elementwise_loss<float>(Stream&, ElementwiseLoss loss, ConstMatrix prediction, LossTarget<float> target,
                             VectorView<double> loss_sum, Matrix gradient, ConstVector weights) {
  using namespace vectorized;
  if (loss.kind() == ElementwiseLoss::mse && !target.is_constant() && weights.empty()) {
    const auto columns = static_cast<double>(prediction.columns);
    const auto scale = static_cast<float>(2.0 / (static_cast<double>(prediction.rows) * columns));
    const double squares = operations().squared_error(prediction.rows, prediction.columns, rows_of(prediction),
                                                      rows_of(target.values), scale, rows_of(gradient));
    if (!loss_sum.empty()) loss_sum.data[0] += squares / columns;
    return;
  }
  visit_elementwise_loss(loss.kind(), [&](auto function) {
    evaluate<decltype(function), float>(loss.parameter(), prediction, target, loss_sum, gradient, weights);
  });
}

MYNAH_FOR_DOUBLE(elementwise_loss)
MYNAH_FOR_FLOAT_AND_DOUBLE(elementwise_loss_tangent)

}  // namespace mynah::kernels::eigen
