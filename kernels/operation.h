#pragma once

#include <type_traits>

#include "kernels/error.h"
#include "kernels/stream.h"
#include "kernels/view.h"

/// What a contract header needs, and how an operation finds its twins.
///
/// An operation `f` is declared in `kernels/FAMILY.h` as `mynah::kernels::f`, checks its arguments in
/// `kernels/FAMILY.cpp` and calls the twin of the stream's backend: `eigen::f` (`kernels/eigen/FAMILY.cpp`) or
/// `cuda::f`
/// (`kernels/cuda/FAMILY.cu`), which has exactly the type of `f` for floats.
///
/// Where a derivative is involved, `f` is a template on the scalar: `f(stream, ...)` is for floats, on every device,
/// and `f<double>(stream, ...)` is for doubles, on the CPU only, where gradients are checked. Its parameters are the
/// non-deduced views of kernels/view.h.
///
///   kernels/FAMILY.h        template <class Scalar = float> void f(Stream&, ConstMatrixOf<Scalar> x, MatrixOf<Scalar>
///   y);
///                           MYNAH_CUDA_TWIN_OF_FLOATS(f)
///                           namespace eigen { template <class Scalar> void f(...); }
///   kernels/FAMILY.cpp      template <class Scalar> void f(...) { checks; MYNAH_CALL_TWIN(f, stream, x, y); }
///                           MYNAH_FOR_FLOAT_AND_DOUBLE(f)
///   kernels/eigen/FAMILY.cpp  the template, and MYNAH_FOR_FLOAT_AND_DOUBLE(f) or, with a float specialisation,
///                             MYNAH_FOR_DOUBLE(f)
///
/// An operation without derivatives (counters, labels) may be a plain function of float views: MYNAH_CUDA_TWIN(f), and
/// `if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(f, stream, x, y);`
// NOLINTBEGIN(bugprone-macro-parentheses): the name that is declared cannot stand in parentheses.
#define MYNAH_CUDA_TWIN(operation)               \
  namespace cuda {                               \
  decltype(mynah::kernels::operation) operation; \
  }
#define MYNAH_CUDA_TWIN_OF_FLOATS(operation)            \
  namespace cuda {                                      \
  decltype(mynah::kernels::operation<float>) operation; \
  }
/// Explicit instantiations of a function template.
#define MYNAH_FOR_DOUBLE(operation) template decltype(operation<double>) operation<double>;
#define MYNAH_FOR_FLOAT_AND_DOUBLE(operation)           \
  template decltype(operation<float>) operation<float>; \
  MYNAH_FOR_DOUBLE(operation)
// NOLINTEND(bugprone-macro-parentheses)

namespace mynah::kernels {

/// Thrown where an operation reaches a CUDA stream in a build without CUDA; cannot happen through Device.
[[noreturn]] void throw_no_cuda_backend(const char* operation);

/// Thrown where doubles reach a CUDA stream.
[[noreturn]] void throw_no_doubles_on_cuda(const char* operation);

[[noreturn]] void throw_arguments_do_not_fit(const char* operation, const char* expectation);

/// The checks in `kernels/FAMILY.cpp`: throws where shapes do not fit each other.
inline void require(bool holds, const char* operation, const char* expectation) {
  if (!holds) throw_arguments_do_not_fit(operation, expectation);
}

}  // namespace mynah::kernels

#if MYNAH_WITH_CUDA
#define MYNAH_ON_CUDA(operation, ...) cuda::operation(__VA_ARGS__)
#else
#define MYNAH_ON_CUDA(operation, ...) throw_no_cuda_backend(#operation)
#endif

/// The end of `template <class Scalar> void f(Stream& stream, ...)` in `kernels/FAMILY.cpp`.
#define MYNAH_CALL_TWIN(operation, ...)               \
  do {                                                \
    if (stream.backend() == Backend::cuda) {          \
      if constexpr (std::is_same_v<Scalar, float>)    \
        return MYNAH_ON_CUDA(operation, __VA_ARGS__); \
      else                                            \
        throw_no_doubles_on_cuda(#operation);         \
    }                                                 \
    return eigen::operation<Scalar>(__VA_ARGS__);     \
  } while (false)
