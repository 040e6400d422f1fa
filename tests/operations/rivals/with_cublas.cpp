#include <cublas_v2.h>

#include <memory>

#include "kernels/error.h"
#include "tests/operations/rivals/rivals.h"
#include "tests/operations/rivals/workspace.h"

namespace mynah::tests::cublas {
namespace {

using kernels::Precision;

void check(cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS) throw Error(Error::Cause::device, "cuBLAS", cublasGetStatusString(status));
}

class Handle {
 public:
  explicit Handle(Stream& stream) : workspace_(stream.device(), std::size_t{32} << 20) {
    check(cublasCreate(&handle_));
    check(cublasSetStream(handle_, static_cast<cudaStream_t>(stream.native())));
    check(cublasSetWorkspace(handle_, workspace_.data(), workspace_.bytes()));
  }
  ~Handle() { cublasDestroy(handle_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  cublasHandle_t get() const { return handle_; }

 private:
  Workspace workspace_;
  cublasHandle_t handle_ = nullptr;
};

cublasComputeType_t compute_type(Precision precision) {
  return precision == Precision::float32 ? CUBLAS_COMPUTE_32F
         : precision == Precision::tf32  ? CUBLAS_COMPUTE_32F_FAST_TF32
                                         : CUBLAS_COMPUTE_32F_FAST_16BF;
}

struct Operand {
  ConstMatrix matrix;
  cublasOperation_t transposed = CUBLAS_OP_N;
};

/// c [n, m] = op(a) op(b) + beta c in cuBLAS's order of columns: a row-major matrix is its transpose there. depth: what
/// is summed over.
void multiply(const Handle& handle, Index depth, const Operand& a, const Operand& b, float beta, Matrix c,
              Precision precision) {
  const float one = 1.0f;
  check(cublasGemmEx(handle.get(), a.transposed, b.transposed, static_cast<int>(c.columns), static_cast<int>(c.rows),
                     static_cast<int>(depth), &one, a.matrix.data, CUDA_R_32F, static_cast<int>(a.matrix.stride),
                     b.matrix.data, CUDA_R_32F, static_cast<int>(b.matrix.stride), &beta, c.data, CUDA_R_32F,
                     static_cast<int>(c.stride), compute_type(precision), CUBLAS_GEMM_DEFAULT));
}

bool is_empty(ConstMatrix x, ConstMatrix w) {
  return x.rows == 0 || x.columns == 0 || w.rows == 0;
}

}  // namespace

std::string version() {
  const auto part = [](libraryPropertyType which) {
    int value = 0;
    check(cublasGetProperty(which, &value));
    return std::to_string(value);
  };
  return part(MAJOR_VERSION) + "." + part(MINOR_VERSION) + "." + part(PATCH_LEVEL);
}

RivalCall linear_forward(Stream& stream, ConstMatrix x, ConstMatrix w, Matrix y, Precision precision) {
  if (is_empty(x, w)) return {};
  return [=, handle = std::make_shared<Handle>(stream)] {
    multiply(*handle, x.columns, {w, CUBLAS_OP_T}, {x}, 0.0f, y, precision);
  };
}

RivalCall linear_backward(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dz, Matrix dx, Matrix dw,
                          Precision precision) {
  if (is_empty(x, w)) return {};
  return [=, handle = std::make_shared<Handle>(stream)] {
    multiply(*handle, w.rows, {w}, {dz}, 0.0f, dx, precision);
    multiply(*handle, x.rows, {x}, {dz, CUBLAS_OP_T}, 1.0f, dw, precision);
  };
}

}  // namespace mynah::tests::cublas
