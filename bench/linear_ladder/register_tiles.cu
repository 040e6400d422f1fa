#include "bench/linear_ladder/rungs.h"
#include "kernels/cuda/launch.h"

namespace mynah::ladder {
namespace {

constexpr int tile = 64;
constexpr int depth = 16;
constexpr int sums_a_side = 4;
constexpr int side = tile / sums_a_side;  // threads of a row of the tile
constexpr int threads = side * side;

/// Of a row of a tile in shared memory, [k][row]. Two floats longer than what it holds: a warp, which writes 16 k of
/// two rows, meets 32 different banks.
constexpr int row_length = tile + 2;

/// Copies rows [first_row, first_row + 64) and columns [first_k, first_k + 16) of x or w, turned over: neighbouring
/// threads read neighbours along k. 0 outside.
__device__ __forceinline__ void copy_tile(ConstMatrix from, Index first_row, Index first_k, float (*to)[row_length]) {
  const int k = static_cast<int>(threadIdx.x) % depth;
#pragma unroll
  for (int i = static_cast<int>(threadIdx.x) / depth; i < tile; i += threads / depth) {
    const bool inside = first_row + i < from.rows && first_k + k < from.columns;
    to[k][i] = inside ? from.data[(first_row + i) * from.stride + first_k + k] : 0.0f;
  }
}

/// A block for each 64 x 64 tile of y, and 4 x 4 elements a thread, 16 apart from each other. For each k a thread reads
/// 4 floats of x_tile and 4 of w_tile and has 16 multiply-adds to do with them, where it had one for two floats before.
///
///   thread (i, j):  sums[r][c] = y_(first_m + i + 16 r),(first_n + j + 16 c)
///
/// Neighbouring threads read neighbouring floats of w_tile, and the same of x_tile: no conflict of banks.
__global__ void __launch_bounds__(threads) register_kernel(ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  __shared__ float x_tile[depth][row_length];
  __shared__ float w_tile[depth][row_length];
  const int i = static_cast<int>(threadIdx.x) / side;
  const int j = static_cast<int>(threadIdx.x) % side;
  const Index first_m = Index{blockIdx.x} * tile;
  const Index first_n = Index{blockIdx.y} * tile;
  float sums[sums_a_side][sums_a_side] = {};
  for (Index first_k = 0; first_k < x.columns; first_k += depth) {
    copy_tile(x, first_m, first_k, x_tile);
    copy_tile(w, first_n, first_k, w_tile);
    __syncthreads();  // the tiles are there
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      float of_x[sums_a_side], of_w[sums_a_side];
#pragma unroll
      for (int r = 0; r < sums_a_side; ++r) of_x[r] = x_tile[k][i + side * r];
#pragma unroll
      for (int c = 0; c < sums_a_side; ++c) of_w[c] = w_tile[k][j + side * c];
#pragma unroll
      for (int r = 0; r < sums_a_side; ++r) {
#pragma unroll
        for (int c = 0; c < sums_a_side; ++c) sums[r][c] += of_x[r] * of_w[c];
      }
    }
    __syncthreads();  // nobody needs them any more
  }
#pragma unroll
  for (int r = 0; r < sums_a_side; ++r) {
#pragma unroll
    for (int c = 0; c < sums_a_side; ++c) {
      const Index m = first_m + i + side * r;
      const Index n = first_n + j + side * c;
      if (m < y.rows && n < y.columns) y.data[m * y.stride + n] = sums[r][c] + b.data[n];
    }
  }
}

}  // namespace

void register_tiles(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  using namespace kernels::cuda;
  const dim3 tiles(static_cast<unsigned>(ceil_divide(y.rows, tile)),
                   static_cast<unsigned>(ceil_divide(y.columns, tile)));
  launch(stream, "register_tiles", {tiles, dim3(threads)}, register_kernel, x, w, b, y);
}

}  // namespace mynah::ladder
