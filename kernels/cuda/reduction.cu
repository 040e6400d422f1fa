#include "kernels/reduction.h"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/partial_sums.h"

namespace mynah::kernels::cuda {
namespace {

constexpr int moment_columns = 32;  // of one block: a warp reads 128 neighbouring bytes of a row
constexpr int moment_rows = 8;      // rows that a block reads at a time
constexpr Index rows_per_part = 256;
constexpr Index most_parts = 128;

/// partial[part, column] = Σ over the part's rows of x or, given means, of (x - mean)².
///
/// Limited by memory. A column's rows are cut into parts, so that a matrix with few columns still fills the GPU; each
/// part is summed by 8 threads in double, whose sums are added in order.
__global__ void __launch_bounds__(moment_columns* moment_rows)
    column_parts_kernel(ConstMatrix x, const double* means, double* partial) {
  __shared__ double sums[moment_rows][moment_columns];
  const Index column = Index{blockIdx.x} * moment_columns + threadIdx.x;
  double sum = 0.0;
  if (column < x.columns) {
    const double mean = means == nullptr ? 0.0 : means[column];
    const Index step = Index{gridDim.y} * moment_rows;
    for (Index row = Index{blockIdx.y} * moment_rows + threadIdx.y; row < x.rows; row += step) {
      const double value = static_cast<double>(x.data[row * x.stride + column]) - mean;
      sum += means == nullptr ? value : value * value;
    }
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= x.columns) return;
  for (int i = 1; i < moment_rows; ++i) sum += sums[i][threadIdx.x];
  partial[Index{blockIdx.y} * x.columns + column] = sum;
}

/// out[column] = Σ over parts / rows, rounded to float; `exact` keeps it in double for the second pass.
__global__ void __launch_bounds__(256)
    column_mean_kernel(const double* partial, Index parts, Index rows, Index columns, double* exact, float* out) {
  const Index column = Index{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  double sum = 0.0;
  for (Index part = 0; part < parts; ++part) sum += partial[part * columns + column];
  const double mean = rows == 0 ? 0.0 : sum / static_cast<double>(rows);
  if (exact != nullptr) exact[column] = mean;
  out[column] = static_cast<float>(mean);
}

/// Limited by memory. Four floats of a pack are added in double in order, then threads, warps and blocks in order.
template <bool packs>
__global__ void __launch_bounds__(sum_threads) sum_kernel(ConstVector x, SumTarget target) {
  constexpr Index width = packs ? 4 : 1;
  const Index step = Index{gridDim.x} * sum_threads * width;
  double sum = 0.0;
  for (Index i = (Index{blockIdx.x} * sum_threads + threadIdx.x) * width; i < x.size; i += step) {
    if (i + width <= x.size) {
      for (const float value : load<width>(x.data + i).value) sum += static_cast<double>(value);
    } else {
      for (Index rest = i; rest < x.size; ++rest) sum += static_cast<double>(x.data[rest]);
    }
  }
  finish_sum(target, sum);
}

}  // namespace

void column_moments(Stream& stream, ConstMatrix x, Vector mean, Vector variance) {
  const char* const name = "column_moments";
  const Index parts = std::clamp<Index>(x.rows / rows_per_part, 1, most_parts);
  const auto partial_size = static_cast<std::size_t>(parts * x.columns);
  auto* partial =
      static_cast<double*>(stream.scratch((partial_size + static_cast<std::size_t>(x.columns)) * sizeof(double)));
  double* exact = partial + partial_size;
  const LaunchShape parts_shape{
      dim3(static_cast<unsigned>(ceil_divide(x.columns, moment_columns)), static_cast<unsigned>(parts)),
      dim3(moment_columns, moment_rows)};
  const LaunchShape mean_shape{dim3(static_cast<unsigned>(ceil_divide(x.columns, 256))), dim3(256)};
  launch(stream, name, parts_shape, column_parts_kernel, x, nullptr, partial);
  launch(stream, name, mean_shape, column_mean_kernel, partial, parts, x.rows, x.columns, exact, mean.data);
  if (variance.empty()) return;
  launch(stream, name, parts_shape, column_parts_kernel, x, exact, partial);
  launch(stream, name, mean_shape, column_mean_kernel, partial, parts, x.rows, x.columns, nullptr, variance.data);
}

void sum(Stream& stream, ConstVector x, VectorView<double> out) {
  const bool packs = allows_packs(x);
  const Index per_block = Index{sum_threads} * 4 * (packs ? 4 : 1);
  const Index blocks = std::clamp<Index>(ceil_divide(x.size, per_block), 1, grid_limit / 4);
  SumTarget target{out.data, 1.0, false, nullptr};
  prepare_sum(stream, target, blocks);
  launch(stream, "sum", {dim3(static_cast<unsigned>(blocks)), dim3(sum_threads)},
         packs ? sum_kernel<true> : sum_kernel<false>, x, target);
  add_partial_sums(stream, "sum", target, blocks);
}

}  // namespace mynah::kernels::cuda
