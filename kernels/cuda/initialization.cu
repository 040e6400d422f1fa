#include "kernels/initialization.h"

#include <vector>

#include "kernels/cuda/map.h"
#include "kernels/memory.h"
#include "kernels/random_numbers.h"
#include "kernels/truncated_normal.h"

namespace mynah::kernels::cuda {
namespace {

/// Limited by arithmetic: a block of Philox, and eight exponentials and error functions in double for each number. It
/// runs once.
struct TruncatedNormal {
  RandomKey key;
  const Index* step;
  float mean;
  float deviation;
  Vector out;
  template <int width>
  __device__ void at(Index, Index column) const {
    const std::uint64_t number = step == nullptr ? 0 : static_cast<std::uint64_t>(step[0]);
    const PhiloxBlock block = philox(key, number, static_cast<std::uint32_t>(column / 4));
    Pack<width> pack;
    for (int i = 0; i < width; ++i) {
      const float z = truncated_unit_normal(word_of(block, static_cast<std::uint32_t>((column + i) % 4)));
      pack.value[i] = scaled_normal(z, mean, deviation);
    }
    store<width>(out.data + column, pack);
  }
};

}  // namespace

void truncated_normal(Stream& stream, RandomKey key, const Index* step, float mean, float deviation, Vector out) {
  map(stream, "truncated_normal", 1, out.size, allows_packs(out), TruncatedNormal{key, step, mean, deviation, out});
}

/// On the host, by the CPU's twin: see the contract.
void orthogonal(Stream& stream, RandomKey key, float gain, Matrix out) {
  std::vector<float> host(static_cast<std::size_t>(out.rows * out.columns));
  Stream cpu{DeviceId{}};
  eigen::orthogonal(cpu, key, gain, {host.data(), out.rows, out.columns});
  copy_to_device(stream, out.data, host.data(), host.size() * sizeof(float));
}

}  // namespace mynah::kernels::cuda
