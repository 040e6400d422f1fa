#include "kernels/cuda/linear_mma.h"

#include "kernels/cuda/mma_tile.h"

namespace mynah::kernels::cuda {
namespace {

/// The tiles of linear_tile.h, as warps share them. Small: 16 x 16 sums a warp, and k deep, since what counts is the
/// latency of one block. Large: 64 x 32 sums a warp, 24 words read from shared memory for 16 instructions.
template <Precision precision>
using SmallMma = MmaShape<32, 32, 32, 2, 2>;
template <Precision precision>
using MediumMma = MmaShape<64, 64, 16, 2, 2>;
template <Precision precision>
using LargeMma = MmaShape<128, 128, 16 / factors_per_word(precision), 2, 4>;

template <bool along_k_, bool packs>
struct MatrixLoader {
  static constexpr bool along_k = along_k_;
  const Operand& operand;
  __device__ __forceinline__ Pack<4> four(Index e, Index k, Index end_k) const {
    return fetch<along_k, packs>(operand, e, k, end_k);
  }
};

template <class Shape, LinearProduct product, Precision precision, bool packs>
using LinearMmaBlock = MmaBlock<Shape, precision, MatrixLoader<product != LinearProduct::weight_gradient, packs>,
                                MatrixLoader<product == LinearProduct::forward, packs>>;

/// The same as linear_tile_kernel, on tensor cores. Row sums (the bias gradient) are of the factors before rounding.
template <class Shape, LinearProduct product, Precision precision, bool packs>
__global__ void __launch_bounds__(Shape::threads, 2) linear_mma_kernel(LinearArguments arguments) {
  constexpr bool with_row_sums = product == LinearProduct::weight_gradient;
  const TileRange range = tile_range(arguments, Shape::tile_m, Shape::tile_n);
  LinearMmaBlock<Shape, product, precision, packs> block;
  block.template multiply<with_row_sums>({arguments.a}, {arguments.b}, range);
  const LinearTarget target = part_target(arguments);
  block.write([&](int row, int column, const Pack<4>& four) {
    const Index m = range.first_m + row;
    const Index n = range.first_n + column;
    if (m >= arguments.a.extent) return;
    if (target.packs && n + 4 <= arguments.b.extent) return store_finished<4>(target, m, n, four);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (n + i < arguments.b.extent) store_finished<1>(target, m, n + i, {{four.value[i]}});
    }
  });
  if constexpr (with_row_sums) {
    if (target.row_sums == nullptr || range.first_n != 0) return;  // the whole block
    const float sum = block.total_row_sum();
    const Index m = range.first_m + threadIdx.x;
    if (threadIdx.x >= Shape::tile_m || m >= arguments.a.extent) return;
    target.row_sums[m] = (target.add ? target.row_sums[m] : 0.0f) + sum;
  }
}

template <class Shape, LinearProduct product, Precision precision>
void launch_shape(Stream& stream, const char* operation, LinearArguments arguments, Index parts, bool packs) {
  static_assert(deepest_mma_tile % (Shape::words * factors_per_word(precision)) == 0);
  LaunchShape shape = tile_grid(arguments, Shape::tile_m, Shape::tile_n, parts);
  shape.block = dim3(Shape::threads);
  shape.shared_bytes = LinearMmaBlock<Shape, product, precision, false>::shared_bytes;
  launch(
      stream, operation, shape,
      packs ? linear_mma_kernel<Shape, product, precision, true> : linear_mma_kernel<Shape, product, precision, false>,
      arguments);
}

template <LinearProduct product, Precision precision>
void launch_product(Stream& stream, const char* operation, LinearKernel kernel, const LinearArguments& arguments,
                    Index parts, bool packs) {
  if (kernel == LinearKernel::large) {
    launch_shape<LargeMma<precision>, product, precision>(stream, operation, arguments, parts, packs);
  } else if (kernel == LinearKernel::medium) {
    launch_shape<MediumMma<precision>, product, precision>(stream, operation, arguments, parts, packs);
  } else {
    launch_shape<SmallMma<precision>, product, precision>(stream, operation, arguments, parts, packs);
  }
}

template <Precision precision>
void launch_precision(Stream& stream, const char* operation, LinearProduct product, LinearKernel kernel,
                      const LinearArguments& arguments, Index parts, bool packs) {
  switch (product) {
    case LinearProduct::forward:
      return launch_product<LinearProduct::forward, precision>(stream, operation, kernel, arguments, parts, packs);
    case LinearProduct::input_gradient:
      return launch_product<LinearProduct::input_gradient, precision>(stream, operation, kernel, arguments, parts,
                                                                      packs);
    case LinearProduct::weight_gradient:
      return launch_product<LinearProduct::weight_gradient, precision>(stream, operation, kernel, arguments, parts,
                                                                       packs);
  }
}

}  // namespace

void launch_linear_mma(Stream& stream, const char* operation, LinearProduct product, LinearKernel kernel,
                       Precision precision, const LinearArguments& arguments, Index parts, bool packs) {
  if (precision == Precision::tf32) {
    launch_precision<Precision::tf32>(stream, operation, product, kernel, arguments, parts, packs);
  } else {
    launch_precision<Precision::bfloat16>(stream, operation, product, kernel, arguments, parts, packs);
  }
}

}  // namespace mynah::kernels::cuda
