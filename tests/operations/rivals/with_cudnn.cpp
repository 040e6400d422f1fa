#include <array>

#include "tests/operations/rivals/cudnn_objects.h"
#include "tests/operations/rivals/rivals.h"

namespace mynah::tests::cudnn {
namespace {

/// ReLU.
class Activation {
 public:
  Activation() {
    check(cudnnCreateActivationDescriptor(&descriptor_));
    check(cudnnSetActivationDescriptor(descriptor_, CUDNN_ACTIVATION_RELU, CUDNN_PROPAGATE_NAN, 0.0));
  }
  ~Activation() { cudnnDestroyActivationDescriptor(descriptor_); }
  Activation(const Activation&) = delete;
  Activation& operator=(const Activation&) = delete;
  cudnnActivationDescriptor_t get() const { return descriptor_; }

 private:
  cudnnActivationDescriptor_t descriptor_ = nullptr;
};

std::shared_ptr<const Images> rows_of(ConstMatrix x) {
  return std::make_shared<Images>(x, std::array<Index, 3>{x.columns, 1, 1});
}

bool is_empty(ConstMatrix x) {
  return x.rows == 0 || x.columns == 0;
}

}  // namespace

std::string version() {
  const std::size_t number = cudnnGetVersion();  // 9.13.0: 91300
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
}

RivalCall relu_forward(Stream& stream, ConstMatrix x, Matrix y) {
  if (is_empty(x)) return {};
  return [=, handle = std::make_shared<Handle>(stream), relu = std::make_shared<Activation>(), of_x = rows_of(x),
          of_y = rows_of(y)] {
    check(cudnnActivationForward(handle->get(), relu->get(), &one, of_x->get(), x.data, &zero, of_y->get(), y.data));
  };
}

RivalCall relu_backward(Stream& stream, ConstMatrix y, ConstMatrix dy, Matrix dx) {
  if (is_empty(y)) return {};
  return [=, handle = std::make_shared<Handle>(stream), relu = std::make_shared<Activation>(), of_y = rows_of(y),
          of_dy = rows_of(dy), of_dx = rows_of(dx)] {  // it wants x as well; for ReLU y serves
    check(cudnnActivationBackward(handle->get(), relu->get(), &one, of_y->get(), y.data, of_dy->get(), dy.data,
                                  of_y->get(), y.data, &zero, of_dx->get(), dx.data));
  };
}

RivalCall softmax(Stream& stream, ConstMatrix logits, Matrix probabilities) {
  if (is_empty(logits)) return {};
  return [=, handle = std::make_shared<Handle>(stream), of_logits = rows_of(logits),
          of_probabilities = rows_of(probabilities)] {
    check(cudnnSoftmaxForward(handle->get(), CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_INSTANCE, &one,
                              of_logits->get(), logits.data, &zero, of_probabilities->get(), probabilities.data));
  };
}

}  // namespace mynah::tests::cudnn
