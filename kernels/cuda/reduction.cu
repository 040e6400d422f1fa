#include "kernels/reduction.h"

#include "kernels/cuda/group_combine.h"
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

/// What becomes of a column's sum.
struct ColumnTarget {
  double divisor = 1.0;     ///< 0: there is nothing to sum, and out becomes 0
  double* exact = nullptr;  ///< the quotient in double, for a second pass
  float* out = nullptr;
  bool add = false;
};

/// out[column] = Σ over parts / divisor, rounded to float.
__global__ void __launch_bounds__(256)
    column_sum_kernel(const double* partial, Index parts, Index columns, ColumnTarget target) {
  const Index column = Index{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  double sum = 0.0;
  for (Index part = 0; part < parts; ++part) sum += partial[part * columns + column];
  const double quotient = target.divisor == 0.0 ? 0.0 : sum / target.divisor;
  if (target.exact != nullptr) target.exact[column] = quotient;
  target.out[column] = static_cast<float>(target.add ? quotient + static_cast<double>(target.out[column]) : quotient);
}

/// partial[part, column] = the maximum over the part's rows; in the shape of column_parts_kernel.
__global__ void __launch_bounds__(moment_columns* moment_rows) column_maxima_kernel(ConstMatrix x, float* partial) {
  __shared__ float maxima[moment_rows][moment_columns];
  const Index column = Index{blockIdx.x} * moment_columns + threadIdx.x;
  const Larger larger;
  float largest = -INFINITY;
  if (column < x.columns) {
    const Index step = Index{gridDim.y} * moment_rows;
    for (Index row = Index{blockIdx.y} * moment_rows + threadIdx.y; row < x.rows; row += step) {
      largest = larger(largest, x.data[row * x.stride + column]);
    }
  }
  maxima[threadIdx.y][threadIdx.x] = largest;
  __syncthreads();
  if (threadIdx.y != 0 || column >= x.columns) return;
  for (int i = 1; i < moment_rows; ++i) largest = larger(largest, maxima[i][threadIdx.x]);
  partial[Index{blockIdx.y} * x.columns + column] = largest;
}

__global__ void __launch_bounds__(256)
    combine_maxima_kernel(const float* partial, Index parts, Index columns, float* out) {
  const Index column = Index{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  const Larger larger;
  float largest = -INFINITY;
  for (Index part = 0; part < parts; ++part) largest = larger(largest, partial[part * columns + column]);
  out[column] = largest;
}

/// The rows of a matrix, each by a group of threads. Limited by memory for wide rows, by the latency of the reductions
/// for narrow ones.
struct RowMoments {
  float* mean;
  float* variance;  ///< null: not wanted
  template <int group>
  __device__ void reduce(ConstVector x, Index row, int lane, bool valid) const {
    const double divisor = x.size == 0 ? 1.0 : static_cast<double>(x.size);
    double sum = 0.0;
    for (Index c = lane; c < x.size; c += group) sum += static_cast<double>(x.data[c]);
    const double centre = group_sum<group>(sum) / divisor;
    if (valid && lane == 0) mean[row] = static_cast<float>(centre);
    if (variance == nullptr) return;
    double squares = 0.0;
    for (Index c = lane; c < x.size; c += group) {
      const double difference = static_cast<double>(x.data[c]) - centre;
      squares += difference * difference;
    }
    squares = group_sum<group>(squares);
    if (valid && lane == 0) variance[row] = static_cast<float>(squares / divisor);
  }
};

struct RowSums {
  float* out;
  template <int group>
  __device__ void reduce(ConstVector x, Index row, int lane, bool valid) const {
    double sum = 0.0;
    for (Index c = lane; c < x.size; c += group) sum += static_cast<double>(x.data[c]);
    sum = group_sum<group>(sum);
    if (valid && lane == 0) out[row] = static_cast<float>(sum);
  }
};

struct RowMaxima {
  float* out;
  template <int group>
  __device__ void reduce(ConstVector x, Index row, int lane, bool valid) const {
    const Larger larger;
    float largest = -INFINITY;
    for (Index c = lane; c < x.size; c += group) largest = larger(largest, x.data[c]);
    largest = group_combine<group>(largest, larger);
    if (valid && lane == 0) out[row] = largest;
  }
};

template <int group, class Reduction>
__global__ void __launch_bounds__(sum_threads) reduce_rows_kernel(ConstMatrix x, Reduction reduction) {
  for_each_row<group>(x.rows, [&](Index row, int lane, bool valid) {
    const ConstVector values = valid ? x.row(row) : ConstVector{};
    reduction.template reduce<group>(values, row, lane, valid);
  });
}

template <class Reduction>
void reduce_rows(Stream& stream, const char* operation, ConstMatrix x, const Reduction& reduction) {
  with_group(x.columns, [&](auto group) {
    launch(stream, operation, row_shape(row_blocks(x.rows, group)), reduce_rows_kernel<group, Reduction>, x, reduction);
  });
}

struct Itself {
  __device__ double operator()(float x) const { return static_cast<double>(x); }
};
struct Magnitude {
  __device__ double operator()(float x) const { return fabs(static_cast<double>(x)); }
};
struct Square {
  __device__ double operator()(float x) const { return static_cast<double>(x) * static_cast<double>(x); }
};

/// Limited by memory. Four floats of a pack are added in double in order, then threads, warps and blocks in order.
template <bool packs, class Function>
__global__ void __launch_bounds__(sum_threads) sum_kernel(ConstVector x, SumTarget target) {
  constexpr Index width = packs ? 4 : 1;
  const Function function;
  const Index step = Index{gridDim.x} * sum_threads * width;
  double sum = 0.0;
  for (Index i = (Index{blockIdx.x} * sum_threads + threadIdx.x) * width; i < x.size; i += step) {
    if (i + width <= x.size) {
      for (const float value : load<width>(x.data + i).value) sum += function(value);
    } else {
      for (Index rest = i; rest < x.size; ++rest) sum += function(x.data[rest]);
    }
  }
  finish_sum(target, sum);
}

__global__ void square_root_kernel(double* value) {
  value[0] = sqrt(value[0]);
}

/// partial[block] = the largest magnitude of the block's share of x; 0 for none.
__global__ void __launch_bounds__(sum_threads) largest_magnitude_kernel(ConstVector x, double* partial) {
  const Larger larger;
  double largest = 0.0;
  const Index step = Index{gridDim.x} * sum_threads;
  for (Index i = Index{blockIdx.x} * sum_threads + threadIdx.x; i < x.size; i += step) {
    largest = larger(largest, fabs(static_cast<double>(x.data[i])));
  }
  largest = group_combine<sum_threads>(largest, larger);
  if (threadIdx.x == 0) partial[blockIdx.x] = largest;
}

__global__ void __launch_bounds__(sum_threads)
    largest_of_blocks_kernel(const double* partial, Index count, double* out) {
  const Larger larger;
  double largest = 0.0;
  for (Index i = threadIdx.x; i < count; i += sum_threads) largest = larger(largest, partial[i]);
  largest = group_combine<sum_threads>(largest, larger);
  if (threadIdx.x == 0) out[0] = largest;
}

/// out[0] = Σ function(x_i).
template <class Function>
void sum_of(Stream& stream, const char* operation, ConstVector x, VectorView<double> out) {
  const bool packs = allows_packs(x);
  const Index per_block = Index{sum_threads} * 4 * (packs ? 4 : 1);
  const Index blocks = std::clamp<Index>(ceil_divide(x.size, per_block), 1, grid_limit / 4);
  SumTarget target{out.data, 1.0, false, nullptr};
  prepare_sum(stream, target, blocks);
  launch(stream, operation, row_shape(blocks), packs ? sum_kernel<true, Function> : sum_kernel<false, Function>, x,
         target);
  add_partial_sums(stream, operation, target, blocks);
}

/// How a matrix is cut for the reductions over its rows.
struct ColumnShapes {
  Index parts;
  LaunchShape of_parts;
  LaunchShape of_columns;

  explicit ColumnShapes(ConstMatrix x) : parts(std::clamp<Index>(x.rows / rows_per_part, 1, most_parts)) {
    of_parts = {dim3(static_cast<unsigned>(ceil_divide(x.columns, moment_columns)), static_cast<unsigned>(parts)),
                dim3(moment_columns, moment_rows)};
    of_columns = {dim3(static_cast<unsigned>(ceil_divide(x.columns, 256))), dim3(256)};
  }
  std::size_t size(ConstMatrix x) const { return static_cast<std::size_t>(parts * x.columns); }
};

}  // namespace

void column_moments(Stream& stream, ConstMatrix x, Vector mean, Vector variance) {
  const char* const name = "column_moments";
  const ColumnShapes shapes(x);
  const std::size_t partial_size = shapes.size(x);
  auto* partial =
      static_cast<double*>(stream.scratch((partial_size + static_cast<std::size_t>(x.columns)) * sizeof(double)));
  double* exact = partial + partial_size;
  const auto divisor = static_cast<double>(x.rows);
  launch(stream, name, shapes.of_parts, column_parts_kernel, x, nullptr, partial);
  launch(stream, name, shapes.of_columns, column_sum_kernel, partial, shapes.parts, x.columns,
         ColumnTarget{divisor, exact, mean.data});
  if (variance.empty()) return;
  launch(stream, name, shapes.of_parts, column_parts_kernel, x, exact, partial);
  launch(stream, name, shapes.of_columns, column_sum_kernel, partial, shapes.parts, x.columns,
         ColumnTarget{divisor, nullptr, variance.data});
}

void column_sums(Stream& stream, ConstMatrix x, Vector out, bool add) {
  const ColumnShapes shapes(x);
  auto* partial = static_cast<double*>(stream.scratch(shapes.size(x) * sizeof(double)));
  launch(stream, "column_sums", shapes.of_parts, column_parts_kernel, x, nullptr, partial);
  launch(stream, "column_sums", shapes.of_columns, column_sum_kernel, partial, shapes.parts, x.columns,
         ColumnTarget{1.0, nullptr, out.data, add});
}

void column_maxima(Stream& stream, ConstMatrix x, Vector out) {
  const ColumnShapes shapes(x);
  auto* partial = static_cast<float*>(stream.scratch(shapes.size(x) * sizeof(float)));
  launch(stream, "column_maxima", shapes.of_parts, column_maxima_kernel, x, partial);
  launch(stream, "column_maxima", shapes.of_columns, combine_maxima_kernel, partial, shapes.parts, x.columns, out.data);
}

void row_moments(Stream& stream, ConstMatrix x, Vector mean, Vector variance) {
  reduce_rows(stream, "row_moments", x, RowMoments{mean.data, variance.empty() ? nullptr : variance.data});
}

void row_sums(Stream& stream, ConstMatrix x, Vector out) {
  reduce_rows(stream, "row_sums", x, RowSums{out.data});
}

void row_maxima(Stream& stream, ConstMatrix x, Vector out) {
  reduce_rows(stream, "row_maxima", x, RowMaxima{out.data});
}

void sum(Stream& stream, ConstVector x, VectorView<double> out) {
  sum_of<Itself>(stream, "sum", x, out);
}

void vector_norm(Stream& stream, Norm norm, ConstVector x, VectorView<double> out) {
  const char* const name = "vector_norm";
  if (norm == Norm::l1) return sum_of<Magnitude>(stream, name, x, out);
  if (norm == Norm::l2) {
    sum_of<Square>(stream, name, x, out);
    return launch(stream, name, {}, square_root_kernel, out.data);
  }
  const Index blocks = std::clamp<Index>(ceil_divide(x.size, Index{sum_threads} * 8), 1, grid_limit / 4);
  auto* partial = static_cast<double*>(stream.scratch(static_cast<std::size_t>(blocks) * sizeof(double)));
  launch(stream, name, row_shape(blocks), largest_magnitude_kernel, x, partial);
  launch(stream, name, row_shape(1), largest_of_blocks_kernel, partial, blocks, out.data);
}

}  // namespace mynah::kernels::cuda
