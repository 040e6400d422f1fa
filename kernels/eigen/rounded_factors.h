#pragma once

#include <initializer_list>

#include "kernels/eigen/vectorized/views.h"
#include "kernels/precision_rounding.h"
#include "kernels/stream.h"

namespace mynah::kernels::eigen {

/// Scratch for copies of the factors, rounded to a precision, and for `rest` floats behind them.
class RoundedFactors {
 public:
  RoundedFactors(Stream& stream, Precision precision, std::initializer_list<ConstMatrix> factors, std::int64_t rest)
      : precision_(precision) {
    const bool rounds = precision != Precision::float32;
    std::int64_t floats = rest;
    for (const ConstMatrix factor : factors) floats += rounds ? size_of(factor) : 0;
    if (rounds || floats > 0) {
      next_ = static_cast<float*>(stream.scratch(static_cast<std::size_t>(floats) * sizeof(float)));
    }
  }

  /// The copy of one of the factors; in float32 the factor itself, and so where it is null, which products that nobody
  /// wants may leave it. Each is asked for once.
  vectorized::ConstRows rows_of(ConstMatrix factor) {
    if (precision_ == Precision::float32 || factor.data == nullptr) return vectorized::rows_of(factor);
    const Matrix copy{next_, factor.rows, factor.columns};
    next_ += size_of(factor);
    if (precision_ == Precision::tf32) {
      round<Precision::tf32>(factor, copy);
    } else {
      round<Precision::bfloat16>(factor, copy);
    }
    return vectorized::rows_of(ConstMatrix(copy));
  }

  float* rest() const { return next_; }

 private:
  /// The next copy is aligned as scratch is.
  static std::int64_t size_of(ConstMatrix factor) {
    return factor.data == nullptr ? 0 : (factor.rows * factor.columns + 63) / 64 * 64;
  }

  template <Precision precision>
  static void round(ConstMatrix from, Matrix to) {
    for (Index row = 0; row < from.rows; ++row) {
      const float* source = from.data + row * from.stride;
      float* target = to.data + row * to.stride;
      for (Index column = 0; column < from.columns; ++column) target[column] = rounded_to<precision>(source[column]);
    }
  }

  Precision precision_;
  float* next_ = nullptr;
};

}  // namespace mynah::kernels::eigen
