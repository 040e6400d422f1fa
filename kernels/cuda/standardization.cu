#include "kernels/standardization.h"

#include "kernels/cuda/map.h"

namespace mynah::kernels::cuda {
namespace {

// Limited by memory: 8 bytes an element; means and deviations are read again by every row, from L1. The division stays
// a division: its result is the correctly rounded one, as the CPU's is, and its cost hides behind the memory.

enum class Direction { divide, multiply };

/// y = (x - shift) / scale or y = x scale + shift; shift may be null for 0.
template <Direction direction>
struct Standardize {
  ConstMatrix x;
  const float* shift;
  const float* scale;
  Matrix y;
  template <int width>
  __device__ void at(Index row, Index column) const {
    Pack<width> pack = load<width>(x.data + row * x.stride + column);
    for (int i = 0; i < width; ++i) {
      const float offset = shift == nullptr ? 0.0f : shift[column + i];
      const float factor = scale[column + i];
      float& value = pack.value[i];
      value = direction == Direction::divide ? (value - offset) / factor : value * factor + offset;
    }
    store<width>(y.data + row * y.stride + column, pack);
  }
};

template <Direction direction>
void run(Stream& stream, const char* operation, ConstMatrix x, const float* shift, ConstVector scale, Matrix y) {
  map(stream, operation, y.rows, y.columns, allows_packs(x) && allows_packs(y),
      Standardize<direction>{x, shift, scale.data, y});
}

}  // namespace

void standardize(Stream& stream, ConstMatrix x, ConstVector mean, ConstVector deviation, Matrix y) {
  run<Direction::divide>(stream, "standardize", x, mean.data, deviation, y);
}

void standardize_backward(Stream& stream, ConstMatrix dy, ConstVector deviation, Matrix dx) {
  run<Direction::divide>(stream, "standardize_backward", dy, nullptr, deviation, dx);
}

void unstandardize(Stream& stream, ConstMatrix x, ConstVector mean, ConstVector deviation, Matrix y) {
  run<Direction::multiply>(stream, "unstandardize", x, mean.data, deviation, y);
}

void unstandardize_backward(Stream& stream, ConstMatrix dy, ConstVector deviation, Matrix dx) {
  run<Direction::multiply>(stream, "unstandardize_backward", dy, nullptr, deviation, dx);
}

}  // namespace mynah::kernels::cuda
