#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/mma_fragment.h"

namespace mynah::kernels::cuda {

/// The tensor-core instruction mma.sync and ldmatrix, in place of the header of the same name beside the kernels.

inline std::uint32_t tf32_word(float x) {
  return rounded_bits<dropped_bits(Precision::tf32)>(__float_as_uint(x));
}

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
template <int depth>
float accumulated(float c, const double (&a)[depth], const double (&b)[depth]) {
  double sum = 0.0;
  for (int k = 0; k < depth; ++k) sum += a[k] * b[k];
  sum += static_cast<double>(c);
  const auto nearest = static_cast<float>(sum);
  const bool too_far = std::isfinite(nearest) && std::fabs(static_cast<double>(nearest)) > std::fabs(sum);
  return too_far ? std::nextafter(nearest, 0.0f) : nearest;
}

/// What a lane brings; it lies on the lane's own stack, where it stays while the lane waits.
struct Call {
  FragmentA a;
  FragmentB b;
  FragmentC* c;
  bool done = false;
};

template <Precision precision>
void multiply_warp(Call* const (&calls)[32]) {
  constexpr int factors = factors_per_word(precision);
  double rows[mma_rows][mma_words * factors], columns[mma_columns][mma_words * factors];
  for (int lane = 0; lane < 32; ++lane) {
    const int group = lane / 4, member = lane % 4;
    for (int i = 0; i < factors; ++i) {
      for (int half = 0; half < 2; ++half) {
        const int k = (member + 4 * half) * factors + i;
        rows[group][k] = factor_of<precision>(calls[lane]->a.word[2 * half], i);
        rows[group + 8][k] = factor_of<precision>(calls[lane]->a.word[2 * half + 1], i);
        columns[group][k] = factor_of<precision>(calls[lane]->b.word[half], i);
      }
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      float& c = calls[lane]->c->value[i];
      c = accumulated(c, rows[lane / 4 + i / 2 * 8], columns[2 * (lane % 4) + i % 2]);
    }
    calls[lane]->done = true;
  }
}

}  // namespace emulated_mma

/// All lanes meet; the first that goes on reads for all of them, while the others still wait.
inline void load_blocks(std::uint32_t (&word)[4], const void* row, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  using namespace cuda_on_cpu::detail;
  struct Call {
    const void* row;
    std::uint32_t (*word)[4];
    bool done = false;
  };
  Call mine{row, &word};
  const WarpValues& all = exchange(WarpOperation::load_blocks, 0xffffffffu, to_bits(&mine), site);
  if (all.arrived != 0xffffffffu) fail_kernel("a lane of the warp is missing from its ldmatrix", site);
  if (mine.done) return;
  Call* calls[32];
  for (int lane = 0; lane < 32; ++lane) {
    calls[lane] = from_bits<Call*>(all.values[lane]);
    if (reinterpret_cast<std::uintptr_t>(calls[lane]->row) % 16 != 0) {
      fail_kernel("a row of ldmatrix is not aligned to 16 bytes", site);
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int block = 0; block < 4; ++block) {
      const auto* const words = static_cast<const std::uint32_t*>(calls[8 * block + lane / 4]->row);
      (*calls[lane]->word)[block] = words[lane % 4];
    }
    calls[lane]->done = true;
  }
}

/// All lanes meet; the first that goes on computes for all of them, while the others still wait.
template <Precision precision>
void multiply_add(FragmentC& c, const FragmentA& a, const FragmentB& b,
                  cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  static_assert(precision != Precision::float32, "tensor cores multiply rounded factors");
  using namespace cuda_on_cpu::detail;
  constexpr auto operation =
      precision == Precision::tf32 ? WarpOperation::multiply_tf32 : WarpOperation::multiply_bfloat16;
  emulated_mma::Call mine{a, b, &c};
  const WarpValues& all = exchange(operation, 0xffffffffu, to_bits(&mine), site);
  // Shuffles may do without a lane that has returned, this may not.
  if (all.arrived != 0xffffffffu) fail_kernel("a lane of the warp is missing from its mma.sync", site);
  if (mine.done) return;
  emulated_mma::Call* calls[32];
  for (int lane = 0; lane < 32; ++lane) calls[lane] = from_bits<emulated_mma::Call*>(all.values[lane]);
  emulated_mma::multiply_warp<precision>(calls);
}

}  // namespace mynah::kernels::cuda
