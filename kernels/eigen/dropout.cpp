#include "kernels/dropout.h"

#include "kernels/random_numbers.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void dropout_forward(Stream&, RandomKey key, const Index* step, float p, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y) {
  const std::uint64_t time = step == nullptr ? 0 : static_cast<std::uint64_t>(step[0]);
  const Scalar kept = Scalar(1) / (Scalar(1) - static_cast<Scalar>(p));
  PhiloxBlock block{};
  Index number = 0;  // of the element, counted through rows and columns
  for (Index m = 0; m < x.rows; ++m) {
    const Scalar* from = x.row(m).data;
    Scalar* to = y.row(m).data;
    for (Index c = 0; c < x.columns; ++c, ++number) {
      if (number % 4 == 0) block = philox(key, time, static_cast<std::uint32_t>(number / 4));
      const float u = unit_uniform(word_of(block, static_cast<std::uint32_t>(number % 4)));
      to[c] = from[c] * (u >= p ? kept : Scalar(0));
    }
  }
}

MYNAH_FOR_FLOAT_AND_DOUBLE(dropout_forward)

}  // namespace mynah::kernels::eigen
