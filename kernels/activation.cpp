#include "kernels/activation.h"

namespace mynah::kernels {

void activation_forward(Stream& stream, Activation activation, ConstMatrix x, Matrix y) {
  require(same_shape(x, y), "activation_forward", "y of the shape of x");
  if (y.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(activation_forward, stream, activation, x, y);
  eigen::activation_forward<float>(stream, activation, x, y);
}

void activation_backward(Stream& stream, Activation activation, ConstMatrix y, ConstMatrix dy, Matrix dx) {
  require(same_shape(y, dy) && same_shape(y, dx), "activation_backward", "dy and dx of the shape of y");
  if (dx.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(activation_backward, stream, activation, y, dy, dx);
  eigen::activation_backward<float>(stream, activation, y, dy, dx);
}

}  // namespace mynah::kernels
