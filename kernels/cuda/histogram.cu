#include "kernels/histogram.h"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/map.h"
#include "kernels/histogram_bin.h"

namespace mynah::kernels::cuda {
namespace {

constexpr int histogram_threads = 256;
constexpr Index shared_bins = 2048;  // 8 KB

struct Zero {
  Labels counts;
  template <int width>
  __device__ void at(Index, Index column) const {
    counts.data[column] = 0;
  }
};

/// Limited by memory where values spread over the bins, by atomics on one address where they do not. Each block counts
/// in shared memory and adds its counts to the global ones at the end; with more bins than fit there, at once. Sums of
/// whole numbers are the same in every order.
template <bool in_shared>
__global__ void __launch_bounds__(histogram_threads)
    histogram_kernel(ConstVector x, float low, float high, Labels counts) {
  __shared__ int of_block[in_shared ? shared_bins : 1];
  int* const target = in_shared ? of_block : counts.data;
  if constexpr (in_shared) {
    for (Index bin = threadIdx.x; bin < counts.size; bin += histogram_threads) of_block[bin] = 0;
    __syncthreads();
  }
  const Index step = Index{gridDim.x} * histogram_threads;
  for (Index i = Index{blockIdx.x} * histogram_threads + threadIdx.x; i < x.size; i += step) {
    const Index bin = histogram_bin(x.data[i], low, high, counts.size);
    if (bin >= 0) atomicAdd(target + bin, 1);
  }
  if constexpr (in_shared) {
    __syncthreads();
    for (Index bin = threadIdx.x; bin < counts.size; bin += histogram_threads) {
      if (of_block[bin] != 0) atomicAdd(counts.data + bin, of_block[bin]);
    }
  }
}

}  // namespace

void histogram(Stream& stream, ConstVector x, float low, float high, Labels counts) {
  map_singly(stream, "histogram", counts.size, Zero{counts});
  if (x.empty()) return;
  const Index blocks = std::clamp<Index>(ceil_divide(x.size, Index{histogram_threads} * 8), 1, grid_limit / 4);
  launch(stream, "histogram", {dim3(static_cast<unsigned>(blocks)), dim3(histogram_threads)},
         counts.size <= shared_bins ? histogram_kernel<true> : histogram_kernel<false>, x, low, high, counts);
}

}  // namespace mynah::kernels::cuda
