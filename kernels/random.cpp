#include "kernels/random.h"

#include <limits>

#include "kernels/operation_count.h"

namespace mynah::kernels {

void uniform(Stream& stream, RandomKey key, const Index* step, float low, float high, Vector out) {
  if (out.empty()) return;
  if (is_only_counted(stream, step, out)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(uniform, stream, key, step, low, high, out);
  eigen::uniform(stream, key, step, low, high, out);
}

void normal(Stream& stream, RandomKey key, const Index* step, float mean, float deviation, Vector out) {
  if (out.empty()) return;
  if (is_only_counted(stream, step, out)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(normal, stream, key, step, mean, deviation, out);
  eigen::normal(stream, key, step, mean, deviation, out);
}

void permutation(Stream& stream, RandomKey key, const Index* step, Labels out) {
  require(out.size <= std::numeric_limits<std::int32_t>::max(), "permutation", "at most 2147483647 elements");
  if (out.empty()) return;
  if (is_only_counted(stream, step, out)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(permutation, stream, key, step, out);
  eigen::permutation(stream, key, step, out);
}

}  // namespace mynah::kernels
