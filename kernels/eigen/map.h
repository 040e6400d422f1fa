#pragma once

#include <Eigen/Core>

#include "kernels/view.h"

namespace mynah::kernels::eigen {

template <class Scalar>
using RowMajorMatrix = Eigen::Matrix<std::remove_const_t<Scalar>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class Scalar>
using RowVector = Eigen::Matrix<std::remove_const_t<Scalar>, 1, Eigen::Dynamic>;

template <class Scalar, class Plain>
using MaybeConst = std::conditional_t<std::is_const_v<Scalar>, const Plain, Plain>;

/// A view as an Eigen matrix of the same memory.
template <class Scalar>
Eigen::Map<MaybeConst<Scalar, RowMajorMatrix<Scalar>>, Eigen::Unaligned, Eigen::OuterStride<>> map(
    MatrixView<Scalar> view) {
  return {view.data, view.rows, view.columns, Eigen::OuterStride<>(view.stride)};
}

/// A view as an Eigen row vector of the same memory.
template <class Scalar>
Eigen::Map<MaybeConst<Scalar, RowVector<Scalar>>> map(VectorView<Scalar> view) {
  return {view.data, view.size};
}

}  // namespace mynah::kernels::eigen
