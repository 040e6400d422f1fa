#pragma once

#include "kernels/operation.h"
#include "kernels/philox.h"

namespace mynah::kernels {

/// Initialisation of weights, a contiguous out [n]. Every tensor of a network has a key of its own:
/// random_key(seed, RandomStream::initialization, number of the tensor). fan_in and fan_out are the numbers of values
/// that enter and leave one unit. These are the operations of kernels/random.h with the bounds and deviations that the
/// papers derive, and as exact as those; uniform, normal and fill (a constant) need nothing here.

/// With gain 1 as torch.nn.Linear initialises weight and bias (He et al. 2015, with the gain of a leaky slope of
/// sqrt(5)): uniform within ± gain/sqrt(fan_in). fan_in = 0: zeros.
void kaiming_uniform(Stream& stream, RandomKey key, Index fan_in, Vector out, double gain = 1.0);

/// Glorot and Bengio 2010: uniform within ± gain sqrt(6 / (fan_in + fan_out)). Both 0: zeros.
void xavier_uniform(Stream& stream, RandomKey key, Index fan_in, Index fan_out, Vector out, double gain = 1.0);

/// He et al. 2015: normal with mean 0 and deviation gain/sqrt(fan_in); the gain of relu is sqrt(2). fan_in = 0: zeros.
void kaiming_normal(Stream& stream, RandomKey key, Index fan_in, Vector out, double gain = 1.0);

/// Glorot and Bengio 2010: normal with mean 0 and deviation gain sqrt(2 / (fan_in + fan_out)). Both 0: zeros.
void xavier_normal(Stream& stream, RandomKey key, Index fan_in, Index fan_out, Vector out, double gain = 1.0);

/// A normal distribution, cut off two deviations from its mean: out_i = mean + deviation z_i with |z_i| <= 2, z_i the
/// quantile Φ⁻¹(Φ(-2) + u (Φ(2) - Φ(-2))) of u = (word i + 1/2) / 2³² (word i % 4 of block i / 4). One number costs one
/// word, so that element i depends on (key, step, i) alone. step: one Index in device memory, or null for 0. out [n].
///
/// The deviation of out is about 0.8796 deviation. As torch.nn.init.trunc_normal_ with a, b = mean ± 2 deviation.
void truncated_normal(Stream& stream, RandomKey key, const Index* step, float mean, float deviation, Vector out);

/// A (semi-)orthogonal matrix times gain (Saxe, McClelland and Ganguli 2014): out outᵀ = gain² I where rows <= columns,
/// outᵀ out = gain² I where rows >= columns. out [rows, columns], contiguous.
///
/// Q of the QR decomposition of a matrix of standard normal numbers (as normal() draws them with step 0), transposed
/// before and after where rows < columns, each column multiplied by the sign of R's diagonal, which makes Q uniform
/// over the orthogonal matrices (Mezzadri 2007); as torch.nn.init.orthogonal_.
///
/// Unlike other operations it computes on the host, in double, with memory of its own, and copies the result: it runs
/// once, before training, and every device gets the same bits. It cannot be recorded.
void orthogonal(Stream& stream, RandomKey key, float gain, Matrix out);

MYNAH_CUDA_TWIN(truncated_normal)
MYNAH_CUDA_TWIN(orthogonal)

namespace eigen {
void truncated_normal(Stream&, RandomKey key, const Index* step, float mean, float deviation, Vector out);
void orthogonal(Stream&, RandomKey key, float gain, Matrix out);
}  // namespace eigen

}  // namespace mynah::kernels
