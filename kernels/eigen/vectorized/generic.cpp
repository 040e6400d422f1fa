// For any processor: what the compiler may use without asking (SSE2 on x86-64, NEON on 64-bit ARM).
#include "kernels/eigen/vectorized/all_operations.h"

namespace mynah::kernels::eigen::vectorized {

#if defined(__x86_64__)
extern constexpr Operations generic_operations = all_operations("x86-64");
#else
extern constexpr Operations generic_operations = all_operations("generic");
#endif

}  // namespace mynah::kernels::eigen::vectorized
