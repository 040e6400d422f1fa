#include <cudnn.h>

#include <memory>

#include "bench/operations/rivals.h"
#include "kernels/error.h"

namespace mynah::bench {
namespace {

void check(cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS) throw Error(Error::Cause::device, "cuDNN", cudnnGetErrorString(status));
}

class Cudnn {
 public:
  explicit Cudnn(Stream& stream) {
    check(cudnnCreate(&handle_));
    check(cudnnSetStream(handle_, static_cast<cudaStream_t>(stream.native())));
    check(cudnnCreateActivationDescriptor(&relu_));
    check(cudnnSetActivationDescriptor(relu_, CUDNN_ACTIVATION_RELU, CUDNN_PROPAGATE_NAN, 0.0));
  }
  ~Cudnn() {
    cudnnDestroyActivationDescriptor(relu_);
    cudnnDestroy(handle_);
  }
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;
  cudnnHandle_t handle() const { return handle_; }
  cudnnActivationDescriptor_t relu() const { return relu_; }

 private:
  cudnnHandle_t handle_ = nullptr;
  cudnnActivationDescriptor_t relu_ = nullptr;
};

/// rows x columns x 1 x 1, with the matrix's stride.
class Shape {
 public:
  explicit Shape(ConstMatrix x) {
    check(cudnnCreateTensorDescriptor(&descriptor_));
    check(cudnnSetTensor4dDescriptorEx(descriptor_, CUDNN_DATA_FLOAT, static_cast<int>(x.rows),
                                       static_cast<int>(x.columns), 1, 1, static_cast<int>(x.stride), 1, 1, 1));
  }
  ~Shape() { cudnnDestroyTensorDescriptor(descriptor_); }
  Shape(const Shape&) = delete;
  Shape& operator=(const Shape&) = delete;
  cudnnTensorDescriptor_t get() const { return descriptor_; }

 private:
  cudnnTensorDescriptor_t descriptor_ = nullptr;
};

constexpr float one = 1.0f;
constexpr float zero = 0.0f;

}  // namespace

std::vector<std::string> elementwise_rival_names() {
  return {"cudnn"};
}

std::vector<Rival> relu_forward_rivals(Stream& stream, ConstMatrix x, Matrix y) {
  const auto cudnn = std::make_shared<Cudnn>(stream);
  const auto of_x = std::make_shared<Shape>(x);
  const auto of_y = std::make_shared<Shape>(y);
  return {{"cudnn", [=] {
             check(cudnnActivationForward(cudnn->handle(), cudnn->relu(), &one, of_x->get(), x.data, &zero, of_y->get(),
                                          y.data));
           }}};
}

std::vector<Rival> relu_backward_rivals(Stream& stream, ConstMatrix y, ConstMatrix dy, Matrix dx) {
  const auto cudnn = std::make_shared<Cudnn>(stream);
  const auto of_y = std::make_shared<Shape>(y);
  const auto of_dy = std::make_shared<Shape>(dy);
  const auto of_dx = std::make_shared<Shape>(dx);
  return {{"cudnn", [=] {  // it wants x as well; for ReLU y serves
             check(cudnnActivationBackward(cudnn->handle(), cudnn->relu(), &one, of_y->get(), y.data, of_dy->get(),
                                           dy.data, of_y->get(), y.data, &zero, of_dx->get(), dx.data));
           }}};
}

std::vector<Rival> softmax_rivals(Stream& stream, ConstMatrix logits, Matrix probabilities) {
  const auto cudnn = std::make_shared<Cudnn>(stream);
  const auto of_logits = std::make_shared<Shape>(logits);
  const auto of_probabilities = std::make_shared<Shape>(probabilities);
  return {{"cudnn", [=] {
             check(cudnnSoftmaxForward(cudnn->handle(), CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_INSTANCE, &one,
                                       of_logits->get(), logits.data, &zero, of_probabilities->get(),
                                       probabilities.data));
           }}};
}

}  // namespace mynah::bench
