#include "kernels/operation.h"

#include <string>

#include "kernels/error.h"

namespace mynah::kernels {

void throw_no_cuda_backend(const char* operation) {
  throw Error(Error::Cause::internal, operation, "this build of mynah has no CUDA backend",
              "build with the CUDA toolkit, or use the CPU device");
}

void throw_no_doubles_on_cuda(const char* operation) {
  throw Error(Error::Cause::internal, operation, "doubles are for checking gradients on the CPU");
}

void throw_arguments_do_not_fit(const char* operation, const char* expectation) {
  throw Error(Error::Cause::internal, operation, std::string("arguments do not fit: expected ") + expectation);
}

}  // namespace mynah::kernels
