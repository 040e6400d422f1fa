#pragma once

#include "kernels/operation.h"
#include "kernels/philox.h"

namespace mynah::kernels {

/// Dropout (Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014), in
/// the inverted form of torch.nn.Dropout, whose expectation is x:
///
///   y_rc = x_rc m_rc / (1 - p)          m_rc = 1 if u_i >= p, else 0;  u_i uniform in [0, 1)
///
/// p in [0, 1): the probability that an element is dropped. Element (r, c) has the number i = r columns + c, whatever
/// the strides, and u_i is unit_uniform(word i % 4 of block i / 4) of (key, step[0]): step is one Index in device
/// memory, or null for 0. So every device draws the same mask, and nothing need be kept: the function is linear, and
/// the same call applied to dy gives dx = dy m / (1 - p), applied to ẋ it gives ẏ.
///
/// x and y [rows, columns] of any size, at most 2³⁴ elements. y may be x itself, and may not overlap it otherwise. An
/// element is multiplied by 0, not replaced, where it is dropped: NaN stays NaN.
template <class Scalar = float>
void dropout_forward(Stream& stream, RandomKey key, const Index* step, float p, ConstMatrixOf<Scalar> x,
                     MatrixOf<Scalar> y);

MYNAH_CUDA_TWIN_OF_FLOATS(dropout_forward)

namespace eigen {
template <class Scalar>
void dropout_forward(Stream&, RandomKey key, const Index* step, float p, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y);
}  // namespace eigen

}  // namespace mynah::kernels
