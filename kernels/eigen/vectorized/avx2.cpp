// Compiled for processors with AVX2 and FMA (kernels/processor.cmake gives the flags).
#include "kernels/eigen/vectorized/all_operations.h"

namespace mynah::kernels::eigen::vectorized {

extern constexpr Operations avx2_operations = all_operations("AVX2");

}  // namespace mynah::kernels::eigen::vectorized
