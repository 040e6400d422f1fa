#pragma once

#include "kernels/cuda/convolution_kernel.h"
#include "kernels/precision.h"

namespace mynah::kernels::cuda {

/// Launches launch_convolution and launch_weight_gradient for tensor cores. precision is tf32 or bfloat16, kernel a
/// tile; the depth of a part is a multiple of deepest_mma_tile.
void launch_convolution_mma(Stream& stream, const char* operation, LinearKernel kernel, Precision precision,
                            const ConvolutionArguments& arguments, Index n, Index groups, Index phases);
void launch_weight_gradient_mma(Stream& stream, const char* operation, LinearKernel kernel, Precision precision,
                                const WeightGradientArguments& arguments, Index n, Index parts);

}  // namespace mynah::kernels::cuda
