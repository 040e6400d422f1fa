#pragma once

#include <cuda_on_cpu/asynchronous.h>
#include <cuda_runtime.h>

#include "kernels/cuda/bulk_copy.h"
#include "kernels/cuda/mma.h"
#include "kernels/cuda/wgmma_operand.h"

namespace mynah::kernels::cuda {

/// The tensor-core instruction of warpgroups, in place of the header of the same name beside the kernels. Operands are
/// read, and sums written, when the schedule says so; until a thread has waited for its sums they are NaN.

namespace emulated_wgmma {

/// Where byte `byte` of row `row` lies: with the 128-byte swizzle, bits 7 to 9 of an address change bits 4 to 6.
inline std::uint32_t address_of(std::uint64_t descriptor, int row, int byte) {
  const auto first = static_cast<std::uint32_t>(descriptor & 0x3fffu) << 4;
  const auto eight_rows = static_cast<std::uint32_t>(descriptor >> 32 & 0x3fffu) << 4;
  const std::uint32_t plain = first + static_cast<std::uint32_t>(row / 8) * eight_rows +
                              static_cast<std::uint32_t>(row % 8 * wgmma_row_bytes + byte);
  return plain ^ (plain >> 7 & 7u) << 4;
}

inline void check(std::uint64_t descriptor, int rows, cuda_on_cpu::Site site) {
  using namespace cuda_on_cpu::detail;
  if (descriptor >> 61 != 2) fail_kernel("a wgmma descriptor without the 128-byte swizzle", site);
  const auto first = static_cast<std::uint32_t>(descriptor & 0x3fffu) << 4;
  if (first % wgmma_alignment >= wgmma_row_bytes) {
    fail_kernel("a wgmma operand that does not begin at a multiple of 1024 bytes", site);
  }
  const std::uint32_t begin = first / wgmma_alignment * wgmma_alignment;
  at_shared_address(begin, static_cast<std::uint32_t>(rows * wgmma_row_bytes), site);
}

template <Precision precision, int rows, int depth>
void read(std::uint64_t descriptor, double (&factors)[rows][depth]) {
  for (int row = 0; row < rows; ++row) {
    for (int k = 0; k < depth; ++k) {
      const int byte = k * wgmma_factor_bytes(precision);
      std::uint32_t word;
      std::memcpy(&word, cuda_on_cpu::detail::at_shared_address(address_of(descriptor, row, byte & ~3), 4, {}), 4);
      factors[row][k] = emulated_mma::factor_of<precision>(word, byte / 2 % 2);
    }
  }
}

template <Precision precision>
void multiply(std::uint64_t a, std::uint64_t b, float* const* sums) {
  constexpr int depth = 32 / wgmma_factor_bytes(precision);
  double rows[wgmma_rows][depth], columns[wgmma_columns][depth];
  read<precision>(a, rows);
  read<precision>(b, columns);
  for (int thread = 0; thread < 128; ++thread) {
    for (int i = 0; i < wgmma_columns / 2; ++i) {
      const int row = thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
      const int column = i / 4 * 8 + 2 * (thread % 4) + i % 2;
      float& sum = sums[thread][i];
      sum = emulated_mma::accumulated(sum, rows[row], columns[column]);
    }
  }
}

}  // namespace emulated_wgmma

inline void order_registers() {
  cuda_on_cpu::detail::order_registers();
}

inline void commit_products() {
  cuda_on_cpu::detail::commit_products();
}

template <int others>
void wait_for_products(cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::wait_for_products(others, site);
}

template <int registers>
void give_up_registers() {}
template <int registers>
void take_registers() {}

template <Precision precision>
void multiply_add_asynchronously(WarpgroupSums& sums, std::uint64_t a, std::uint64_t b,
                                 cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  static_assert(precision != Precision::float32, "tensor cores multiply rounded factors");
  emulated_wgmma::check(a, wgmma_rows, site);
  emulated_wgmma::check(b, wgmma_columns, site);
  cuda_on_cpu::detail::multiply_asynchronously(emulated_wgmma::multiply<precision>, a, b, sums.value, wgmma_columns / 2,
                                               site);
}

}  // namespace mynah::kernels::cuda
