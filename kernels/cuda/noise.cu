#include "kernels/noise.h"

#include "kernels/cuda/map.h"
#include "kernels/random_numbers.h"

namespace mynah::kernels::cuda {
namespace {

/// A batch of observations has some thousand elements: limited by the launch, and by the normals in double. A thread
/// draws a block for one number of it, since a row rarely begins with a block.
struct Noise {
  RandomKey key;
  const Index* step;
  ConstVector deviation;
  Matrix x;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const auto time = static_cast<std::uint64_t>(step == nullptr ? 0 : step[0]);
    float& value = x.data[row * x.stride + column];
    value = scaled_normal(random_normal(key, time, static_cast<std::uint64_t>(row * x.columns + column)), value,
                          deviation.data[column]);
  }
};

}  // namespace

void add_noise(Stream& stream, RandomKey key, const Index* step, ConstVector deviation, Matrix x) {
  map(stream, "add_noise", x.rows, x.columns, false, Noise{key, step, deviation, x});
}

}  // namespace mynah::kernels::cuda
