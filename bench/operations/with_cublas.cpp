#include <cublas_v2.h>

#include <memory>

#include "bench/operations/rivals.h"
#include "kernels/error.h"
#include "kernels/memory.h"

namespace mynah::bench {
namespace {

void check(cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS) throw Error(Error::Cause::device, "cuBLAS", cublasGetStatusString(status));
}

/// A handle with memory of its own, so that calls can be recorded.
class Cublas {
 public:
  explicit Cublas(Stream& stream) : device_(stream.device()), memory_(kernels::allocate(device_, bytes)) {
    check(cublasCreate(&handle_));
    check(cublasSetStream(handle_, static_cast<cudaStream_t>(stream.native())));
    check(cublasSetWorkspace(handle_, memory_, bytes));
  }
  ~Cublas() {
    cublasDestroy(handle_);
    kernels::release(device_, memory_);
  }
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;
  cublasHandle_t handle() const { return handle_; }

 private:
  static constexpr std::size_t bytes = std::size_t{32} << 20;
  DeviceId device_;
  void* memory_;
  cublasHandle_t handle_ = nullptr;
};

struct Operand {
  const float* data;
  Index stride;
  cublasOperation_t transposed;
};

/// c [n, m] = op(a) op(b) + beta c in cuBLAS's order of columns: a row-major matrix is its transpose there.
void multiply(const Cublas& cublas, Index m, Index n, Index k, const Operand& a, const Operand& b, float beta,
              Matrix c) {
  const float one = 1.0f;
  check(cublasSgemm(cublas.handle(), a.transposed, b.transposed, static_cast<int>(m), static_cast<int>(n),
                    static_cast<int>(k), &one, a.data, static_cast<int>(a.stride), b.data, static_cast<int>(b.stride),
                    &beta, c.data, static_cast<int>(c.stride)));
}

}  // namespace

std::vector<std::string> linear_rival_names() {
  return {"cublas"};
}

std::vector<Rival> linear_forward_rivals(Stream& stream, ConstMatrix x, ConstMatrix w, Matrix y) {
  const auto cublas = std::make_shared<Cublas>(stream);
  return {{"cublas", [=] {
             multiply(*cublas, w.rows, x.rows, x.columns, {w.data, w.stride, CUBLAS_OP_T},
                      {x.data, x.stride, CUBLAS_OP_N}, 0.0f, y);
           }}};
}

std::vector<Rival> linear_backward_rivals(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dy, Matrix dx,
                                          Matrix dw) {
  const auto cublas = std::make_shared<Cublas>(stream);
  return {{"cublas", [=] {
             multiply(*cublas, w.columns, x.rows, w.rows, {w.data, w.stride, CUBLAS_OP_N},
                      {dy.data, dy.stride, CUBLAS_OP_N}, 0.0f, dx);
             multiply(*cublas, w.columns, w.rows, x.rows, {x.data, x.stride, CUBLAS_OP_N},
                      {dy.data, dy.stride, CUBLAS_OP_T}, 1.0f, dw);
           }}};
}

}  // namespace mynah::bench
