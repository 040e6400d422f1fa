#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace mynah {

/// Sizes, strides and positions: signed, so that differences and empty ranges are ordinary.
using Index = std::int64_t;

/// A contiguous run of `size` values that somebody else owns. Empty: data may be null.
template <class T>
struct VectorView {
  T* data = nullptr;
  Index size = 0;

  constexpr VectorView() = default;
  constexpr VectorView(T* data_, Index size_) : data(data_), size(size_) {}
  /// A view of values is a view of constant values.
  template <class U, class = std::enable_if_t<std::is_same_v<const U, T>>>
  constexpr VectorView(VectorView<U> other) : data(other.data), size(other.size) {}

  constexpr bool empty() const { return size == 0; }
};

/// A row-major matrix that somebody else owns: element (row, column) is data[row * stride + column]; stride >= columns.
template <class T>
struct MatrixView {
  T* data = nullptr;
  Index rows = 0;
  Index columns = 0;
  Index stride = 0;

  constexpr MatrixView() = default;
  constexpr MatrixView(T* data_, Index rows_, Index columns_) : MatrixView(data_, rows_, columns_, columns_) {}
  constexpr MatrixView(T* data_, Index rows_, Index columns_, Index stride_)
      : data(data_), rows(rows_), columns(columns_), stride(stride_) {}
  template <class U, class = std::enable_if_t<std::is_same_v<const U, T>>>
  constexpr MatrixView(MatrixView<U> other)
      : data(other.data), rows(other.rows), columns(other.columns), stride(other.stride) {}

  constexpr bool empty() const { return rows == 0 || columns == 0; }
  constexpr VectorView<T> row(Index index) const { return {data + index * stride, columns}; }
  /// Rows [first, first + count).
  constexpr MatrixView middle_rows(Index first, Index count) const {
    return {data + first * stride, count, columns, stride};
  }
  /// Columns [first, first + count) of every row.
  constexpr MatrixView middle_columns(Index first, Index count) const { return {data + first, rows, count, stride}; }
};

template <class T, class U>
constexpr bool same_shape(MatrixView<T> a, MatrixView<U> b) {
  return a.rows == b.rows && a.columns == b.columns;
}

using Vector = VectorView<float>;
using ConstVector = VectorView<const float>;
using Matrix = MatrixView<float>;
using ConstMatrix = MatrixView<const float>;

/// Views of float or double, spelled so that a function template does not deduce Scalar from its arguments: it is float
/// unless the caller names another, and every view that converts is accepted.
template <class Scalar>
struct Views {
  using Vector = VectorView<Scalar>;
  using ConstVector = VectorView<const Scalar>;
  using Matrix = MatrixView<Scalar>;
  using ConstMatrix = MatrixView<const Scalar>;
};
template <class Scalar>
using VectorOf = typename Views<Scalar>::Vector;
template <class Scalar>
using ConstVectorOf = typename Views<Scalar>::ConstVector;
template <class Scalar>
using MatrixOf = typename Views<Scalar>::Matrix;
template <class Scalar>
using ConstMatrixOf = typename Views<Scalar>::ConstMatrix;

/// Class indices of discrete actions, and row numbers of a data set.
using Labels = VectorView<std::int32_t>;
using ConstLabels = VectorView<const std::int32_t>;

}  // namespace mynah
