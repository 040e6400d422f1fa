#include "bench/linear_ladder/rungs.h"
#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/launch.h"

namespace mynah::ladder {
namespace {

constexpr int warps = 8;

/// A warp for each element of y, its lanes side by side along k, where both operands run in memory:
///
///   lane i:  s_i = Σ_j x_m,i+32j w_n,i+32j          y_mn = b_n + Σ_i s_i, by five shuffles
///
/// Still two floats for each multiply-add, but each load of a warp is 128 neighbouring bytes. A row of x or w that is
/// used by many elements is still read by each of them, mostly from L1 and L2.
__global__ void __launch_bounds__(warps * 32) coalesced_kernel(ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  const Index element = Index{blockIdx.x} * warps + threadIdx.x / 32;
  if (element >= y.rows * y.columns) return;  // the whole warp
  const Index m = element / y.columns;
  const Index n = element % y.columns;
  const Index lane = threadIdx.x % 32;
  float sum = 0.0f;
  for (Index k = lane; k < x.columns; k += 32) sum += x.data[m * x.stride + k] * w.data[n * w.stride + k];
  sum = kernels::cuda::warp_sum(sum);
  if (lane == 0) y.data[m * y.stride + n] = sum + b.data[n];
}

}  // namespace

void coalesced(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  using namespace kernels::cuda;
  const auto blocks = static_cast<unsigned>(ceil_divide(y.rows * y.columns, warps));
  launch(stream, "coalesced", {dim3(blocks), dim3(warps * 32)}, coalesced_kernel, x, w, b, y);
}

}  // namespace mynah::ladder
