#include "kernels/random.h"

#include <algorithm>

#include "kernels/permutation.h"

namespace mynah::kernels::eigen {
namespace {

std::uint64_t value_of(const Index* step) {
  return step == nullptr ? 0 : static_cast<std::uint64_t>(step[0]);
}

/// Calls element(i, block, position) for every element of the blocks of four.
template <class Element>
void for_each_block(RandomKey key, std::uint64_t step, Index n, const Element& element) {
  for (Index first = 0; first < n; first += 4) {
    const PhiloxBlock block = philox(key, step, static_cast<std::uint32_t>(first / 4));
    element(first, std::min<Index>(4, n - first), block);
  }
}

/// The words of a permutation, drawn once for all elements: 6 * 2^half_bits of them, where more than 4^(half_bits - 1)
/// elements look 6 up and more each.
class TabledPermutationWords {
 public:
  TabledPermutationWords(Stream& stream, RandomKey key, std::uint64_t step, std::uint32_t half_bits)
      : half_bits_(half_bits) {
    const std::size_t size = std::size_t{permutation_rounds} << half_bits;
    auto* words = static_cast<std::uint32_t*>(stream.scratch(size * sizeof(std::uint32_t)));
    for (std::uint32_t round = 0; round < permutation_rounds; ++round) {
      for (std::uint32_t first = 0; first < (1u << half_bits); first += 4) {
        const PhiloxBlock block = philox(key, step, permutation_word(round, first) / 4);
        const std::uint32_t count = std::min(4u, 1u << half_bits);
        for (std::uint32_t i = 0; i < count; ++i) words[(round << half_bits) + first + i] = word_of(block, i);
      }
    }
    words_ = words;
  }
  std::uint32_t operator()(std::uint32_t round, std::uint32_t half_word) const {
    return words_[(round << half_bits_) + half_word];
  }

 private:
  const std::uint32_t* words_ = nullptr;
  std::uint32_t half_bits_;
};

}  // namespace

void uniform(Stream&, RandomKey key, const Index* step, float low, float high, Vector out) {
  for_each_block(key, value_of(step), out.size, [&](Index first, Index count, PhiloxBlock block) {
    for (Index i = 0; i < count; ++i) {
      out.data[first + i] = uniform_between(word_of(block, static_cast<std::uint32_t>(i)), low, high);
    }
  });
}

void normal(Stream&, RandomKey key, const Index* step, float mean, float deviation, Vector out) {
  for_each_block(key, value_of(step), out.size, [&](Index first, Index count, PhiloxBlock block) {
    float z[4];
    normals_of_block(block, z);
    for (Index i = 0; i < count; ++i) out.data[first + i] = scaled_normal(z[i], mean, deviation);
  });
}

void permutation(Stream& stream, RandomKey key, const Index* step, Labels out) {
  const auto n = static_cast<std::uint32_t>(out.size);
  const std::uint32_t half_bits = permutation_half_bits(n);
  const TabledPermutationWords words(stream, key, value_of(step), half_bits);
  for (std::uint32_t i = 0; i < n; ++i) {
    out.data[i] = static_cast<std::int32_t>(permuted_index(words, n, half_bits, i));
  }
}

}  // namespace mynah::kernels::eigen
