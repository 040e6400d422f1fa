#include <cublasLt.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>

#include "kernels/error.h"
#include "tests/operations/rivals/rivals.h"
#include "tests/operations/rivals/workspace.h"

namespace mynah::tests::cublas {
namespace {

using kernels::Precision;

void check(cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS) throw Error(Error::Cause::device, "cuBLASLt", cublasLtGetStatusString(status));
}

cublasComputeType_t compute_type(Precision precision) {
  return precision == Precision::float32 ? CUBLAS_COMPUTE_32F
         : precision == Precision::tf32  ? CUBLAS_COMPUTE_32F_FAST_TF32
                                         : CUBLAS_COMPUTE_32F_FAST_16BF;
}

/// A row-major matrix, which is its transpose in cuBLAS's order of columns.
class Layout {
 public:
  explicit Layout(ConstMatrix matrix) {
    check(cublasLtMatrixLayoutCreate(&layout_, CUDA_R_32F, static_cast<std::uint64_t>(matrix.columns),
                                     static_cast<std::uint64_t>(matrix.rows), matrix.stride));
  }
  ~Layout() { cublasLtMatrixLayoutDestroy(layout_); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
  cublasLtMatrixLayout_t get() const { return layout_; }

 private:
  cublasLtMatrixLayout_t layout_ = nullptr;
};

struct Operand {
  ConstMatrix matrix;
  cublasOperation_t transposed = CUBLAS_OP_N;
};

/// One for all products of a stream, which runs them one after the other.
std::shared_ptr<Workspace> workspace_of(Stream& stream) {
  static std::map<void*, std::weak_ptr<Workspace>> workspaces;
  std::weak_ptr<Workspace>& known = workspaces[stream.native()];
  std::shared_ptr<Workspace> workspace = known.lock();
  if (workspace == nullptr) {
    workspace = std::make_shared<Workspace>(stream.device(), std::size_t{64} << 20);
    known = workspace;
  }
  return workspace;
}

/// c = op(a) op(b), all of them transposed as they lie in memory; with a bias c = relu(op(a) op(b) + bias), which goes
/// down cuBLAS's columns.
class Product {
 public:
  Product(Stream& stream, const Operand& a, const Operand& b, ConstVector bias, Matrix c, Precision precision)
      : stream_(static_cast<cudaStream_t>(stream.native())),
        a_(a.matrix),
        b_(b.matrix),
        c_(c),
        a_layout_(a.matrix),
        b_layout_(b.matrix),
        c_layout_(c),
        workspace_(workspace_of(stream)) {
    check(cublasLtCreate(&handle_));
    check(cublasLtMatmulDescCreate(&product_, compute_type(precision), CUDA_R_32F));
    set(CUBLASLT_MATMUL_DESC_TRANSA, a.transposed);
    set(CUBLASLT_MATMUL_DESC_TRANSB, b.transposed);
    if (!bias.empty()) {
      const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_RELU_BIAS;
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias.data);
    }
    choose(stream);
  }
  ~Product() {
    cublasLtMatmulDescDestroy(product_);
    cublasLtDestroy(handle_);
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  void run() const { check(run(algorithm_)); }

 private:
  template <class Value>
  void set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    check(cublasLtMatmulDescSetAttribute(product_, attribute, &value, sizeof(value)));
  }

  cublasStatus_t run(const cublasLtMatmulAlgo_t& algorithm) const {
    const float one = 1.0f, zero = 0.0f;
    return cublasLtMatmul(handle_, product_, &one, a_.data, a_layout_.get(), b_.data, b_layout_.get(), &zero, c_.data,
                          c_layout_.get(), c_.data, c_layout_.get(), &algorithm, workspace_->data(),
                          workspace_->bytes(), stream_);
  }

  /// Times what the heuristic offers: its first is not always the fastest.
  void choose(Stream& stream) {
    std::array<cublasLtMatmulHeuristicResult_t, 16> offered{};
    int count = 0;
    cublasLtMatmulPreference_t preference = nullptr;
    check(cublasLtMatmulPreferenceCreate(&preference));
    const std::size_t most = workspace_->bytes();
    cublasStatus_t status =
        cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, sizeof(most));
    if (status == CUBLAS_STATUS_SUCCESS) {
      status = cublasLtMatmulAlgoGetHeuristic(handle_, product_, a_layout_.get(), b_layout_.get(), c_layout_.get(),
                                              c_layout_.get(), preference, static_cast<int>(offered.size()),
                                              offered.data(), &count);
    }
    cublasLtMatmulPreferenceDestroy(preference);
    check(status);
    double least = 0.0;
    for (int i = 0; i < count; ++i) {
      const double seconds = time(stream, offered[static_cast<std::size_t>(i)].algo);
      if (seconds <= 0.0 || (least > 0.0 && seconds >= least)) continue;
      least = seconds;
      algorithm_ = offered[static_cast<std::size_t>(i)].algo;
    }
    if (least <= 0.0) throw Error(Error::Cause::device, "cuBLASLt", "has no algorithm for this product");
  }

  /// Seconds of four, after one; 0 where it does not run.
  double time(Stream& stream, const cublasLtMatmulAlgo_t& algorithm) const {
    if (run(algorithm) != CUBLAS_STATUS_SUCCESS) return 0.0;
    stream.synchronize();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 4; ++i) check(run(algorithm));
    stream.synchronize();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  cudaStream_t stream_;
  ConstMatrix a_, b_;
  Matrix c_;
  Layout a_layout_, b_layout_, c_layout_;
  std::shared_ptr<Workspace> workspace_;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t product_ = nullptr;
  cublasLtMatmulAlgo_t algorithm_{};
};

RivalCall prepared(Stream& stream, const Operand& a, const Operand& b, ConstVector bias, Matrix c,
                   Precision precision) {
  return [product = std::make_shared<Product>(stream, a, b, bias, c, precision)] { product->run(); };
}

}  // namespace

RivalCall linear_relu_forward(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y,
                              Precision precision) {
  if (x.rows == 0 || x.columns == 0 || w.rows == 0) return {};
  return prepared(stream, {w, CUBLAS_OP_T}, {x}, b, y, precision);
}

RivalCall linear_input_gradient(Stream& stream, ConstMatrix w, ConstMatrix dz, Matrix dx, Precision precision) {
  if (dx.rows == 0 || dx.columns == 0 || w.rows == 0) return {};
  return prepared(stream, {w}, {dz}, {}, dx, precision);
}

RivalCall linear_weight_gradient(Stream& stream, ConstMatrix x, ConstMatrix dz, Matrix dw, Precision precision) {
  if (dw.rows == 0 || dw.columns == 0 || x.rows == 0) return {};
  return prepared(stream, {x}, {dz, CUBLAS_OP_T}, {}, dw, precision);
}

}  // namespace mynah::tests::cublas
