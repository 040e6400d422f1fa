#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/mma_fragment.h"

namespace mynah::kernels::cuda {

/// The tensor-core instruction mma.sync, in place of the header of the same name beside the kernels.

inline std::uint32_t bfloat16_word(float low, float high) {
  constexpr int dropped = dropped_bits(Precision::bfloat16);
  return rounded_bits<dropped>(__float_as_uint(low)) >> dropped | rounded_bits<dropped>(__float_as_uint(high));
}

namespace emulated_mma {

/// Factor `index` of a word. The hardware does not look at the last bits of a tf32 factor.
template <Precision precision>
double factor_of(std::uint32_t word, int index) {
  if constexpr (precision == Precision::tf32) return __uint_as_float(word & 0xffffe000u);
  return __uint_as_float(index == 0 ? word << 16 : word & 0xffff0000u);
}

/// c + Σ_k a_k b_k, k in order: products and sums in double, of which the products are exact, and the result rounded to
/// float towards zero. NVIDIA does not document the order or the rounding; that sums are truncated was measured by Fasi
/// et al., "Numerical behavior of NVIDIA tensor cores", PeerJ Computer Science 7:e330 (2021).
template <Precision precision>
float accumulated(float c, const std::uint32_t (&a)[mma_words], const std::uint32_t (&b)[mma_words]) {
  double sum = 0.0;
  for (int word = 0; word < mma_words; ++word) {
    for (int i = 0; i < factors_per_word(precision); ++i) {
      sum += factor_of<precision>(a[word], i) * factor_of<precision>(b[word], i);
    }
  }
  sum += static_cast<double>(c);
  const auto nearest = static_cast<float>(sum);
  const bool too_far = std::isfinite(nearest) && std::fabs(static_cast<double>(nearest)) > std::fabs(sum);
  return too_far ? std::nextafter(nearest, 0.0f) : nearest;
}

/// What every lane of the warp brought, two words each. Shuffles may do without a lane that has returned, this may not.
template <Precision precision>
const cuda_on_cpu::detail::WarpValues& exchanged(std::uint32_t low, std::uint32_t high, cuda_on_cpu::Site site) {
  using namespace cuda_on_cpu::detail;
  constexpr auto operation =
      precision == Precision::tf32 ? WarpOperation::multiply_tf32 : WarpOperation::multiply_bfloat16;
  const WarpValues& all = exchange(operation, 0xffffffffu, low | std::uint64_t{high} << 32, site);
  if (all.arrived != 0xffffffffu) fail_kernel("a lane of the warp is missing from its mma.sync", site);
  return all;
}

}  // namespace emulated_mma

template <Precision precision>
void multiply_add(FragmentC& c, const FragmentA& a, const FragmentB& b,
                  cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  static_assert(precision != Precision::float32, "tensor cores multiply rounded factors");
  const MmaLane lane;
  std::uint32_t rows[2][mma_words], columns[2][mma_words];
  for (int half = 0; half < 2; ++half) {
    const auto& all = emulated_mma::exchanged<precision>(a.word[2 * half], a.word[2 * half + 1], site);
    for (int t = 0; t < 4; ++t) {
      const std::uint64_t words = all.values[4 * lane.group + t];
      rows[0][4 * half + t] = static_cast<std::uint32_t>(words);
      rows[1][4 * half + t] = static_cast<std::uint32_t>(words >> 32);
    }
  }
  const auto& all = emulated_mma::exchanged<precision>(b.word[0], b.word[1], site);
  for (int column = 0; column < 2; ++column) {
    for (int t = 0; t < 4; ++t) {
      const std::uint64_t words = all.values[4 * (2 * lane.member + column) + t];
      columns[column][t] = static_cast<std::uint32_t>(words);
      columns[column][4 + t] = static_cast<std::uint32_t>(words >> 32);
    }
  }
  for (int i = 0; i < 4; ++i) {
    c.value[i] = emulated_mma::accumulated<precision>(c.value[i], rows[i / 2], columns[i % 2]);
  }
}

}  // namespace mynah::kernels::cuda
