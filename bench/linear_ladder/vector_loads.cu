#include "bench/linear_ladder/rungs.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"

namespace mynah::ladder {
namespace {

using kernels::cuda::load;
using kernels::cuda::Pack;

constexpr int tile = 128;
constexpr int depth = 8;
constexpr int threads = 256;  // 16 x 16, each with 8 x 8 sums: two runs of four a side, 64 apart

/// Of a row of a tile in shared memory, [k][row]. Four floats longer than what it holds: rows stay aligned for 128-bit
/// reads, and a warp, which writes 16 rows of two k that are 4 apart, meets 32 different banks.
constexpr int row_length = tile + 4;

/// Elements (row, k ... k + 3), 0 outside. One 128-bit load where rows allow it (packs) and all four are inside.
template <bool packs>
__device__ __forceinline__ Pack<4> four(ConstMatrix from, Index row, Index k) {
  Pack<4> pack{{0.0f, 0.0f, 0.0f, 0.0f}};
  if (row >= from.rows) return pack;
  const float* at = from.data + row * from.stride + k;
  if (packs && k + 4 <= from.columns) return load<4>(at);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (k + i < from.columns) pack.value[i] = at[i];
  }
  return pack;
}

/// The eight values of a side that belong to thread `at` of 16, by two 128-bit loads from a row of a tile.
__device__ __forceinline__ void read_eight(const float* row, int at, float (&values)[8]) {
#pragma unroll
  for (int i = 0; i < 8; i += 4) {
    const Pack<4> pack = load<4>(row + 16 * i + 4 * at);
#pragma unroll
    for (int j = 0; j < 4; ++j) values[i + j] = pack.value[j];
  }
}

/// A block for each 128 x 128 tile of y, 8 x 8 elements a thread: 64 multiply-adds for 16 floats of shared memory,
/// which come with four loads. While a tile is multiplied, the next is on its way from memory into registers; it is put
/// into the other of two buffers, so that nobody has to wait until all are done with the first, and one barrier is
/// enough.
template <bool packs>
__global__ void __launch_bounds__(threads, 2) vector_kernel(ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  __shared__ __align__(16) float tiles[2][2][depth][row_length];  // [buffer][x or w][k][row]
  const int i = static_cast<int>(threadIdx.x) / 16;
  const int j = static_cast<int>(threadIdx.x) % 16;
  const int copied_row = static_cast<int>(threadIdx.x) / 2;
  const int copied_k = 4 * (static_cast<int>(threadIdx.x) % 2);
  const Index first_m = Index{blockIdx.x} * tile;
  const Index first_n = Index{blockIdx.y} * tile;
  float sums[8][8] = {};
  Pack<4> next_x = four<packs>(x, first_m + copied_row, copied_k);
  Pack<4> next_w = four<packs>(w, first_n + copied_row, copied_k);
  int buffer = 0;
  for (Index first_k = 0; first_k < x.columns; first_k += depth) {
    float(*x_tile)[row_length] = tiles[buffer][0];
    float(*w_tile)[row_length] = tiles[buffer][1];
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      x_tile[copied_k + k][copied_row] = next_x.value[k];
      w_tile[copied_k + k][copied_row] = next_w.value[k];
    }
    __syncthreads();  // the tiles are there, and everybody is done with those before the last
    if (first_k + depth < x.columns) {
      next_x = four<packs>(x, first_m + copied_row, first_k + depth + copied_k);
      next_w = four<packs>(w, first_n + copied_row, first_k + depth + copied_k);
    }
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      float of_x[8], of_w[8];
      read_eight(x_tile[k], i, of_x);
      read_eight(w_tile[k], j, of_w);
#pragma unroll
      for (int r = 0; r < 8; ++r) {
#pragma unroll
        for (int c = 0; c < 8; ++c) sums[r][c] += of_x[r] * of_w[c];
      }
    }
    buffer = 1 - buffer;
  }
#pragma unroll
  for (int r = 0; r < 8; ++r) {
    const Index m = first_m + 64 * (r / 4) + 4 * i + r % 4;
#pragma unroll
    for (int c = 0; c < 8; ++c) {
      const Index n = first_n + 64 * (c / 4) + 4 * j + c % 4;
      if (m < y.rows && n < y.columns) y.data[m * y.stride + n] = sums[r][c] + b.data[n];
    }
  }
}

}  // namespace

void vector_loads(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  using namespace kernels::cuda;
  const dim3 tiles(static_cast<unsigned>(ceil_divide(y.rows, tile)),
                   static_cast<unsigned>(ceil_divide(y.columns, tile)));
  const bool packs = allows_packs(x) && allows_packs(w);
  launch(stream, "vector_loads", {tiles, dim3(threads)}, packs ? vector_kernel<true> : vector_kernel<false>, x, w, b,
         y);
}

}  // namespace mynah::ladder
