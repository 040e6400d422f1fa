#include "kernels/loss.h"

#include <cmath>

#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"

namespace mynah::kernels::eigen {
namespace {

template <class Scalar>
Index position_of_largest(VectorView<const Scalar> scores) {
  Index best = 0;
  for (Index c = 1; c < scores.size; ++c) {
    if (scores.data[c] > scores.data[best]) best = c;
  }
  return best;
}

}  // namespace

template <class Scalar>
void mse_loss(Stream&, MatrixView<const Scalar> prediction, MatrixView<const Scalar> target,
              VectorView<double> loss_sum, MatrixView<Scalar> gradient) {
  const double columns = static_cast<double>(prediction.columns);
  const auto scale = static_cast<Scalar>(2.0 / (static_cast<double>(prediction.rows) * columns));
  double squares = 0.0;
  for (Index m = 0; m < prediction.rows; ++m) {
    const auto p = map(prediction.row(m));
    const auto t = map(target.row(m));
    squares += (p - t).template cast<double>().squaredNorm();
    if (gradient.data != nullptr) map(gradient.row(m)) = scale * (p - t);
  }
  if (!loss_sum.empty()) loss_sum.data[0] += squares / columns;
}

template <class Scalar>
void softmax_cross_entropy_loss(Stream&, MatrixView<const Scalar> logits, ConstLabels labels,
                                VectorView<double> loss_sum, MatrixView<Scalar> gradient) {
  const Scalar share = Scalar(1) / static_cast<Scalar>(logits.rows);
  double loss = 0.0;
  for (Index m = 0; m < logits.rows; ++m) {
    const auto l = map(logits.row(m)).array();
    const Index label = labels.data[m];
    const Scalar largest = l.maxCoeff();
    const Scalar partition = (l - largest).exp().sum();
    loss += std::log(static_cast<double>(partition)) - static_cast<double>(l[label] - largest);
    if (gradient.data != nullptr) {
      auto g = map(gradient.row(m)).array();
      g = (l - largest).exp() * (share / partition);
      g[label] -= share;
    }
  }
  if (!loss_sum.empty()) loss_sum.data[0] += loss;
}

template <class Scalar>
void count_correct(Stream&, MatrixView<const Scalar> scores, ConstLabels labels, VectorView<double> count) {
  Index correct = 0;
  for (Index m = 0; m < scores.rows; ++m) correct += position_of_largest(scores.row(m)) == labels.data[m] ? 1 : 0;
  count.data[0] += static_cast<double>(correct);
}

template <class Scalar>
void argmax_rows(Stream&, MatrixView<const Scalar> scores, Labels out) {
  for (Index m = 0; m < scores.rows; ++m) {
    out.data[m] = static_cast<std::int32_t>(position_of_largest(scores.row(m)));
  }
}

template <>
void mse_loss<float>(Stream&, ConstMatrix prediction, ConstMatrix target, VectorView<double> loss_sum,
                     Matrix gradient) {
  using namespace vectorized;
  const double columns = static_cast<double>(prediction.columns);
  const auto scale = static_cast<float>(2.0 / (static_cast<double>(prediction.rows) * columns));
  const double squares = operations().squared_error(prediction.rows, prediction.columns, rows_of(prediction),
                                                    rows_of(target), scale, rows_of(gradient));
  if (!loss_sum.empty()) loss_sum.data[0] += squares / columns;
}

template <>
void softmax_cross_entropy_loss<float>(Stream&, ConstMatrix logits, ConstLabels labels, VectorView<double> loss_sum,
                                       Matrix gradient) {
  using namespace vectorized;
  const float share = 1.0f / static_cast<float>(logits.rows);
  double loss = 0.0;
  for (Index m = 0; m < logits.rows; ++m) {
    const Index label = labels.data[m];
    const float of_label = logits.row(m).data[label];  // read before, for gradient may be logits
    float* g = gradient.data == nullptr ? nullptr : gradient.row(m).data;
    const RowExponentials row = operations().softmax_row(logits.columns, logits.row(m).data, share, g);
    loss += std::log(static_cast<double>(row.sum)) - static_cast<double>(of_label - row.largest);
    if (g != nullptr) g[label] -= share;
  }
  if (!loss_sum.empty()) loss_sum.data[0] += loss;
}

template void mse_loss(Stream&, MatrixView<const double>, MatrixView<const double>, VectorView<double>,
                       MatrixView<double>);
template void softmax_cross_entropy_loss(Stream&, MatrixView<const double>, ConstLabels, VectorView<double>,
                                         MatrixView<double>);
template void count_correct(Stream&, MatrixView<const float>, ConstLabels, VectorView<double>);
template void count_correct(Stream&, MatrixView<const double>, ConstLabels, VectorView<double>);
template void argmax_rows(Stream&, MatrixView<const float>, Labels);
template void argmax_rows(Stream&, MatrixView<const double>, Labels);

}  // namespace mynah::kernels::eigen
