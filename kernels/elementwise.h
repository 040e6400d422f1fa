#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// x_i = value. x [n].
template <class Scalar = float>
void fill(Stream& stream, VectorOf<Scalar> x, float value);

/// x = 0. x [rows, columns] of any stride: what lies between its rows is left alone.
template <class Scalar = float>
void zero(Stream& stream, MatrixOf<Scalar> x);

/// y = y + x: the gradient of a value that is used more than once. x, y [rows, columns]; they may not overlap.
template <class Scalar = float>
void add(Stream& stream, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y);

/// y = x. x, y [rows, columns], strides may differ; they may not overlap.
template <class Scalar = float>
void copy(Stream& stream, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y);

/// counter[0] = counter[0] + amount: steps and positions that a recorded plan counts in device memory.
void advance(Stream& stream, Index* counter, Index amount);

/// Every counter becomes `value`. counters [n] in device memory.
void set_counters(Stream& stream, VectorView<Index> counters, Index value);

MYNAH_CUDA_TWIN_OF_FLOATS(fill)
MYNAH_CUDA_TWIN_OF_FLOATS(zero)
MYNAH_CUDA_TWIN_OF_FLOATS(add)
MYNAH_CUDA_TWIN_OF_FLOATS(copy)
MYNAH_CUDA_TWIN(advance)
MYNAH_CUDA_TWIN(set_counters)

namespace eigen {
template <class Scalar>
void fill(Stream&, VectorView<Scalar> x, Scalar value);
template <class Scalar>
void zero(Stream&, MatrixView<Scalar> x);
template <class Scalar>
void add(Stream&, MatrixView<const Scalar> x, MatrixView<Scalar> y);
template <class Scalar>
void copy(Stream&, MatrixView<const Scalar> x, MatrixView<Scalar> y);
void advance(Stream&, Index* counter, Index amount);
void set_counters(Stream&, VectorView<Index> counters, Index value);
}  // namespace eigen

}  // namespace mynah::kernels
