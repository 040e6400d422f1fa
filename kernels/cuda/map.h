#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"

namespace mynah::kernels::cuda {

/// Elementwise kernels: element.at<width>(row, column) is called once for every pack of `width` elements.
///
/// They are limited by memory alone. Hence 128-bit accesses where all operands allow them; blocks that are as wide as a
/// row needs and no wider, with the rest of the 256 threads on further rows, so that narrow matrices (17 columns) keep
/// their lanes busy; and no division by the number of columns.
template <bool packs, class Element>
__global__ void __launch_bounds__(256, 2) map_kernel(EarlierWork earlier, Element element, Index rows, Index columns) {
  earlier.wait();
  constexpr Index width = packs ? 4 : 1;
  const Index row_step = Index{gridDim.y} * blockDim.y;
  const Index column_step = Index{gridDim.x} * blockDim.x * width;
  const Index first = (Index{blockIdx.x} * blockDim.x + threadIdx.x) * width;
  for (Index row = Index{blockIdx.y} * blockDim.y + threadIdx.y; row < rows; row += row_step) {
    for (Index column = first; column < columns; column += column_step) {
      if constexpr (packs) {
        if (column + width <= columns) {
          element.template at<width>(row, column);
        } else {
          for (Index rest = column; rest < columns; ++rest) element.template at<1>(row, rest);
        }
      } else {
        element.template at<1>(row, column);
      }
    }
  }
}

/// A grid for `columns` packs and `rows` rows.
inline LaunchShape map_shape(Index rows, Index columns) {
  constexpr Index threads = 256;
  Index width = 1;
  while (width < threads && width < columns) width *= 2;
  Index height = 1;
  while (height < threads / width && height < rows) height *= 2;
  const Index across = std::min(ceil_divide(columns, width), grid_limit);
  const Index down = std::min(ceil_divide(rows, height), std::max<Index>(1, grid_limit / across));
  return {dim3(static_cast<unsigned>(across), static_cast<unsigned>(down)),
          dim3(static_cast<unsigned>(width), static_cast<unsigned>(height))};
}

/// packs: whether every operand allows_packs().
template <class Element>
void map(Stream& stream, const char* operation, Index rows, Index columns, bool packs, const Element& element) {
  if (rows == 0 || columns == 0) return;
  if (packs) {
    launch(stream, operation, map_shape(rows, ceil_divide(columns, 4)), map_kernel<true, Element>, element, rows,
           columns);
  } else {
    launch(stream, operation, map_shape(rows, columns), map_kernel<false, Element>, element, rows, columns);
  }
}

/// For elements that come one at a time, because their values are not floats.
template <class Element>
void map_singly(Stream& stream, const char* operation, Index size, const Element& element) {
  if (size == 0) return;
  launch(stream, operation, map_shape(1, size), map_kernel<false, Element>, element, Index{1}, size);
}

/// For elements that do not care in which column they are: matrices without gaps are taken as one long row, so that
/// 128-bit accesses need neither a stride nor a number of columns that is a multiple of 4.
template <class Element, class... Matrices>
void map_matrices(Stream& stream, const char* operation, Index rows, Index columns, const Element& element,
                  Matrices... matrices) {
  if ((is_contiguous(matrices) && ...)) {
    const bool packs = ((reinterpret_cast<std::uintptr_t>(matrices.data) % 16 == 0) && ...);
    map(stream, operation, 1, rows * columns, packs, element);
  } else {
    map(stream, operation, rows, columns, (allows_packs(matrices) && ...), element);
  }
}

}  // namespace mynah::kernels::cuda
