#pragma once

#include <algorithm>

#include "kernels/gaussian_terms.h"
#include "kernels/stream.h"

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
void add_derivatives(Stream& stream, Index rows, Index columns, const Term& term,
                     const gaussian_terms::Targets<Scalar, count>& targets) {
  auto* const sums = static_cast<double*>(stream.scratch(static_cast<std::size_t>(count * columns) * sizeof(double)));
  std::fill(sums, sums + count * columns, 0.0);
  for_each_element(rows, columns, [&](Index m, Index c) {
    const auto derivatives = term(m, c);
    for (int i = 0; i < count; ++i) {
      const MatrixView<Scalar>& target = targets.of[i];
      if (gaussian_terms::is_shared(target, rows)) {
        sums[i * columns + c] += static_cast<double>(derivatives.of[i]);
      } else if (target.data != nullptr) {
        target.data[m * target.stride + c] += derivatives.of[i];
      }
    }
  });
  for (int i = 0; i < count; ++i) {
    const MatrixView<Scalar>& target = targets.of[i];
    if (!gaussian_terms::is_shared(target, rows)) continue;
    for (Index c = 0; c < columns; ++c) {
      target.data[c] = static_cast<Scalar>(static_cast<double>(target.data[c]) + sums[i * columns + c]);
    }
  }
}

}  // namespace mynah::kernels::eigen
