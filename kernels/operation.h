#pragma once

#include "kernels/error.h"
#include "kernels/stream.h"
#include "kernels/view.h"

/// What a contract header needs, and how an operation finds its twins.
///
/// An operation `f` is declared in `kernels/FAMILY.h` as `mynah::kernels::f`, a function of float views that checks its
/// arguments and calls the twin of the stream's backend (defined in `kernels/FAMILY.cpp`). The twins are
/// `eigen::f<Scalar>` (`kernels/eigen/FAMILY.cpp`, instantiated for float, and for double where gradients are checked)
/// and `cuda::f` (`kernels/cuda/FAMILY.cu`), which has exactly the type of `f`: MYNAH_CUDA_TWIN(f) declares it.
// NOLINTBEGIN(bugprone-macro-parentheses): the name that is declared cannot stand in parentheses.
#define MYNAH_CUDA_TWIN(operation)               \
  namespace cuda {                               \
  decltype(mynah::kernels::operation) operation; \
  }
// NOLINTEND(bugprone-macro-parentheses)

namespace mynah::kernels {

/// Thrown where an operation reaches a CUDA stream in a build without CUDA; cannot happen through Device.
[[noreturn]] inline void throw_no_cuda_backend(const char* operation) {
  throw Error(Error::Cause::internal, operation, "this build of mynah has no CUDA backend",
              "build with the CUDA toolkit, or use the CPU device");
}

/// Thrown by the checks in `kernels/FAMILY.cpp`: shapes do not fit each other.
inline void require(bool holds, const char* operation, const char* expectation) {
  if (!holds) {
    throw Error(Error::Cause::internal, operation, std::string("arguments do not fit: expected ") + expectation);
  }
}

}  // namespace mynah::kernels

/// In `kernels/FAMILY.cpp`: `if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(f, stream, x, y);`
#if MYNAH_WITH_CUDA
#define MYNAH_ON_CUDA(operation, ...) cuda::operation(__VA_ARGS__)
#else
#define MYNAH_ON_CUDA(operation, ...) throw_no_cuda_backend(#operation)
#endif
