#include "kernels/cuda/convolution_mma.h"

#include "kernels/cuda/mma_tile.h"

namespace mynah::kernels::cuda {
namespace {

template <Precision precision>
void launch_precision(Stream& stream, const char* operation, LinearKernel kernel, const ConvolutionArguments& arguments,
                      Index n, Index groups, Index phases) {
  if (kernel == LinearKernel::large) {
    launch_convolution<MmaBlocks<LargeMma, precision>::template Block>(stream, operation, arguments, n, groups, phases);
  } else if (kernel == LinearKernel::medium) {
    launch_convolution<MmaBlocks<MediumMma, precision>::template Block>(stream, operation, arguments, n, groups,
                                                                        phases);
  } else {
    launch_convolution<MmaBlocks<SmallMma, precision>::template Block>(stream, operation, arguments, n, groups, phases);
  }
}

template <Precision precision>
void launch_precision(Stream& stream, const char* operation, LinearKernel kernel,
                      const WeightGradientArguments& arguments, Index n, Index parts) {
  if (kernel == LinearKernel::large) {
    launch_weight_gradient<MmaBlocks<LargeMma, precision>::template Block>(stream, operation, arguments, n, parts);
  } else if (kernel == LinearKernel::medium) {
    launch_weight_gradient<MmaBlocks<MediumMma, precision>::template Block>(stream, operation, arguments, n, parts);
  } else {
    launch_weight_gradient<MmaBlocks<SmallMma, precision>::template Block>(stream, operation, arguments, n, parts);
  }
}

}  // namespace

void launch_convolution_mma(Stream& stream, const char* operation, LinearKernel kernel, Precision precision,
                            const ConvolutionArguments& arguments, Index n, Index groups, Index phases) {
  if (precision == Precision::tf32) {
    launch_precision<Precision::tf32>(stream, operation, kernel, arguments, n, groups, phases);
  } else {
    launch_precision<Precision::bfloat16>(stream, operation, kernel, arguments, n, groups, phases);
  }
}

void launch_weight_gradient_mma(Stream& stream, const char* operation, LinearKernel kernel, Precision precision,
                                const WeightGradientArguments& arguments, Index n, Index parts) {
  if (precision == Precision::tf32) {
    launch_precision<Precision::tf32>(stream, operation, kernel, arguments, n, parts);
  } else {
    launch_precision<Precision::bfloat16>(stream, operation, kernel, arguments, n, parts);
  }
}

}  // namespace mynah::kernels::cuda
