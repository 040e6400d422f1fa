#include "bench/linear_ladder/rungs.h"
#include "kernels/cuda/launch.h"

namespace mynah::ladder {
namespace {

constexpr int tile = 32;

/// A block for each 32 x 32 tile of y, a thread for each element. The block goes through k 32 at a time: it copies a
/// tile of x and one of w into shared memory, a float of each a thread, and every one of them is used 32 times there.
///
///   x_tile[i][j] = x_(first_m + i),(first_k + j)      w_tile[i][j] = w_(first_n + i),(first_k + j)      0 outside
///
/// Memory is read along k, in whole lines. In shared memory the threads of a warp agree on their row of x_tile, one
/// broadcast, and each reads a row of its own of w_tile, whose rows are 33 floats long: with 32 they would all begin in
/// the same bank, and a read would take 32 turns.
__global__ void __launch_bounds__(tile* tile) shared_kernel(ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  __shared__ float x_tile[tile][tile];
  __shared__ float w_tile[tile][tile + 1];
  const int i = static_cast<int>(threadIdx.x) / tile;
  const int j = static_cast<int>(threadIdx.x) % tile;
  const Index m = Index{blockIdx.x} * tile + i;
  const Index n = Index{blockIdx.y} * tile + j;
  const Index copied_n = Index{blockIdx.y} * tile + i;
  float sum = 0.0f;
  for (Index first_k = 0; first_k < x.columns; first_k += tile) {
    const Index copied_k = first_k + j;
    const bool inside = copied_k < x.columns;
    x_tile[i][j] = inside && m < x.rows ? x.data[m * x.stride + copied_k] : 0.0f;
    w_tile[i][j] = inside && copied_n < w.rows ? w.data[copied_n * w.stride + copied_k] : 0.0f;
    __syncthreads();  // the tiles are there
#pragma unroll
    for (int k = 0; k < tile; ++k) sum += x_tile[i][k] * w_tile[j][k];
    __syncthreads();  // nobody needs them any more
  }
  if (m < y.rows && n < y.columns) y.data[m * y.stride + n] = sum + b.data[n];
}

}  // namespace

void shared_tiles(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  using namespace kernels::cuda;
  const dim3 tiles(static_cast<unsigned>(ceil_divide(y.rows, tile)),
                   static_cast<unsigned>(ceil_divide(y.columns, tile)));
  launch(stream, "shared_tiles", {tiles, dim3(tile * tile)}, shared_kernel, x, w, b, y);
}

}  // namespace mynah::ladder
