#include "kernels/gradient_penalty.h"

#include <algorithm>
#include <cmath>

#include "kernels/eigen/map.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void gradient_penalty_loss(Stream&, const GradientPenaltyOptions& options, ConstMatrixOf<Scalar> gradient,
                           VectorView<double> loss_sum, MatrixOf<Scalar> direction) {
  const double scale = 2.0 * options.weight / static_cast<double>(gradient.rows);
  double total = 0.0;
  for (Index m = 0; m < gradient.rows; ++m) {
    const double norm = gradient.columns == 0 ? 0.0 : map(gradient.row(m)).template cast<double>().norm();
    double excess = norm - options.target_norm;
    if (options.one_sided && excess < 0.0) excess = 0.0;
    total += excess * excess;
    const auto factor = static_cast<Scalar>(norm == 0.0 ? 0.0 : scale * excess / norm);
    map(direction.row(m)) = factor * map(gradient.row(m));
  }
  if (!loss_sum.empty()) loss_sum.data[0] += options.weight * total;
}

MYNAH_FOR_FLOAT_AND_DOUBLE(gradient_penalty_loss)

}  // namespace mynah::kernels::eigen
