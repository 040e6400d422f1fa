#include "kernels/random.h"

#include <cmath>
#include <limits>

#include "kernels/elementwise.h"

namespace mynah::kernels {

void uniform(Stream& stream, RandomKey key, const Index* step, float low, float high, Vector out) {
  if (out.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(uniform, stream, key, step, low, high, out);
  eigen::uniform(stream, key, step, low, high, out);
}

void normal(Stream& stream, RandomKey key, const Index* step, float mean, float deviation, Vector out) {
  if (out.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(normal, stream, key, step, mean, deviation, out);
  eigen::normal(stream, key, step, mean, deviation, out);
}

void permutation(Stream& stream, RandomKey key, const Index* step, Labels out) {
  require(out.size <= std::numeric_limits<std::int32_t>::max(), "permutation", "at most 2147483647 elements");
  if (out.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(permutation, stream, key, step, out);
  eigen::permutation(stream, key, step, out);
}

void kaiming_uniform(Stream& stream, RandomKey key, Index fan_in, Vector out) {
  if (fan_in == 0) return fill(stream, out, 0.0f);
  const float bound = static_cast<float>(1.0 / std::sqrt(static_cast<double>(fan_in)));
  uniform(stream, key, nullptr, -bound, bound, out);
}

void xavier_uniform(Stream& stream, RandomKey key, Index fan_in, Index fan_out, Vector out) {
  if (fan_in + fan_out == 0) return fill(stream, out, 0.0f);
  const float bound = static_cast<float>(std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)));
  uniform(stream, key, nullptr, -bound, bound, out);
}

}  // namespace mynah::kernels
