#pragma once

#include "kernels/cuda/linear_selection.h"
#include "kernels/precision.h"
#include "kernels/stream.h"

namespace mynah::kernels::cuda {

/// Whether the stream's device has warpgroup instructions (compute capability 9.0) and the library code for it
/// (sm_90a).
bool has_warpgroups(const Stream& stream);

/// The choice for C [m, n] over k: LinearKernel::warpgroup where device, precision and shape are for it, else
/// `otherwise`.
LinearChoice choose_warpgroup(const Stream& stream, Precision precision, Index m, Index n, Index k,
                              LinearChoice otherwise);

}  // namespace mynah::kernels::cuda
