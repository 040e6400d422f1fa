#pragma once

#include <type_traits>
#include <vector>

#include "kernels/memory.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace mynah {

/// The values of a matrix of device memory, on the host without gaps between rows. Waits for the stream.
template <class T>
std::vector<std::remove_const_t<T>> download_rows(Stream& stream, MatrixView<T> matrix) {
  std::vector<std::remove_const_t<T>> values(static_cast<std::size_t>(matrix.rows * matrix.columns));
  const bool dense = matrix.stride == matrix.columns;
  const Index pieces = dense ? 1 : matrix.rows;
  const std::size_t size = dense ? values.size() : static_cast<std::size_t>(matrix.columns);
  for (Index m = 0; m < pieces; ++m) {
    kernels::copy_to_host(stream, values.data() + m * matrix.columns, matrix.data + m * matrix.stride,
                          size * sizeof(T));
  }
  return values;
}

/// The other way: `values` has matrix.rows * matrix.columns values.
template <class T>
void upload_rows(Stream& stream, const std::vector<T>& values, MatrixView<T> matrix) {
  const bool dense = matrix.stride == matrix.columns;
  const Index pieces = dense ? 1 : matrix.rows;
  const std::size_t size = dense ? values.size() : static_cast<std::size_t>(matrix.columns);
  for (Index m = 0; m < pieces; ++m) {
    kernels::copy_to_device(stream, matrix.data + m * matrix.stride, values.data() + m * matrix.columns,
                            size * sizeof(T));
  }
}

/// The same for vectors, which have no gaps.
template <class T>
std::vector<std::remove_const_t<T>> download_values(Stream& stream, VectorView<T> vector) {
  return download_rows(stream, MatrixView<T>{vector.data, 1, vector.size});
}

template <class T>
void upload_values(Stream& stream, const std::vector<T>& values, VectorView<T> vector) {
  upload_rows(stream, values, MatrixView<T>{vector.data, 1, vector.size});
}

}  // namespace mynah
