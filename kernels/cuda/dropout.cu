#include "kernels/dropout.h"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/random_numbers.h"

namespace mynah::kernels::cuda {
namespace {

constexpr int dropout_threads = 256;

struct Dropout {
  RandomKey key;
  const Index* step;
  float p;
  float kept;  ///< 1 / (1 - p)
  ConstMatrix x;
  Matrix y;

  __device__ float factor(PhiloxBlock block, Index position) const {
    return unit_uniform(word_of(block, static_cast<std::uint32_t>(position))) >= p ? kept : 0.0f;
  }
};

/// One thread draws one Philox block, 20 wide multiplications, and uses its four words. Elements are counted through
/// the matrix, so the four at the end of a ragged row go on in the next one; only where none do, and addresses allow it
/// (`packs`), are they one access.
template <bool packs>
__global__ void __launch_bounds__(dropout_threads) dropout_kernel(Dropout dropout) {
  const Index columns = dropout.x.columns;
  const Index size = dropout.x.rows * columns;
  const Index blocks = (size + 3) / 4;
  const Index time = dropout.step == nullptr ? 0 : dropout.step[0];
  const Index threads = Index{gridDim.x} * dropout_threads;
  for (Index b = Index{blockIdx.x} * dropout_threads + threadIdx.x; b < blocks; b += threads) {
    const PhiloxBlock block = philox(dropout.key, static_cast<std::uint64_t>(time), static_cast<std::uint32_t>(b));
    const Index first = 4 * b;
    Index row = dropout.x.rows == 1 ? 0 : first / columns;
    Index column = first - row * columns;
    if (packs && first + 4 <= size) {
      Pack<4> pack = load<4>(dropout.x.data + row * dropout.x.stride + column);
      for (int i = 0; i < 4; ++i) pack.value[i] *= dropout.factor(block, i);
      store<4>(dropout.y.data + row * dropout.y.stride + column, pack);
      continue;
    }
    for (Index i = 0; i < 4 && first + i < size; ++i) {
      dropout.y.data[row * dropout.y.stride + column] =
          dropout.x.data[row * dropout.x.stride + column] * dropout.factor(block, i);
      if (++column == columns) {
        column = 0;
        ++row;
      }
    }
  }
}

}  // namespace

void dropout_forward(Stream& stream, RandomKey key, const Index* step, float p, ConstMatrix x, Matrix y) {
  if (is_contiguous(x) && is_contiguous(y)) {
    x = {x.data, 1, x.rows * x.columns};
    y = {y.data, 1, y.rows * y.columns};
  }
  const bool packs = allows_packs(x) && allows_packs(y) && (x.rows == 1 || x.columns % 4 == 0);
  const Index blocks = ceil_divide(ceil_divide(x.rows * x.columns, 4), dropout_threads);
  launch(stream, "dropout_forward", {dim3(static_cast<unsigned>(std::min(blocks, grid_limit))), dim3(dropout_threads)},
         packs ? dropout_kernel<true> : dropout_kernel<false>,
         Dropout{key, step, p, static_cast<float>(1.0 / (1.0 - static_cast<double>(p))), x, y});
}

}  // namespace mynah::kernels::cuda
