#pragma once

#include "kernels/cuda/linear_kernel.h"
#include "kernels/cuda/warpgroup_selection.h"

namespace mynah::kernels::cuda {

/// Packs the operands into scratch memory (warpgroup_operand.h) and multiplies them (warpgroup_tile.h), k in so many
/// parts. precision is tf32 or bfloat16. packs: both operands may be read four floats at a time.
void launch_linear_warpgroup(Stream& stream, const char* operation, LinearProduct product, Precision precision,
                             const LinearArguments& arguments, Index parts, bool packs);

}  // namespace mynah::kernels::cuda
