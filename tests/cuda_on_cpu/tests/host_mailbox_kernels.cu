// Kernels that stay and wait for what the host writes.

#include <cuda_runtime.h>

#include "kernels.h"
#include "kernels/cuda/host_mailbox.h"

namespace waiting {
namespace {

using mynah::kernels::cuda::await_host;
using mynah::kernels::cuda::load_from_host;
using mynah::kernels::cuda::release_to_host;
using mynah::kernels::cuda::store_to_host;

/// words[0]: the host's count of requests, 0xffff to stop; words[1]: the kernel's count of answers; words[2 + i]: what
/// thread i answers, the sum of all requests seen so far, kept in shared memory between them.
__global__ void counting_kernel(std::uint64_t* words) {
  __shared__ std::uint64_t sums[64];
  __shared__ std::uint64_t request;
  const int me = static_cast<int>(threadIdx.x);
  sums[me] = 1000u * static_cast<unsigned>(me);
  std::uint64_t seen = 0;
  for (;;) {
    __syncthreads();
    if (me == 0) {
      std::uint64_t word = load_from_host(words);
      for (int looks = 0; word == seen; ++looks) {
        await_host(looks);
        word = load_from_host(words);
      }
      request = word;
    }
    __syncthreads();
    if (request == 0xffff) return;
    seen = request;
    sums[me] += seen;
    store_to_host(words + 2 + me, sums[me]);
    __syncthreads();
    if (me == 0) release_to_host(words + 1, seen);
  }
}

/// Every second thread waits for its own word of `words`; all write it to y and return, the others at once.
__global__ void separate_kernel(const std::uint64_t* words, float* y) {
  const int me = static_cast<int>(threadIdx.x);
  if (me % 2 == 0) {
    for (int looks = 0; load_from_host(words + me) == 0; ++looks) await_host(looks);
  }
  y[me] = static_cast<float>(load_from_host(words + me));
}

template <class... Parameters, class... Arguments>
cudaError_t start(cudaStream_t stream, int threads, void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(1);
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

}  // namespace

cudaError_t counting(cudaStream_t stream, std::uint64_t* words) {
  return start(stream, 64, counting_kernel, words);
}

cudaError_t separate(cudaStream_t stream, const std::uint64_t* words, float* y) {
  return start(stream, 40, separate_kernel, words, y);
}

}  // namespace waiting
