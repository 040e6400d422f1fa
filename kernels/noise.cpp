#include "kernels/noise.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

void add_noise(Stream& stream, RandomKey key, const Index* step, ConstVector deviation, Matrix x) {
  require(deviation.size == x.columns, "add_noise", "one deviation a column");
  // Blocks of four random words are numbered with 32 bits.
  require(x.columns == 0 || x.rows <= (Index{1} << 34) / x.columns, "add_noise", "at most 2^34 elements");
  if (x.empty()) return;
  if (is_only_counted(stream, step, deviation, changed(x))) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(add_noise, stream, key, step, deviation, x);
  eigen::add_noise(stream, key, step, deviation, x);
}

}  // namespace mynah::kernels
