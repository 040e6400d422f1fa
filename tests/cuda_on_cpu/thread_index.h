#pragma once

#include "include/vector_types.h"

namespace cuda_on_cpu::detail {

// threadIdx and its kin, which kernels see as constants.
uint3& writable_thread_index();
uint3& writable_block_index();
dim3& writable_block_dim();
dim3& writable_grid_dim();

}  // namespace cuda_on_cpu::detail
