#include "kernels/elementwise.h"

namespace mynah::kernels {

void fill(Stream& stream, Vector x, float value) {
  if (x.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(fill, stream, x, value);
  eigen::fill<float>(stream, x, value);
}

void add(Stream& stream, ConstMatrix x, Matrix y) {
  require(same_shape(x, y), "add", "x and y of one shape");
  if (y.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(add, stream, x, y);
  eigen::add<float>(stream, x, y);
}

void copy(Stream& stream, ConstMatrix x, Matrix y) {
  require(same_shape(x, y), "copy", "x and y of one shape");
  if (y.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(copy, stream, x, y);
  eigen::copy<float>(stream, x, y);
}

void advance(Stream& stream, Index* counter, Index amount) {
  require(counter != nullptr, "advance", "a counter");
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(advance, stream, counter, amount);
  eigen::advance(stream, counter, amount);
}

void set_counters(Stream& stream, VectorView<Index> counters, Index value) {
  if (counters.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(set_counters, stream, counters, value);
  eigen::set_counters(stream, counters, value);
}

}  // namespace mynah::kernels
