// Compiled for processors with AVX-512 F, BW, DQ and VL (kernels/processor.cmake gives the flags).
#include "kernels/eigen/vectorized/all_operations.h"

namespace mynah::kernels::eigen::vectorized {

extern constexpr Operations avx512_operations = all_operations("AVX-512");

}  // namespace mynah::kernels::eigen::vectorized
