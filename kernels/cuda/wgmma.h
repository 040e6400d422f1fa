#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/bulk_copy.h"
#include "kernels/cuda/wgmma_operand.h"

namespace mynah::kernels::cuda {

/// The tensor-core instruction of warpgroups, wgmma.mma_async (sm_90a alone): the one place with its PTX. The
/// CUDA-on-CPU build has a header of the same name in its place. Operands and sums: kernels/cuda/wgmma_operand.h.
///
/// All 128 threads of a warpgroup (warps 4 i ... 4 i + 3 of the block) call each of these together. Products run while
/// the threads go on: order_registers(), multiply_add_asynchronously() several times, commit_products(), and later
/// wait_for_products(). In between nobody touches the sums, nor writes to the operands.

/// What was done to the sums so far comes before the products that follow. Not needed between products alone.
__device__ __forceinline__ void order_registers() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/// The products since the last call are a group.
__device__ __forceinline__ void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/// Returns when all but the latest `others` groups are done.
template <int others>
__device__ __forceinline__ void wait_for_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(others) : "memory");
}

/// How many registers each thread of the calling warpgroup has from here on, a multiple of 8: some give up what others
/// take. All warpgroups of the block say so, each at the beginning of its part of the kernel.
template <int registers>
__device__ __forceinline__ void give_up_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}

// clang-format off
#define MYNAH_WGMMA_TEXT \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, " \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, " \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define MYNAH_WGMMA_8(i)                                                                           \
  "+f"(sums.value[i]), "+f"(sums.value[i + 1]), "+f"(sums.value[i + 2]), "+f"(sums.value[i + 3]),  \
  "+f"(sums.value[i + 4]), "+f"(sums.value[i + 5]), "+f"(sums.value[i + 6]), "+f"(sums.value[i + 7])
#define MYNAH_WGMMA_32(i) MYNAH_WGMMA_8(i), MYNAH_WGMMA_8(i + 8), MYNAH_WGMMA_8(i + 16), MYNAH_WGMMA_8(i + 24)
#define MYNAH_WGMMA_SUMS MYNAH_WGMMA_32(0), MYNAH_WGMMA_32(32), MYNAH_WGMMA_32(64), MYNAH_WGMMA_32(96)
// clang-format on

/// sums += A B, over 32 bytes of k. a and b are descriptors.
template <Precision precision>
__device__ __forceinline__ void multiply_add_asynchronously(WarpgroupSums& sums, std::uint64_t a, std::uint64_t b) {
  static_assert(precision != Precision::float32, "tensor cores multiply rounded factors");
  if constexpr (precision == Precision::tf32) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k8.f32.tf32.tf32 {" MYNAH_WGMMA_TEXT "}, %128, %129, 1, 1, 1;"
                 : MYNAH_WGMMA_SUMS
                 : "l"(a), "l"(b));
  } else {
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {" MYNAH_WGMMA_TEXT
                 "}, %128, %129, 1, 1, 1, 0, 0;"
                 : MYNAH_WGMMA_SUMS
                 : "l"(a), "l"(b));
  }
}

#undef MYNAH_WGMMA_TEXT
#undef MYNAH_WGMMA_8
#undef MYNAH_WGMMA_32
#undef MYNAH_WGMMA_SUMS

}  // namespace mynah::kernels::cuda
