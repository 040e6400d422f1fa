#pragma once

#include "kernels/operation.h"
#include "kernels/philox.h"

namespace mynah::kernels {

/// x_mc += deviation_c e, e standard normal: number m columns + c of (key, step[0]), whatever the stride. The
/// augmentation of observations in training (Bishop, "Training with noise is equivalent to Tikhonov regularization",
/// 1995).
///
/// x [rows, columns], deviation [columns], step: one Index in device memory, or null for 0. At most 2³⁴ elements.
void add_noise(Stream& stream, RandomKey key, const Index* step, ConstVector deviation, Matrix x);

MYNAH_CUDA_TWIN(add_noise)

namespace eigen {
void add_noise(Stream&, RandomKey key, const Index* step, ConstVector deviation, Matrix x);
}  // namespace eigen

}  // namespace mynah::kernels
