#include "kernels/cuda/linear_mma.h"

#include "kernels/cuda/pipelined_tile.h"

namespace mynah::kernels::cuda {
namespace {

template <Precision precision, LinearProduct product>
void launch_product(Stream& stream, const char* operation, LinearKernel kernel, const LinearArguments& arguments,
                    Index parts, bool packs) {
  switch (kernel) {
    case LinearKernel::small:
      return launch_linear<MmaBlocks<SmallMma, precision>::template Block, product>(stream, operation, arguments, parts,
                                                                                    packs);
    case LinearKernel::medium:
      return launch_linear<MmaBlocks<MediumMma, precision>::template Block, product>(stream, operation, arguments,
                                                                                     parts, packs);
    case LinearKernel::large:
      return launch_linear<MmaBlocks<LargeMma, precision>::template Block, product>(stream, operation, arguments, parts,
                                                                                    packs);
    case LinearKernel::pipelined:
      return launch_linear<PipelinedBlocks<precision>::template Block, product>(stream, operation, arguments, parts,
                                                                                packs);
    case LinearKernel::packed:
    case LinearKernel::warpgroup:
    case LinearKernel::dot:
      break;
  }
  throw_no_tile(operation, kernel);
}

template <Precision precision>
void launch_precision(Stream& stream, const char* operation, LinearProduct product, LinearKernel kernel,
                      const LinearArguments& arguments, Index parts, bool packs) {
  switch (product) {
    case LinearProduct::forward:
      return launch_product<precision, LinearProduct::forward>(stream, operation, kernel, arguments, parts, packs);
    case LinearProduct::input_gradient:
      return launch_product<precision, LinearProduct::input_gradient>(stream, operation, kernel, arguments, parts,
                                                                      packs);
    case LinearProduct::weight_gradient:
      return launch_product<precision, LinearProduct::weight_gradient>(stream, operation, kernel, arguments, parts,
                                                                       packs);
  }
}

}  // namespace

void launch_linear_mma(Stream& stream, const char* operation, LinearProduct product, LinearKernel kernel,
                       Precision precision, const LinearArguments& arguments, Index parts, bool packs) {
  if (precision == Precision::tf32) {
    launch_precision<Precision::tf32>(stream, operation, product, kernel, arguments, parts, packs);
  } else {
    launch_precision<Precision::bfloat16>(stream, operation, product, kernel, arguments, parts, packs);
  }
}

}  // namespace mynah::kernels::cuda
