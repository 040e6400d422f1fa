#include "kernels/histogram.h"

#include <algorithm>

#include "kernels/histogram_bin.h"

namespace mynah::kernels::eigen {

void histogram(Stream&, ConstVector x, float low, float high, Labels counts) {
  std::fill_n(counts.data, counts.size, 0);
  for (Index i = 0; i < x.size; ++i) {
    const Index bin = histogram_bin(x.data[i], low, high, counts.size);
    if (bin >= 0) ++counts.data[bin];
  }
}

}  // namespace mynah::kernels::eigen
