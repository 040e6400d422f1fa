#include "bench/linear_ladder/rungs.h"
#include "kernels/cuda/launch.h"

namespace mynah::ladder {
namespace {

constexpr int threads = 256;

/// A thread for each element of y, as the formula says it:
///
///   thread (m, n):  y_mn = b_n + Σ_k x_mk w_nk
///
/// Two floats are loaded for each multiply-add, and loaded badly. Neighbouring threads have neighbouring n: they agree
/// on x_mk, one load for the warp, but each reads a row of w of its own, so that a warp's load of w_nk touches 32 lines
/// of memory for 32 floats. The next seven steps of k find the rest of their sectors in L1, if they are still there.
__global__ void __launch_bounds__(threads) naive_kernel(ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  const Index element = Index{blockIdx.x} * threads + threadIdx.x;
  if (element >= y.rows * y.columns) return;
  const Index m = element / y.columns;
  const Index n = element % y.columns;
  float sum = 0.0f;
  for (Index k = 0; k < x.columns; ++k) sum += x.data[m * x.stride + k] * w.data[n * w.stride + k];
  y.data[m * y.stride + n] = sum + b.data[n];
}

}  // namespace

void naive(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  using namespace kernels::cuda;
  const auto blocks = static_cast<unsigned>(ceil_divide(y.rows * y.columns, threads));
  launch(stream, "naive", {dim3(blocks), dim3(threads)}, naive_kernel, x, w, b, y);
}

}  // namespace mynah::ladder
