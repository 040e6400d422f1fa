#pragma once

#include "kernels/cuda/linear_kernel.h"
#include "kernels/precision.h"

namespace mynah::kernels::cuda {

/// Launches the kernel for tensor cores: as many parts of arguments.part_depth as said, a multiple of deepest_mma_tile.
/// precision is tf32 or bfloat16, kernel a tile. packs: both operands may be read four floats at a time.
void launch_linear_mma(Stream& stream, const char* operation, LinearProduct product, LinearKernel kernel,
                       Precision precision, const LinearArguments& arguments, Index parts, bool packs);

}  // namespace mynah::kernels::cuda
