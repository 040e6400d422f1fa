#include "kernels/row_norm.h"

#include "kernels/cuda/group_combine.h"
#include "kernels/cuda/map.h"

namespace mynah::kernels::cuda {
namespace {

/// The norm of a row, in every thread of its group.
template <int group>
__device__ __forceinline__ double norm_of(ConstVector x, int lane) {
  double squares = 0.0;
  for (Index c = lane; c < x.size; c += group) {
    squares += static_cast<double>(x.data[c]) * static_cast<double>(x.data[c]);
  }
  return sqrt(group_sum<group>(squares));
}

/// Limited by memory.
template <int group>
__global__ void __launch_bounds__(sum_threads) row_norms_kernel(ConstMatrix x, float* norms) {
  for_each_row<group>(x.rows, [&](Index row, int lane, bool valid) {
    const double norm = norm_of<group>(valid ? x.row(row) : ConstVector{}, lane);
    if (valid && lane == 0) norms[row] = static_cast<float>(norm);
  });
}

/// Limited by memory: 8 bytes an element; a row's two factors come from L1.
struct Backward {
  ConstMatrix x;
  const float* norms;
  const float* norm_gradient;
  Matrix dx;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const float norm = norms[row];
    const float factor = norm == 0.0f ? 0.0f : norm_gradient[row] / norm;
    Pack<width> pack = load<width>(x.data + row * x.stride + column);
    for (float& value : pack.value) value *= factor;
    store<width>(dx.data + row * dx.stride + column, pack);
  }
};

}  // namespace

void row_norms(Stream& stream, ConstMatrix x, Vector norms) {
  with_group(x.columns, [&](auto group) {
    launch(stream, "row_norms", row_shape(row_blocks(x.rows, group)), row_norms_kernel<group>, x, norms.data);
  });
}

void row_norms_backward(Stream& stream, ConstMatrix x, ConstVector norms, ConstVector norm_gradient, Matrix dx) {
  map(stream, "row_norms_backward", x.rows, x.columns, allows_packs(x) && allows_packs(dx),
      Backward{x, norms.data, norm_gradient.data, dx});
}

}  // namespace mynah::kernels::cuda
