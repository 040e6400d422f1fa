#include "tests/operations/rivals/rivals.h"

namespace mynah::tests::cublas {

std::string version() {
  return {};
}

RivalCall linear_forward(Stream&, ConstMatrix, ConstMatrix, Matrix, kernels::Precision) {
  return {};
}

RivalCall linear_backward(Stream&, ConstMatrix, ConstMatrix, ConstMatrix, Matrix, Matrix, kernels::Precision) {
  return {};
}

RivalCall linear_relu_forward(Stream&, ConstMatrix, ConstMatrix, ConstVector, Matrix, kernels::Precision) {
  return {};
}

RivalCall linear_input_gradient(Stream&, ConstMatrix, ConstMatrix, Matrix, kernels::Precision) {
  return {};
}

RivalCall linear_weight_gradient(Stream&, ConstMatrix, ConstMatrix, Matrix, kernels::Precision) {
  return {};
}

}  // namespace mynah::tests::cublas
