#pragma once

#include <cstddef>

namespace cuda_on_cpu::detail {

// The limits of compute capability 9.0 (CUDA C++ Programming Guide, technical specifications), with few
// multiprocessors, since kernels that fill the device then launch few blocks.
constexpr int compute_major = 9;
constexpr int compute_minor = 0;
constexpr int multiprocessors = 4;
constexpr std::size_t max_threads_per_block = 1024;
constexpr std::size_t max_block_z = 64;
constexpr std::size_t max_grid_x = 2147483647;
constexpr std::size_t max_grid_yz = 65535;
constexpr std::size_t max_blocks_per_cluster = 8;  // what is portable
constexpr std::size_t max_threads_per_multiprocessor = 2048;
constexpr std::size_t max_blocks_per_multiprocessor = 32;
constexpr std::size_t shared_bytes_per_block = 48 * 1024;
constexpr std::size_t shared_bytes_per_block_optin = 227 * 1024;
constexpr std::size_t shared_bytes_per_multiprocessor = 228 * 1024;
constexpr std::size_t shared_bytes_reserved = 1024;
constexpr int registers = 65536;
constexpr int l2_cache_bytes = 50 * 1024 * 1024;

}  // namespace cuda_on_cpu::detail
