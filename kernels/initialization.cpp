#include "kernels/initialization.h"

#include <cmath>

#include "kernels/elementwise.h"
#include "kernels/operation_count.h"
#include "kernels/random.h"

namespace mynah::kernels {
namespace {

void uniform_within(Stream& stream, RandomKey key, double bound, Vector out) {
  const auto rounded = static_cast<float>(bound);
  uniform(stream, key, nullptr, -rounded, rounded, out);
}

}  // namespace

void kaiming_uniform(Stream& stream, RandomKey key, Index fan_in, Vector out, double gain) {
  if (fan_in == 0) return fill(stream, out, 0.0f);
  uniform_within(stream, key, gain * (1.0 / std::sqrt(static_cast<double>(fan_in))), out);
}

void xavier_uniform(Stream& stream, RandomKey key, Index fan_in, Index fan_out, Vector out, double gain) {
  if (fan_in + fan_out == 0) return fill(stream, out, 0.0f);
  uniform_within(stream, key, gain * std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)), out);
}

void kaiming_normal(Stream& stream, RandomKey key, Index fan_in, Vector out, double gain) {
  if (fan_in == 0) return fill(stream, out, 0.0f);
  normal(stream, key, nullptr, 0.0f, static_cast<float>(gain / std::sqrt(static_cast<double>(fan_in))), out);
}

void xavier_normal(Stream& stream, RandomKey key, Index fan_in, Index fan_out, Vector out, double gain) {
  if (fan_in + fan_out == 0) return fill(stream, out, 0.0f);
  const double deviation = gain * std::sqrt(2.0 / static_cast<double>(fan_in + fan_out));
  normal(stream, key, nullptr, 0.0f, static_cast<float>(deviation), out);
}

void truncated_normal(Stream& stream, RandomKey key, const Index* step, float mean, float deviation, Vector out) {
  if (out.empty()) return;
  if (is_only_counted(stream, step, out)) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(truncated_normal, stream, key, step, mean, deviation, out);
  }
  eigen::truncated_normal(stream, key, step, mean, deviation, out);
}

void orthogonal(Stream& stream, RandomKey key, float gain, Matrix out) {
  require(out.stride == out.columns || out.rows <= 1, "orthogonal", "a contiguous out");
  if (out.empty()) return;
  if (is_only_counted(stream, out)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(orthogonal, stream, key, gain, out);
  eigen::orthogonal(stream, key, gain, out);
}

}  // namespace mynah::kernels
