#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Elementwise nonlinearities, y = f(x), whose derivative follows from y alone, so that x need not be kept.
///
///   none   y = x             dy/dx = 1
///   relu   y = max(x, 0)     dy/dx = 1 where y > 0, else 0 (0 at x = 0, as PyTorch); NaN stays NaN
enum class Activation { none, relu };

/// y = f(x), elementwise; x and y [rows, columns] of any size. y may be x itself, and may not overlap it otherwise.
void activation_forward(Stream& stream, Activation activation, ConstMatrix x, Matrix y);

/// dx = dy * f'(x), with f' taken from y = f(x); all [rows, columns]. dx may be dy itself.
void activation_backward(Stream& stream, Activation activation, ConstMatrix y, ConstMatrix dy, Matrix dx);

MYNAH_CUDA_TWIN(activation_forward)
MYNAH_CUDA_TWIN(activation_backward)

namespace eigen {
template <class Scalar>
void activation_forward(Stream&, Activation, MatrixView<const Scalar> x, MatrixView<Scalar> y);
template <class Scalar>
void activation_backward(Stream&, Activation, MatrixView<const Scalar> y, MatrixView<const Scalar> dy,
                         MatrixView<Scalar> dx);
}  // namespace eigen

}  // namespace mynah::kernels
