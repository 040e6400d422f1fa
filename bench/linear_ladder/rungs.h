#pragma once

#include "kernels/stream.h"
#include "kernels/view.h"

/// The ladder from the plainest CUDA kernel of a linear layer to the library's own: kernels/cuda/README.md tells it.
namespace mynah::ladder {

/// y = x wᵀ + b, y_mn = Σ_k x_mk w_nk + b_n, in float32:
///
///   x  [m, k]      w  [n, k]      b  [n]      y  [m, n]
///
/// m, n and k may be any size from 1 on, rows may be longer than they are read (strides). Both operands run along k in
/// memory. y may not overlap x, w or b. Sums have a fixed order: the same call gives the same bits. CUDA streams only.
using Linear = void(Stream&, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y);

Linear naive;           ///< naive.cu: a thread for each element.
Linear coalesced;       ///< coalesced.cu: a warp for each element.
Linear shared_tiles;    ///< shared_tiles.cu: tiles of both operands in shared memory.
Linear register_tiles;  ///< register_tiles.cu: 4 x 4 sums a thread.
Linear vector_loads;    ///< vector_loads.cu: 8 x 8 sums a thread, 128-bit loads, two buffers.

/// y = max(y + b, 0), b_n added to column n: what a layer has left to do after a product without an epilogue.
/// bias_relu.cu.
void bias_relu(Stream&, ConstVector b, Matrix y);

}  // namespace mynah::ladder
