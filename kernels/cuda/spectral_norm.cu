#include "kernels/spectral_norm.h"

#include "kernels/cuda/channel_sums.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/partial_sums.h"

namespace mynah::kernels::cuda {
namespace {

// Power iteration of a small matrix is one block, which is latency and one SM's share of L2; a large one is spread over
// the GPU, four launches an iteration. The other operations are limited by memory: a first kernel leaves the sums of
// each block, and every block of a second one adds these up again, in order, before it writes its elements.

constexpr int iteration_threads = 512;
constexpr int iteration_warps = iteration_threads / 32;
constexpr Index largest_of_one_block = 1 << 17;  // elements: 512 KB, a few microseconds an iteration

/// Σ_j w_ij v_j, in every lane of the warp that calls it.
__device__ __forceinline__ float row_product(const ConstMatrix& w, Index row, const float* v) {
  float sum = 0.0f;
  const float* values = w.data + row * w.stride;
  for (Index j = static_cast<Index>(threadIdx.x) % 32; j < w.columns; j += 32) sum += values[j] * v[j];
  return warp_sum(sum);
}

/// a / max(|a|, least_norm), by one block; NaN stays NaN.
template <int threads>
__device__ __forceinline__ void normalize(float* a, Index size) {
  float squares = 0.0f;
  for (Index i = threadIdx.x; i < size; i += threads) squares += a[i] * a[i];
  const float norm = sqrtf(block_sum<threads>(squares));
  const float divisor = norm < least_norm ? least_norm : norm;
  for (Index i = threadIdx.x; i < size; i += threads) a[i] /= divisor;
  __syncthreads();
}

/// One iteration, by one block. The transposed product takes 32 columns at a time, each warp a share of the rows.
__device__ __forceinline__ void iterate(const ConstMatrix& w, float* u, float* v) {
  __shared__ float of_warp[iteration_warps][32];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  for (Index row = warp; row < w.rows; row += iteration_warps) {
    const float sum = row_product(w, row, v);
    if (lane == 0) u[row] = sum;
  }
  __syncthreads();
  normalize<iteration_threads>(u, w.rows);
  for (Index first = 0; first < w.columns; first += 32) {
    const Index column = first + lane;
    float sum = 0.0f;
    if (column < w.columns) {
      for (Index row = warp; row < w.rows; row += iteration_warps) sum += w.data[row * w.stride + column] * u[row];
    }
    of_warp[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && column < w.columns) {
      for (int i = 1; i < iteration_warps; ++i) sum += of_warp[i][lane];
      v[column] = sum;
    }
    __syncthreads();
  }
  normalize<iteration_threads>(v, w.columns);
}

/// kept = state, then the iterations of a new state, then `iterations`. Where is_stored, the state follows.
__global__ void __launch_bounds__(iteration_threads)
    power_iteration_kernel(ConstMatrix w, int iterations, Vector u, Vector v, float* kept_u, float* kept_v,
                           bool is_stored) {
  float squares = 0.0f;
  for (Index i = threadIdx.x; i < u.size; i += iteration_threads) {
    kept_u[i] = u.data[i];
    squares += u.data[i] * u.data[i];
  }
  for (Index i = threadIdx.x; i < v.size; i += iteration_threads) kept_v[i] = v.data[i];
  const bool is_new = block_sum<iteration_threads>(squares) == 0.0f;  // which is a barrier as well
  const int count = iterations + (is_new ? first_power_iterations : 0);
  for (int i = 0; i < count; ++i) iterate(w, kept_u, kept_v);
  if (!is_stored) return;
  for (Index i = threadIdx.x; i < u.size; i += iteration_threads) u.data[i] = kept_u[i];
  for (Index i = threadIdx.x; i < v.size; i += iteration_threads) v.data[i] = kept_v[i];
}

__global__ void __launch_bounds__(sum_threads) row_products_kernel(ConstMatrix w, const float* v, float* out) {
  const Index first = (Index{blockIdx.x} * sum_threads + threadIdx.x) / 32;
  for (Index row = first; row < w.rows; row += Index{gridDim.x} * (sum_threads / 32)) {
    const float sum = row_product(w, row, v);
    if (threadIdx.x % 32 == 0) out[row] = sum;
  }
}

/// Normalises a; copy, where it is not null, gets the same values.
__global__ void __launch_bounds__(iteration_threads) normalize_kernel(float* a, Index size, float* copy) {
  normalize<iteration_threads>(a, size);
  if (copy == nullptr) return;
  for (Index i = threadIdx.x; i < size; i += iteration_threads) copy[i] = a[i];
}

struct ColumnTerms {
  ConstMatrix w;
  const float* u;
  __device__ void operator()(Index row, Index column, Index, double* sums) const {
    sums[0] += static_cast<double>(w.data[row * w.stride + column] * u[row]);
  }
};

struct FinishColumns {
  float* v;
  __device__ void operator()(Index column, const double* sums) const { v[column] = static_cast<float>(sums[0]); }
};

// --- Sums over a matrix, then a result for each element.

constexpr int rows_of_block = sum_threads / 32;
constexpr Index most_blocks = sum_threads;  // so that a block adds up the sums of all blocks with one value a thread

/// at(row, column), a warp a row.
template <class At>
__device__ __forceinline__ void walk(Index rows, Index columns, const At& at) {
  const Index lane = threadIdx.x % 32;
  for (Index row = Index{blockIdx.x} * rows_of_block + threadIdx.x / 32; row < rows;
       row += Index{gridDim.x} * rows_of_block) {
    for (Index column = lane; column < columns; column += 32) at(row, column);
  }
}

template <class Operation>
__global__ void __launch_bounds__(sum_threads)
    matrix_sums_kernel(Operation operation, Index rows, Index columns, double* partial) {
  double sums[Operation::sums] = {};
  walk(rows, columns, [&](Index row, Index column) { operation.add_terms(row, column, sums); });
  for (int k = 0; k < Operation::sums; ++k) {
    const double total = block_sum<sum_threads>(sums[k]);
    if (threadIdx.x == 0) partial[Index{blockIdx.x} * Operation::sums + k] = total;
  }
}

template <class Operation>
__global__ void __launch_bounds__(sum_threads)
    matrix_elements_kernel(Operation operation, Index rows, Index columns, const double* partial) {
  double totals[Operation::sums];
  for (int k = 0; k < Operation::sums; ++k) {
    const bool is_there = threadIdx.x < gridDim.x;
    totals[k] = block_sum<sum_threads>(is_there ? partial[Index{threadIdx.x} * Operation::sums + k] : 0.0);
  }
  const auto factors = operation.factors(totals);
  walk(rows, columns, [&](Index row, Index column) { operation.write(row, column, factors); });
  if (blockIdx.x == 0 && threadIdx.x == 0) operation.finish(totals);
}

template <class Operation>
void run(Stream& stream, const char* name, Index rows, Index columns, const Operation& operation) {
  const Index blocks = std::clamp<Index>(ceil_divide(rows, rows_of_block), 1, most_blocks);
  const LaunchShape shape{dim3(static_cast<unsigned>(blocks)), dim3(sum_threads)};
  auto* partial =
      static_cast<double*>(stream.scratch(static_cast<std::size_t>(blocks * Operation::sums) * sizeof(double)));
  launch(stream, name, shape, matrix_sums_kernel<Operation>, operation, rows, columns, partial);
  launch(stream, name, shape, matrix_elements_kernel<Operation>, operation, rows, columns, partial);
}

template <class T>
__device__ __forceinline__ T& element(const MatrixView<T>& matrix, Index row, Index column) {
  return matrix.data[row * matrix.stride + column];
}

__device__ __forceinline__ double product(float a, float b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

struct Forward {
  static constexpr int sums = 1;
  ConstMatrix w;
  const float *u, *v;
  float* sigma;
  Matrix normalized;
  __device__ void add_terms(Index row, Index column, double* terms) const {
    terms[0] += product(element(w, row, column) * u[row], v[column]);
  }
  __device__ float factors(const double* totals) const { return static_cast<float>(totals[0]); }
  __device__ void write(Index row, Index column, float divisor) const {
    element(normalized, row, column) = element(w, row, column) / divisor;
  }
  __device__ void finish(const double* totals) const { sigma[0] = static_cast<float>(totals[0]); }
};

struct Backward {
  static constexpr int sums = 1;
  SpectralNormInput<float> input;
  ConstMatrix gradient;
  Matrix dw;
  struct Factors {
    float share, c;
  };
  __device__ void add_terms(Index row, Index column, double* terms) const {
    terms[0] += product(element(gradient, row, column), element(input.normalized, row, column));
  }
  __device__ Factors factors(const double* totals) const {
    const float share = 1.0f / input.sigma.data[0];
    return {share, -share * static_cast<float>(totals[0])};
  }
  __device__ void write(Index row, Index column, Factors factors) const {
    element(dw, row, column) +=
        factors.share * element(gradient, row, column) + factors.c * input.u.data[row] * input.v.data[column];
  }
  __device__ void finish(const double*) const {}
};

struct Tangent {
  static constexpr int sums = 1;
  SpectralNormInput<float> input;
  ConstMatrix w_tangent;
  float* sigma_tangent;
  Matrix normalized_tangent;
  __device__ void add_terms(Index row, Index column, double* terms) const {
    terms[0] += product(element(w_tangent, row, column) * input.u.data[row], input.v.data[column]);
  }
  __device__ float factors(const double* totals) const { return static_cast<float>(totals[0]); }
  __device__ void write(Index row, Index column, float s) const {
    element(normalized_tangent, row, column) =
        (element(w_tangent, row, column) - s * element(input.normalized, row, column)) / input.sigma.data[0];
  }
  __device__ void finish(const double* totals) const { sigma_tangent[0] = static_cast<float>(totals[0]); }
};

struct TangentBackward {
  static constexpr int sums = 3;
  SpectralNormInput<float> input;
  SpectralNormTangents<float> tangents;
  Matrix dw;
  struct Factors {
    float of_gradient, of_tangent, c;
  };
  __device__ void add_terms(Index row, Index column, double* terms) const {
    const float normalized = element(input.normalized, row, column);
    const float u = element(tangents.tangent_gradient, row, column);
    terms[0] += product(element(tangents.gradient, row, column), normalized);
    terms[1] += product(u, normalized);
    terms[2] += product(u, element(tangents.w_tangent, row, column));
  }
  __device__ Factors factors(const double* totals) const {
    const double share = 1.0 / static_cast<double>(input.sigma.data[0]);
    const auto s = static_cast<double>(tangents.sigma_tangent.data[0]);
    const double c = -share * totals[0] + share * share * (2.0 * s * totals[1] - totals[2]);
    return {static_cast<float>(share), static_cast<float>(-share * share * s), static_cast<float>(c)};
  }
  __device__ void write(Index row, Index column, Factors factors) const {
    element(dw, row, column) += factors.of_gradient * element(tangents.gradient, row, column) +
                                factors.of_tangent * element(tangents.tangent_gradient, row, column) +
                                factors.c * input.u.data[row] * input.v.data[column];
  }
  __device__ void finish(const double*) const {}
};

}  // namespace

void spectral_norm_power_iteration(Stream& stream, ConstMatrix w, int iterations, Vector u, Vector v, Vector kept_u,
                                   Vector kept_v) {
  const char* const name = "spectral_norm_power_iteration";
  const bool is_small = w.rows * w.columns <= largest_of_one_block;
  const LaunchShape one_block{dim3(1), dim3(iteration_threads)};
  // A large matrix as well begins here: a state that is new shows on the device only.
  launch(stream, name, one_block, power_iteration_kernel, w, is_small ? iterations : 0, u, v, kept_u.data, kept_v.data,
         is_small && iterations > 0);
  if (is_small) return;
  const ChannelExtent extent{w.rows, w.columns, 1};
  auto* partial = static_cast<double*>(stream.scratch(extent.partial_size(1) * sizeof(double)));
  LaunchShape rows_shape{dim3(1), dim3(sum_threads)};
  rows_shape.grid.x = static_cast<unsigned>(std::min(ceil_divide(w.rows, rows_of_block), grid_limit));
  for (int i = 0; i < iterations; ++i) {
    const bool is_last = i + 1 == iterations;
    launch(stream, name, rows_shape, row_products_kernel, w, kept_v.data, kept_u.data);
    launch(stream, name, one_block, normalize_kernel, kept_u.data, w.rows, is_last ? u.data : nullptr);
    channel_sums<1>(stream, name, extent, ColumnTerms{w, kept_u.data}, FinishColumns{kept_v.data}, partial);
    launch(stream, name, one_block, normalize_kernel, kept_v.data, w.columns, is_last ? v.data : nullptr);
  }
}

void spectral_norm_forward(Stream& stream, ConstMatrix w, ConstVector u, ConstVector v, Vector sigma,
                           Matrix normalized) {
  run(stream, "spectral_norm_forward", w.rows, w.columns, Forward{w, u.data, v.data, sigma.data, normalized});
}

void spectral_norm_backward(Stream& stream, const SpectralNormInput<float>& input, ConstMatrix gradient, Matrix dw) {
  run(stream, "spectral_norm_backward", dw.rows, dw.columns, Backward{input, gradient, dw});
}

void spectral_norm_tangent(Stream& stream, const SpectralNormInput<float>& input, ConstMatrix w_tangent,
                           Vector sigma_tangent, Matrix normalized_tangent) {
  run(stream, "spectral_norm_tangent", w_tangent.rows, w_tangent.columns,
      Tangent{input, w_tangent, sigma_tangent.data, normalized_tangent});
}

void spectral_norm_tangent_backward(Stream& stream, const SpectralNormInput<float>& input,
                                    const SpectralNormTangents<float>& tangents, Matrix dw) {
  run(stream, "spectral_norm_tangent_backward", dw.rows, dw.columns, TangentBackward{input, tangents, dw});
}

}  // namespace mynah::kernels::cuda
