#pragma once

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "../cuda_runtime_api.h"

namespace cuda_on_cpu::detail {

/// A kernel together with copies of its arguments, as a launch or a graph node keeps it.
class KernelCall {
 public:
  virtual ~KernelCall() = default;
  virtual void run() const = 0;
};

template <class... Parameters>
class BoundKernel final : public KernelCall {
 public:
  template <class... Arguments>
  explicit BoundKernel(void (*kernel)(Parameters...), Arguments&&... arguments)
      : kernel_(kernel), arguments_(std::forward<Arguments>(arguments)...) {}
  void run() const override { std::apply(kernel_, arguments_); }

 private:
  void (*kernel_)(Parameters...);
  std::tuple<std::remove_cv_t<Parameters>...> arguments_;
};

cudaError_t launch(const void* function, const cudaLaunchConfig_t& config, std::shared_ptr<const KernelCall> call);

template <class... Parameters, std::size_t... I>
std::shared_ptr<const KernelCall> bind_addresses(void (*kernel)(Parameters...), void** arguments,
                                                 std::index_sequence<I...>) {
  return std::make_shared<BoundKernel<Parameters...>>(
      kernel, *static_cast<const std::remove_cv_t<Parameters>*>(arguments[I])...);
}

}  // namespace cuda_on_cpu::detail

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments), "the kernel takes another number of arguments");
  return cuda_on_cpu::detail::launch(
      reinterpret_cast<const void*>(kernel), *config,
      std::make_shared<cuda_on_cpu::detail::BoundKernel<Parameters...>>(
          kernel, static_cast<std::remove_cv_t<Parameters>>(std::forward<Arguments>(arguments))...));
}

/// Only the typed form exists: an untyped address does not say how large the arguments are.
template <class... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, void** arguments,
                             std::size_t dynamic_shared_bytes = 0, cudaStream_t stream = nullptr) {
  const cudaLaunchConfig_t config{grid, block, dynamic_shared_bytes, stream, nullptr, 0};
  return cuda_on_cpu::detail::launch(
      reinterpret_cast<const void*>(kernel), config,
      cuda_on_cpu::detail::bind_addresses(kernel, arguments, std::index_sequence_for<Parameters...>{}));
}

template <class... Parameters>
cudaError_t cudaLaunchCooperativeKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, void** arguments,
                                        std::size_t dynamic_shared_bytes = 0, cudaStream_t stream = nullptr) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  const cudaLaunchConfig_t config{grid, block, dynamic_shared_bytes, stream, &attribute, 1};
  return cuda_on_cpu::detail::launch(
      reinterpret_cast<const void*>(kernel), config,
      cuda_on_cpu::detail::bind_addresses(kernel, arguments, std::index_sequence_for<Parameters...>{}));
}

template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute attribute, int value) {
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), attribute, value);
}

template <class... Parameters>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, void (*kernel)(Parameters...)) {
  return cudaFuncGetAttributes(attributes, reinterpret_cast<const void*>(kernel));
}

template <class... Parameters>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void (*kernel)(Parameters...), int block_size,
                                                          std::size_t dynamic_shared_bytes) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, reinterpret_cast<const void*>(kernel), block_size,
                                                       dynamic_shared_bytes);
}

template <class... Parameters>
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, void (*kernel)(Parameters...),
                                           const cudaLaunchConfig_t* config) {
  return cudaOccupancyMaxActiveClusters(clusters, reinterpret_cast<const void*>(kernel), config);
}

template <class T>
cudaError_t cudaMalloc(T** pointer, std::size_t bytes, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return cudaMalloc(reinterpret_cast<void**>(pointer), bytes, site);
}

template <class T>
cudaError_t cudaMallocAsync(T** pointer, std::size_t bytes, cudaStream_t stream,
                            cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return cudaMallocAsync(reinterpret_cast<void**>(pointer), bytes, stream, site);
}

template <class T>
cudaError_t cudaMallocHost(T** pointer, std::size_t bytes, unsigned int flags = cudaHostAllocDefault,
                           cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return cudaMallocHost(reinterpret_cast<void**>(pointer), bytes, flags, site);
}

template <class T>
cudaError_t cudaHostAlloc(T** pointer, std::size_t bytes, unsigned int flags,
                          cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return cudaHostAlloc(reinterpret_cast<void**>(pointer), bytes, flags, site);
}

// __device__ and __constant__ variables are ordinary variables here.
template <class T>
cudaError_t cudaMemcpyToSymbol(T& symbol, const void* from, std::size_t bytes, std::size_t offset = 0,
                               cudaMemcpyKind = cudaMemcpyHostToDevice) {
  if (offset + bytes > sizeof(T)) return cudaErrorInvalidValue;
  return cudaMemcpy(reinterpret_cast<char*>(&symbol) + offset, from, bytes, cudaMemcpyDefault);
}

template <class T>
cudaError_t cudaMemcpyFromSymbol(void* to, const T& symbol, std::size_t bytes, std::size_t offset = 0,
                                 cudaMemcpyKind = cudaMemcpyDeviceToHost) {
  if (offset + bytes > sizeof(T)) return cudaErrorInvalidValue;
  return cudaMemcpy(to, reinterpret_cast<const char*>(&symbol) + offset, bytes, cudaMemcpyDefault);
}
