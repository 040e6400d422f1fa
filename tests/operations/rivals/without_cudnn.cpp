#include "tests/operations/rivals/rivals.h"

namespace mynah::tests::cudnn {

std::string version() {
  return {};
}

RivalCall relu_forward(Stream&, ConstMatrix, Matrix) {
  return {};
}

RivalCall relu_backward(Stream&, ConstMatrix, ConstMatrix, Matrix) {
  return {};
}

RivalCall softmax(Stream&, ConstMatrix, Matrix) {
  return {};
}

RivalCall convolution_forward(Stream&, const kernels::ConvolutionGeometry&, ConstMatrix, ConstMatrix, Matrix,
                              kernels::Precision) {
  return {};
}

RivalCall convolution_transposed(Stream&, const kernels::ConvolutionGeometry&, ConstMatrix, ConstMatrix, Matrix,
                                 kernels::Precision) {
  return {};
}

RivalCall convolution_weight_gradient(Stream&, const kernels::ConvolutionGeometry&, ConstMatrix, ConstMatrix, Matrix,
                                      kernels::Precision) {
  return {};
}

}  // namespace mynah::tests::cudnn
