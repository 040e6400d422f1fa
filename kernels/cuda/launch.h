#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <utility>

#include "kernels/cuda/check.h"
#include "kernels/cuda/earlier_work.h"
#include "kernels/operation_count.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace mynah::kernels::cuda {

struct LaunchShape {
  dim3 grid{1, 1, 1};
  dim3 block{1, 1, 1};
  std::size_t shared_bytes = 0;  ///< Dynamic shared memory: kernels/cuda/shared_memory.h.
  unsigned cluster = 1;          ///< Neighbouring blocks along x that run together: kernels/cuda/cluster.h.
};

/// Throws for a launch that was refused, with its shape. With MYNAH_CUDA_BLOCKING=1 in the environment it also waits
/// for the kernel, so that an error shows at the operation that caused it (not while recording).
void check_launch(cudaError_t status, Stream& stream, const char* operation, const LaunchShape& shape);

/// Whether kernels that take EarlierWork are launched so that they may start early: on devices that can, unless
/// MYNAH_CUDA_EARLY_START=0 in the environment forbids it.
bool starts_early(const Stream& stream);

/// The end of launch(): `early` as EarlierWork allows it.
template <class... Parameters, class... Arguments>
void start_kernel(Stream& stream, const char* operation, const LaunchShape& shape, bool early,
                  void (*kernel)(Parameters...), Arguments&&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments), "the kernel takes another number of arguments");
  if (is_only_counted(operation)) return;
  const CurrentDevice current(stream.device().ordinal, operation);
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream.native());
  cudaLaunchAttribute attributes[2]{};
  config.attrs = attributes;
  if (early) {
    cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
  }
  if (shape.cluster > 1) {
    cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = shape.cluster;
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
  }
  check_launch(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), stream, operation, shape);
}

/// The one way a kernel is started: on the stream's device and in its order. `operation` is the name a reader of an
/// error knows, that of the contract. The arguments are converted to the kernel's parameter types; EarlierWork, which a
/// kernel takes first or not at all, is not among them.
template <class... Parameters, class... Arguments>
void launch(Stream& stream, const char* operation, const LaunchShape& shape, void (*kernel)(Parameters...),
            Arguments&&... arguments) {
  start_kernel(stream, operation, shape, false, kernel, std::forward<Arguments>(arguments)...);
}
template <class... Parameters, class... Arguments>
void launch(Stream& stream, const char* operation, const LaunchShape& shape, void (*kernel)(EarlierWork, Parameters...),
            Arguments&&... arguments) {
  start_kernel(stream, operation, shape, starts_early(stream), kernel, EarlierWork{},
               std::forward<Arguments>(arguments)...);
}

constexpr Index ceil_divide(Index value, Index divisor) {
  return (value + divisor - 1) / divisor;
}

/// Grids are for a whole GPU and no more: kernels walk over what is left with grid-stride loops. Twice the blocks of
/// 256 threads that the largest GPU of today holds at once. A constant and not the GPU's own number, so that sums have
/// the same order, and results the same bits, on every GPU.
constexpr Index grid_limit = 4096;

}  // namespace mynah::kernels::cuda
