#include <cuda_runtime.h>

#include "kernels.h"
#include "kernels/cuda/mma.h"
#include "kernels/cuda/shared_memory.h"

namespace correct {
namespace {

template <class... Parameters, class... Arguments>
cudaError_t start(cudaStream_t stream, dim3 grid, dim3 block, size_t shared, void (*kernel)(Parameters...),
                  Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

template <int Tile, int Depth, int PerThread>
__global__ void __launch_bounds__(256)
    linear_kernel(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ b,
                  float* __restrict__ y, int rows, int outputs, int inputs) {
  __shared__ __align__(16) float x_tile[Depth][Tile];
  __shared__ __align__(16) float w_tile[Depth][Tile];
  constexpr int side = Tile / PerThread;
  const int column = static_cast<int>(threadIdx.x) % side;
  const int row = static_cast<int>(threadIdx.x) / side;
  const int first_row = static_cast<int>(blockIdx.y) * Tile;
  const int first_output = static_cast<int>(blockIdx.x) * Tile;
  float sums[PerThread][PerThread] = {};
  for (int k0 = 0; k0 < inputs; k0 += Depth) {
    for (int i = static_cast<int>(threadIdx.x); i < Tile * Depth; i += static_cast<int>(blockDim.x)) {
      const int m = i / Depth;
      const int k = i % Depth;
      x_tile[k][m] = first_row + m < rows && k0 + k < inputs ? __ldg(&x[(first_row + m) * inputs + k0 + k]) : 0.0f;
      w_tile[k][m] = first_output + m < outputs && k0 + k < inputs ? w[(first_output + m) * inputs + k0 + k] : 0.0f;
    }
    __syncthreads();
    for (int k = 0; k < Depth; ++k) {
      const float4 xs = *reinterpret_cast<const float4*>(&x_tile[k][row * PerThread]);
      const float4 ws = *reinterpret_cast<const float4*>(&w_tile[k][column * PerThread]);
      const float xv[4] = {xs.x, xs.y, xs.z, xs.w};
      const float wv[4] = {ws.x, ws.y, ws.z, ws.w};
#pragma unroll
      for (int i = 0; i < PerThread; ++i)
#pragma unroll
        for (int j = 0; j < PerThread; ++j) sums[i][j] += xv[i] * wv[j];
    }
    __syncthreads();
  }
  for (int i = 0; i < PerThread; ++i)
    for (int j = 0; j < PerThread; ++j) {
      const int m = first_row + row * PerThread + i;
      const int n = first_output + column * PerThread + j;
      if (m < rows && n < outputs) y[m * outputs + n] = max(sums[i][j] + b[n], 0.0f);
    }
}

__device__ float warp_sum(float value) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}

__global__ void sum_kernel(const float* x, int count, float* total) {
  __shared__ float of_warp[32];
  float value = 0.0f;
  for (unsigned i = threadIdx.x; i < static_cast<unsigned>(count); i += blockDim.x) value += x[i];
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x < 32) {
    value = warp_sum(threadIdx.x < blockDim.x / 32 ? of_warp[threadIdx.x] : 0.0f);
    if (threadIdx.x == 0) *total = value;
  }
}

__global__ void reverse_kernel(const float* x, float* y, int count) {
  float* shared = mynah::kernels::cuda::dynamic_shared<float>();
  const int i = static_cast<int>(threadIdx.x);
  if (i < count) shared[i] = x[i];
  __syncthreads();
  if (i < count) y[i] = shared[count - 1 - i];
}

__global__ void add_kernel(float* y, int count, float amount) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) y[i] += amount;
}

__global__ void count_kernel(const float* x, int* counts, int count) {
  const int i = static_cast<int>(threadIdx.x);
  const bool positive = i < count && x[i] > 0.0f;
  const int how_many = __syncthreads_count(positive);
  const int all = __syncthreads_and(positive || i >= count);
  const int any = __syncthreads_or(positive);
  if (positive) atomicAdd(&counts[3], 1);
  if (i == 0) {
    counts[0] = how_many;
    counts[1] = all;
    counts[2] = any;
  }
}

__global__ void warp_kernel(unsigned* out) {
  const unsigned lane = threadIdx.x;
  const unsigned all = 0xffffffffu;
  out[lane] = __shfl_sync(all, lane * 3, 5);
  out[32 + lane] = __shfl_up_sync(all, lane, 2);
  out[64 + lane] = __shfl_down_sync(all, lane, 3, 8);
  out[96 + lane] = __shfl_xor_sync(all, lane, 1);
  out[128 + lane] = __ballot_sync(all, lane % 3 == 0);
  out[160 + lane] = static_cast<unsigned>(__any_sync(all, lane == 31));
  out[192 + lane] = static_cast<unsigned>(__all_sync(all, lane < 31));
  out[224 + lane] = __match_any_sync(all, lane / 16);
  out[256 + lane] = __reduce_add_sync(all, lane);
  out[288 + lane] = __reduce_max_sync(all, lane);
  // Two halves at once, each with its own mask, and then all together.
  const unsigned half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  out[320 + lane] = __reduce_add_sync(half, lane);
  __syncwarp();
  out[352 + lane] = static_cast<unsigned>(__shfl_sync(all, static_cast<double>(lane) + 0.5, 9));
}

__global__ void load_blocks_kernel(const unsigned* rows, unsigned* out) {
  __shared__ __align__(16) unsigned shared[32][4];
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 4; ++i) shared[lane][i] = rows[4 * lane + i];
  __syncwarp();
  std::uint32_t word[4];
  mynah::kernels::cuda::load_blocks(word, shared[31 - lane]);
  for (int block = 0; block < 4; ++block) out[4 * lane + block] = word[block];
}

__global__ void intrinsics_kernel(float* out) {
  out[0] = rsqrtf(4.0f);
  out[1] = __expf(0.0f);
  out[2] = __fmaf_rn(2.0f, 3.0f, 1.0f);
  out[3] = static_cast<float>(__umulhi(0x80000000u, 6u));
  out[4] = static_cast<float>(__popc(0xf0f0u));
  out[5] = static_cast<float>(__clz(1));
  out[6] = static_cast<float>(__ffs(8));
  out[7] = __int_as_float(__float_as_int(1.25f));
  out[8] = static_cast<float>(__float2int_rn(2.5f));
  out[9] = static_cast<float>(__float2int_rz(-2.75f));
  out[10] = max(1.0f, min(3.0f, 2.0f));
  out[11] = fminf(1.0f, 2.0f);
  out[12] = __fdividef(1.0f, 4.0f);
  out[13] = __saturatef(1.5f);
  out[14] = static_cast<float>(__brev(1u) >> 31);
  const float4 four = make_float4(1.0f, 2.0f, 3.0f, 4.0f);
  out[15] = four.x + four.y + four.z + four.w;
}

__global__ void coordinates_kernel(int* out) {
  const unsigned x = blockIdx.x * blockDim.x + threadIdx.x;
  const unsigned y = blockIdx.y * blockDim.y + threadIdx.y;
  const unsigned z = blockIdx.z * blockDim.z + threadIdx.z;
  const unsigned width = gridDim.x * blockDim.x;
  const unsigned height = gridDim.y * blockDim.y;
  out[(z * height + y) * width + x] = static_cast<int>(x + 10 * y + 100 * z);
}

using mynah::kernels::Precision;

template <Precision precision>
__device__ std::uint32_t word_of(const float* factors, int word, int stride) {
  if constexpr (precision == Precision::tf32) {
    return mynah::kernels::cuda::tf32_word(factors[word * stride]);
  } else {
    return mynah::kernels::cuda::bfloat16_word(factors[2 * word * stride], factors[(2 * word + 1) * stride]);
  }
}

template <Precision precision>
__global__ void multiply_kernel(const float* a, const float* b, const float* c, float* d) {
  namespace cuda = mynah::kernels::cuda;
  constexpr int k = cuda::mma_words * cuda::factors_per_word(precision);
  const cuda::MmaLane lane;
  const int g = lane.group, t = lane.member;
  const cuda::FragmentA left{{word_of<precision>(a + g * k, t, 1), word_of<precision>(a + (g + 8) * k, t, 1),
                              word_of<precision>(a + g * k, t + 4, 1), word_of<precision>(a + (g + 8) * k, t + 4, 1)}};
  const cuda::FragmentB right{{word_of<precision>(b + g, t, 8), word_of<precision>(b + g, t + 4, 8)}};
  const int first = g * 8 + 2 * t, second = (g + 8) * 8 + 2 * t;
  cuda::FragmentC sums{{c[first], c[first + 1], c[second], c[second + 1]}};
  cuda::multiply_add<precision>(sums, left, right);
  d[first] = sums.value[0];
  d[first + 1] = sums.value[1];
  d[second] = sums.value[2];
  d[second + 1] = sums.value[3];
}

unsigned ceiling(int count, int unit) {
  return static_cast<unsigned>((count + unit - 1) / unit);
}

}  // namespace

cudaError_t linear(cudaStream_t stream, const float* x, const float* w, const float* b, float* y, int rows, int outputs,
                   int inputs) {
  return start(stream, dim3(ceiling(outputs, 64), ceiling(rows, 64)), 256, 0, &linear_kernel<64, 16, 4>, x, w, b, y,
               rows, outputs, inputs);
}

cudaError_t sum(cudaStream_t stream, const float* x, int count, float* total, int threads) {
  return start(stream, 1, static_cast<unsigned>(threads), 0, &sum_kernel, x, count, total);
}

cudaError_t reverse(cudaStream_t stream, const float* x, float* y, int count) {
  const size_t shared = static_cast<size_t>(count) * sizeof(float);
  return start(stream, 1, ceiling(count, 32) * 32, shared, &reverse_kernel, x, y, count);
}

cudaError_t add(cudaStream_t stream, float* y, int count, float amount) {
  return start(stream, ceiling(count, 128), 128, 0, &add_kernel, y, count, amount);
}

cudaError_t count_positive(cudaStream_t stream, const float* x, int* counts, int count) {
  return start(stream, 1, ceiling(count, 32) * 32, 0, &count_kernel, x, counts, count);
}

cudaError_t warp_operations(cudaStream_t stream, unsigned* out) {
  return start(stream, 1, 32, 0, &warp_kernel, out);
}
cudaError_t intrinsics(cudaStream_t stream, float* out) {
  return start(stream, 1, 1, 0, &intrinsics_kernel, out);
}

cudaError_t coordinates(cudaStream_t stream, int* out, dim3 grid, dim3 block) {
  return start(stream, grid, block, 0, &coordinates_kernel, out);
}

cudaError_t multiply_tf32(cudaStream_t stream, const float* a, const float* b, const float* c, float* d) {
  return start(stream, 1, 32, 0, &multiply_kernel<Precision::tf32>, a, b, c, d);
}
cudaError_t multiply_bfloat16(cudaStream_t stream, const float* a, const float* b, const float* c, float* d) {
  return start(stream, 1, 32, 0, &multiply_kernel<Precision::bfloat16>, a, b, c, d);
}
cudaError_t load_blocks(cudaStream_t stream, const unsigned* rows, unsigned* out) {
  return start(stream, 1, 32, 0, &load_blocks_kernel, rows, out);
}

const void* reverse_kernel_address() {
  return reinterpret_cast<const void*>(&reverse_kernel);
}

}  // namespace correct
