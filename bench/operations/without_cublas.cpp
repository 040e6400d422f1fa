#include "bench/operations/rivals.h"

namespace mynah::bench {

std::vector<std::string> linear_rival_names() {
  return {};
}

std::vector<Rival> linear_forward_rivals(Stream&, ConstMatrix, ConstMatrix, Matrix) {
  return {};
}

std::vector<Rival> linear_backward_rivals(Stream&, ConstMatrix, ConstMatrix, ConstMatrix, Matrix, Matrix) {
  return {};
}

}  // namespace mynah::bench
