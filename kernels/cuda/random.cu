#include "kernels/random.h"

#include "kernels/cuda/map.h"
#include "kernels/permutation.h"
#include "kernels/random_numbers.h"

namespace mynah::kernels::cuda {
namespace {

// Limited by arithmetic, not memory: a Philox block is 20 wide multiplications for four words. Each thread draws one
// block and uses all of it; only at the end of a vector that is no multiple of four, or not aligned, is a block drawn
// for one number. These run at the start of training and once an epoch.

__device__ __forceinline__ std::uint64_t value_of(const Index* step) {
  return step == nullptr ? 0 : static_cast<std::uint64_t>(step[0]);
}

struct Uniform {
  RandomKey key;
  const Index* step;
  float low;
  float high;
  Vector out;
  template <int width>
  __device__ void at(Index, Index column) const {
    const PhiloxBlock block = philox(key, value_of(step), static_cast<std::uint32_t>(column / 4));
    Pack<width> pack;
    for (int i = 0; i < width; ++i) {
      const auto position = static_cast<std::uint32_t>((column + i) % 4);
      pack.value[i] = uniform_between(word_of(block, position), low, high);
    }
    store<width>(out.data + column, pack);
  }
};

struct Normal {
  RandomKey key;
  const Index* step;
  float mean;
  float deviation;
  Vector out;
  template <int width>
  __device__ void at(Index, Index column) const {
    const PhiloxBlock block = philox(key, value_of(step), static_cast<std::uint32_t>(column / 4));
    float z[4];
    normals_of_block(block, z);
    Pack<width> pack;
    for (int i = 0; i < width; ++i) pack.value[i] = scaled_normal(z[(column + i) % 4], mean, deviation);
    store<width>(out.data + column, pack);
  }
};

struct Permutation {
  RandomKey key;
  const Index* step;
  std::uint32_t half_bits;
  Labels out;
  template <int width>
  __device__ void at(Index, Index column) const {
    out.data[column] = static_cast<std::int32_t>(permuted_index(
        key, value_of(step), static_cast<std::uint32_t>(out.size), half_bits, static_cast<std::uint32_t>(column)));
  }
};

}  // namespace

void uniform(Stream& stream, RandomKey key, const Index* step, float low, float high, Vector out) {
  map(stream, "uniform", 1, out.size, allows_packs(out), Uniform{key, step, low, high, out});
}

void normal(Stream& stream, RandomKey key, const Index* step, float mean, float deviation, Vector out) {
  map(stream, "normal", 1, out.size, allows_packs(out), Normal{key, step, mean, deviation, out});
}

void permutation(Stream& stream, RandomKey key, const Index* step, Labels out) {
  map_singly(stream, "permutation", out.size,
             Permutation{key, step, permutation_half_bits(static_cast<std::uint32_t>(out.size)), out});
}

}  // namespace mynah::kernels::cuda
