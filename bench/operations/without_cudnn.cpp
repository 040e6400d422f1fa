#include "bench/operations/rivals.h"

namespace mynah::bench {

std::vector<std::string> elementwise_rival_names() {
  return {};
}

std::vector<Rival> relu_forward_rivals(Stream&, ConstMatrix, Matrix) {
  return {};
}

std::vector<Rival> relu_backward_rivals(Stream&, ConstMatrix, ConstMatrix, Matrix) {
  return {};
}

std::vector<Rival> softmax_rivals(Stream&, ConstMatrix, Matrix) {
  return {};
}

}  // namespace mynah::bench
