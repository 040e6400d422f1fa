#include "kernels/prefix_sum.h"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/row_group.h"

namespace mynah::kernels::cuda {
namespace {

constexpr Index part_length = 4096;  // a multiple of the largest group

/// Rows are cut into parts, so that one long vector still fills the GPU. Part p of a row holds the elements
/// [p length, (p + 1) length), counted from the end where sums run in reverse.
struct Scan {
  ConstMatrix x;
  Matrix y;
  PrefixSumOptions options;
  Index parts;
  Index length;
  double* offsets;  ///< [rows, parts]: the sum before each part; null for one part

  __device__ Index column(Index place) const { return options.reverse ? x.columns - 1 - place : place; }
};

struct BeforeAndTotal {
  double before;
  double total;
};

/// The sum of the values of the lanes below, and of all lanes of the group (a warp or the block), in a fixed order.
template <int group>
__device__ __forceinline__ BeforeAndTotal scan_group(double value, int lane) {
  const int in_warp = lane % 32;
  double inclusive = value;
#pragma unroll
  for (int distance = 1; distance < 32; distance *= 2) {
    const double below = __shfl_up_sync(all_lanes, inclusive, distance);
    if (in_warp >= distance) inclusive += below;
  }
  double before = __shfl_up_sync(all_lanes, inclusive, 1);
  if (in_warp == 0) before = 0.0;
  double total = __shfl_sync(all_lanes, inclusive, 31);
  if constexpr (group > 32) {
    __shared__ double of_warp[group / 32];
    if (in_warp == 31) of_warp[lane / 32] = inclusive;
    __syncthreads();
    total = 0.0;
    for (int warp = 0; warp < group / 32; ++warp) {
      if (warp == lane / 32) before += total;
      total += of_warp[warp];
    }
    __syncthreads();  // of_warp is free for the next call
  }
  return {before, total};
}

/// Limited by memory: 4 bytes read and 4 written an element, and 4 more read where rows come in parts.
template <int group>
__global__ void __launch_bounds__(sum_threads) scan_kernel(Scan scan) {
  for_each_row<group>(scan.x.rows * scan.parts, [&](Index item, int lane, bool valid) {
    const Index row = valid ? item / scan.parts : 0;
    const Index begin = valid ? (item - row * scan.parts) * scan.length : scan.x.columns;
    const Index end = min(begin + scan.length, scan.x.columns);
    double carry = valid && scan.offsets != nullptr ? scan.offsets[item] : 0.0;
    for (Index first = begin; first < end; first += group) {
      const Index place = first + lane;
      const Index column = scan.column(place);
      const double value = place < end ? static_cast<double>(scan.x.data[row * scan.x.stride + column]) : 0.0;
      const BeforeAndTotal sums = scan_group<group>(value, lane);
      const double up_to = carry + sums.before;
      if (place < end) {
        scan.y.data[row * scan.y.stride + column] = static_cast<float>(scan.options.exclusive ? up_to : up_to + value);
      }
      carry += sums.total;
    }
  });
}

/// offsets[item] = the sum of the part itself.
__global__ void __launch_bounds__(sum_threads) part_sums_kernel(Scan scan) {
  for_each_row<sum_threads>(scan.x.rows * scan.parts, [&](Index item, int lane, bool valid) {
    const Index row = valid ? item / scan.parts : 0;
    const Index begin = valid ? (item - row * scan.parts) * scan.length : scan.x.columns;
    const Index end = min(begin + scan.length, scan.x.columns);
    double sum = 0.0;
    for (Index place = begin + lane; place < end; place += sum_threads) {
      sum += static_cast<double>(scan.x.data[row * scan.x.stride + scan.column(place)]);
    }
    sum = block_sum<sum_threads>(sum);
    if (valid && lane == 0) scan.offsets[item] = sum;
  });
}

/// From the sums of the parts to the sums before them, a thread a row: few numbers.
__global__ void __launch_bounds__(sum_threads) part_offsets_kernel(double* offsets, Index rows, Index parts) {
  const Index step = Index{gridDim.x} * sum_threads;
  for (Index row = Index{blockIdx.x} * sum_threads + threadIdx.x; row < rows; row += step) {
    double before = 0.0;
    for (Index part = 0; part < parts; ++part) {
      const double sum = offsets[row * parts + part];
      offsets[row * parts + part] = before;
      before += sum;
    }
  }
}

}  // namespace

void prefix_sums(Stream& stream, ConstMatrix x, Matrix y, PrefixSumOptions options) {
  const char* const name = "prefix_sums";
  // As many parts as fill the GPU, and none where the rows do that already.
  const Index most = std::max<Index>(1, 1024 / x.rows);
  const Index parts = std::clamp<Index>(ceil_divide(x.columns, part_length), 1, most);
  const Index length = ceil_divide(ceil_divide(x.columns, parts), sum_threads) * sum_threads;
  Scan scan{x, y, options, parts, length, nullptr};
  const Index items = x.rows * parts;
  if (parts > 1) {
    scan.offsets = static_cast<double*>(stream.scratch(static_cast<std::size_t>(items) * sizeof(double)));
    launch(stream, name, row_shape(row_blocks(items, sum_threads)), part_sums_kernel, scan);
    launch(stream, name, row_shape(row_blocks(ceil_divide(x.rows, sum_threads), sum_threads)), part_offsets_kernel,
           scan.offsets, x.rows, parts);
  }
  if (x.columns <= 512) {
    launch(stream, name, row_shape(row_blocks(items, 32)), scan_kernel<32>, scan);
  } else {
    launch(stream, name, row_shape(row_blocks(items, sum_threads)), scan_kernel<sum_threads>, scan);
  }
}

}  // namespace mynah::kernels::cuda
