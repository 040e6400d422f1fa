#pragma once

#include "kernels/cuda/mma_fragment.h"

namespace mynah::kernels::cuda {

/// The tensor-core instruction mma.sync, of sm_80 and later, and ldmatrix, which reads its operands: the one place with
/// their PTX. The CUDA-on-CPU build has a
/// header of the same name in its place. What the lanes hold: kernels/cuda/mma_fragment.h.

/// A factor, rounded to nearest, ties to even, as a word: what round_to_tf32 gives, except that every NaN may become
/// 0x7fffffff. sm_90 and later have an instruction for what takes seven before.
__device__ __forceinline__ std::uint32_t tf32_word(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  std::uint32_t word;
  asm("cvt.rn.tf32.f32 %0, %1;" : "=r"(word) : "f"(x));
  return word;
#else
  return rounded_bits<dropped_bits(Precision::tf32)>(__float_as_uint(x));
#endif
}

/// Two factors, rounded to nearest, ties to even, as a word: what round_to_bfloat16 gives, except that every NaN
/// becomes 0x7fff.
__device__ __forceinline__ std::uint32_t bfloat16_word(float low, float high) {
  std::uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

/// Reads four blocks of 8 rows x 4 words from shared memory (ldmatrix), of which a row is 16 neighbouring bytes at an
/// address that is a multiple of 16. Lane l says where row l % 8 of block l / 8 is; lane 4 g + t gets word t of row g
/// of each block, as fragments have them. All 32 lanes of the warp take part.
__device__ __forceinline__ void load_blocks(std::uint32_t (&word)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
               : "r"(static_cast<unsigned>(__cvta_generic_to_shared(row)))
               : "memory");
}

/// C += A B. All 32 lanes of the warp take part. Products are exact; how a step's sum is rounded is the hardware's
/// business: the same operands give the same bits every time, but perhaps others on another generation of GPUs.
template <Precision precision>
__device__ __forceinline__ void multiply_add(FragmentC& c, const FragmentA& a, const FragmentB& b) {
  static_assert(precision != Precision::float32, "tensor cores multiply rounded factors");
  if constexpr (precision == Precision::tf32) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c.value[0]), "+f"(c.value[1]), "+f"(c.value[2]), "+f"(c.value[3])
        : "r"(a.word[0]), "r"(a.word[1]), "r"(a.word[2]), "r"(a.word[3]), "r"(b.word[0]), "r"(b.word[1]));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c.value[0]), "+f"(c.value[1]), "+f"(c.value[2]), "+f"(c.value[3])
        : "r"(a.word[0]), "r"(a.word[1]), "r"(a.word[2]), "r"(a.word[3]), "r"(b.word[0]), "r"(b.word[1]));
  }
}

}  // namespace mynah::kernels::cuda
