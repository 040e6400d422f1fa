#pragma once

#include "kernels/gaussian_terms.h"

namespace mynah::kernels::eigen {

/// draw(m, c) for every element, in order.
template <class Draw>
void for_each_element(Index rows, Index columns, const Draw& draw) {
  for (Index m = 0; m < rows; ++m) {
    for (Index c = 0; c < columns; ++c) draw(m, c);
  }
}

/// out_m = Σ_c term(m, c), in double.
template <class Scalar, class Term>
void add_up_rows(Index columns, const Term& term, VectorView<Scalar> out) {
  for (Index m = 0; m < out.size; ++m) {
    double sum = 0.0;
    for (Index c = 0; c < columns; ++c) sum += static_cast<double>(term(m, c));
    out.data[m] = static_cast<Scalar>(sum);
  }
}

/// target_i(m, c) += term(m, c).of[i]; over all rows, in double, where rows share a target. Empty targets are left out.
template <class Scalar, int count, class Term>
void add_derivatives(Index rows, Index columns, const Term& term,
                     const gaussian_terms::Targets<Scalar, count>& targets) {
  for (int i = 0; i < count; ++i) {
    const MatrixView<Scalar>& target = targets.of[i];
    if (target.data == nullptr) continue;
    if (!gaussian_terms::is_shared(target, rows)) {
      for_each_element(rows, columns,
                       [&](Index m, Index c) { target.data[m * target.stride + c] += term(m, c).of[i]; });
      continue;
    }
    for (Index c = 0; c < columns; ++c) {
      double sum = static_cast<double>(target.data[c]);
      for (Index m = 0; m < rows; ++m) sum += static_cast<double>(term(m, c).of[i]);
      target.data[c] = static_cast<Scalar>(sum);
    }
  }
}

}  // namespace mynah::kernels::eigen
