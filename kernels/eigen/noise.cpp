#include "kernels/noise.h"

#include "kernels/random_numbers.h"

namespace mynah::kernels::eigen {

void add_noise(Stream&, RandomKey key, const Index* step, ConstVector deviation, Matrix x) {
  const auto time = static_cast<std::uint64_t>(step == nullptr ? 0 : step[0]);
  float z[4] = {};
  Index number = 0;
  for (Index m = 0; m < x.rows; ++m) {
    float* const row = x.row(m).data;
    for (Index c = 0; c < x.columns; ++c, ++number) {
      // A block has four numbers, which are neighbours.
      if (number % 4 == 0) normals_of_block(philox(key, time, static_cast<std::uint32_t>(number / 4)), z);
      row[c] = scaled_normal(z[number % 4], row[c], deviation.data[c]);
    }
  }
}

}  // namespace mynah::kernels::eigen
