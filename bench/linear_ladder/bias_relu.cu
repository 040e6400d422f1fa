#include "bench/linear_ladder/rungs.h"
#include "kernels/cuda/map.h"

namespace mynah::ladder {
namespace {

using kernels::cuda::load;
using kernels::cuda::store;

/// y_mn = max(y_mn + b_n, 0). Limited by memory: every element of y is read and written once more than a product with
/// an epilogue does.
struct BiasRelu {
  const float* b;
  Matrix y;
  template <int width>
  __device__ void at(Index m, Index n) const {
    float* const place = y.data + m * y.stride + n;
    auto pack = load<width>(place);
#pragma unroll
    for (int i = 0; i < width; ++i) {
      const float z = pack.value[i] + b[n + i];
      pack.value[i] = z < 0.0f ? 0.0f : z;  // NaN stays NaN
    }
    store<width>(place, pack);
  }
};

}  // namespace

void bias_relu(Stream& stream, ConstVector b, Matrix y) {
  using namespace kernels::cuda;
  map(stream, "bias_relu", y.rows, y.columns, allows_packs(y), BiasRelu{b.data, y});
}

}  // namespace mynah::ladder
