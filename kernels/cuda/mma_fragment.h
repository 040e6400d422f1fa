#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/precision_rounding.h"

namespace mynah::kernels::cuda {

/// What a warp holds of the matrices that its tensor-core instruction multiplies: C [16, 8] += A [16, words] B [words,
/// 8] with 8 words of 32 bits along k. A word holds one factor in tf32 (a float32 whose last 13 bits are zero) and two
/// neighbours along k in bfloat16, the first in the low half. Counted in words, both instructions have the same layout
/// (PTX ISA, "Matrix Fragments for mma.m16n8k8" and "mma.m16n8k16"):
///
///   mma.m16n8k8  tf32      8 words are k = 0 ... 7
///   mma.m16n8k16 bfloat16  8 words are k = 0 ... 15
///
/// Lane 4 g + t of a warp (group g = 0 ... 7, member t = 0 ... 3) holds
///
///   A   word[0]  (row g, word t)      word[1]  (row g + 8, word t)      word[2], word[3]  the same rows, word t + 4
///   B   word[0]  (word t, column g)   word[1]  (word t + 4, column g)
///   C   value[0], value[1]  (row g, columns 2 t and 2 t + 1)            value[2], value[3]  the same columns, row g +
///   8
constexpr int mma_rows = 16;
constexpr int mma_columns = 8;
constexpr int mma_words = 8;

struct FragmentA {
  std::uint32_t word[4];
};
struct FragmentB {
  std::uint32_t word[2];
};
struct FragmentC {
  float value[4] = {};
};

/// g and t of the calling thread.
struct MmaLane {
  int group = static_cast<int>(threadIdx.x) % 32 / 4;
  int member = static_cast<int>(threadIdx.x) % 4;
};

/// How many factors along k a word holds.
constexpr int factors_per_word(Precision precision) {
  return precision == Precision::bfloat16 ? 2 : 1;
}

}  // namespace mynah::kernels::cuda
