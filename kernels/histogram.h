#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// counts_b = how many x_i fall into bin b of `bins` bins of equal width over [low, high]:
///
///   b = floor((x_i - low) bins / (high - low)), in double;   x_i = high falls into the last bin
///
/// Values outside, and NaN, are not counted, as torch.histc does. x [n], counts [bins >= 1], overwritten; low < high,
/// both finite; n below 2³¹. Counts are whole numbers: the order of counting does not matter.
void histogram(Stream& stream, ConstVector x, float low, float high, Labels counts);

MYNAH_CUDA_TWIN(histogram)

namespace eigen {
void histogram(Stream&, ConstVector x, float low, float high, Labels counts);
}  // namespace eigen

}  // namespace mynah::kernels
