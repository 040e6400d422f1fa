#pragma once

#include "kernels/operation.h"
#include "kernels/philox.h"

namespace mynah::kernels {

/// Counter-based random numbers: element i depends on (key, step, i) alone, so every device draws the same.
/// step: one Index in device memory, or null for 0.

/// out_i uniform in [low, high): low + (high - low) u, u = unit_uniform(word i % 4 of block i / 4). out [n].
void uniform(Stream& stream, RandomKey key, const Index* step, float low, float high, Vector out);

/// out_i normal: mean + deviation z_i; z of a block's words (x, y) and (z, w) by unit_normals. out [n].
void normal(Stream& stream, RandomKey key, const Index* step, float mean, float deviation, Vector out);

/// out = a permutation of 0 ... n-1 that depends on (key, step[0]) alone; out [n], n <= 2³¹ - 1.
///
/// Each element is computed by itself: i goes through a balanced Feistel network of 6 rounds over the smallest even
/// number of bits that holds n (round function: a word of Philox), again and again until the result is below n (cycle
/// walking; Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). A bijection for every n.
void permutation(Stream& stream, RandomKey key, const Index* step, Labels out);

MYNAH_CUDA_TWIN(uniform)
MYNAH_CUDA_TWIN(normal)
MYNAH_CUDA_TWIN(permutation)

namespace eigen {
void uniform(Stream&, RandomKey key, const Index* step, float low, float high, Vector out);
void normal(Stream&, RandomKey key, const Index* step, float mean, float deviation, Vector out);
void permutation(Stream&, RandomKey key, const Index* step, Labels out);
}  // namespace eigen

}  // namespace mynah::kernels
