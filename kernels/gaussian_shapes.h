#pragma once

#include "kernels/gaussian_distribution.h"

namespace mynah::kernels {

/// Checks that the operations on Gaussian distributions share.

/// Whether each of `rows` rows over `columns` numbers has its mean, and its log_std or a shared one.
template <class T>
bool fits(const GaussianView<T>& one, Index rows, Index columns) {
  return one.mean.rows == rows && one.mean.columns == columns && one.log_std.columns == columns &&
         (one.log_std.rows == rows || one.log_std.rows == 1);
}

template <class T, class U>
bool is_gradient_of(MatrixView<T> gradient, MatrixView<U> parameter) {
  return gradient.data == nullptr || same_shape(gradient, parameter);
}

template <class T, class U>
bool are_gradients_of(const GaussianView<T>& gradients, const GaussianView<U>& parameters) {
  return is_gradient_of(gradients.mean, parameters.mean) && is_gradient_of(gradients.log_std, parameters.log_std);
}

/// Blocks of four random words are numbered with 32 bits.
template <class T>
void require_that_it_can_be_drawn(const char* operation, MatrixView<T> noise) {
  require(noise.columns == 0 || noise.rows <= (Index{1} << 34) / noise.columns, operation, "at most 2^34 elements");
}

constexpr const char* gaussian_shapes = "mean [rows, n] and log_std [rows, n] or [1, n]";
constexpr const char* gaussian_gradient_shapes = "gradients of the shapes of their parameters, or empty";

}  // namespace mynah::kernels
