#pragma once

#include "kernels/view.h"

namespace mynah::kernels::cuda {

/// Where a block's tile of C [m, n] = Σ_k A(m, k) B(k, n) begins, and over which part of k it sums.
struct TileRange {
  Index first_m, first_n, first_k, end_k;
};

}  // namespace mynah::kernels::cuda
