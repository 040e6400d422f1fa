#pragma once

#include <algorithm>

#include "kernels/cuda/launch.h"

namespace mynah::kernels::cuda {

constexpr unsigned row_threads = 64;  // small blocks, so that a few hundred rows already reach many multiprocessors

template <class Row>
__global__ void __launch_bounds__(row_threads, 1) rows_kernel(Index rows, Row row) {
  const Index threads = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index m = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; m < rows; m += threads) row(m);
}

/// row(m) for every m in [0, rows), a thread each: for operations whose rows do more work than memory traffic, and of
/// which there are hundreds rather than millions. `row` is a copyable struct with a __device__ operator().
template <class Row>
void for_each_row(Stream& stream, const char* operation, Index rows, const Row& row) {
  LaunchShape shape;
  shape.grid.x = static_cast<unsigned>(std::min(ceil_divide(rows, Index{row_threads}), grid_limit));
  shape.block.x = row_threads;
  launch(stream, operation, shape, &rows_kernel<Row>, rows, row);
}

}  // namespace mynah::kernels::cuda
