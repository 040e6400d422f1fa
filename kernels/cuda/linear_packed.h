#pragma once

#include "kernels/cuda/linear_kernel.h"
#include "kernels/cuda/warpgroup_selection.h"

namespace mynah::kernels::cuda {

/// Packs the operands into scratch memory (packed_operand.h) and multiplies them, k in so many parts. kernel is
/// warpgroup (warpgroup_tile.h) or packed (packed_tile.h), precision tf32 or bfloat16. packs: both operands may be read
/// four floats at a time.
void launch_linear_packed(Stream& stream, const char* operation, LinearProduct product, LinearKernel kernel,
                          Precision precision, const LinearArguments& arguments, Index parts, bool packs);

}  // namespace mynah::kernels::cuda
