#include "kernels/processor.h"

#include <cstdlib>
#include <cstring>

#include "kernels/eigen/vectorized/operations.h"

namespace mynah::kernels {
namespace eigen::vectorized {
namespace {

enum class Level { generic, avx2, avx512 };

/// How far MYNAH_PROCESSOR lets us go; an unknown word, like none, lets us go all the way.
Level highest_allowed() {
  const char* wish = std::getenv("MYNAH_PROCESSOR");
  if (wish != nullptr && std::strcmp(wish, "generic") == 0) return Level::generic;
  if (wish != nullptr && std::strcmp(wish, "avx2") == 0) return Level::avx2;
  return Level::avx512;
}

const Operations& chosen() {
#if defined(__x86_64__)
  const Level allowed = highest_allowed();
  if (allowed >= Level::avx512 && processor_runs(avx512_operations)) return avx512_operations;
  if (allowed >= Level::avx2 && processor_runs(avx2_operations)) return avx2_operations;
#endif
  return generic_operations;
}

}  // namespace

bool processor_runs(const Operations& operations) {
#if defined(__x86_64__)
  // These ask the operating system as well, whether it keeps the registers.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (&operations == &avx512_operations) return avx512;
  if (&operations == &avx2_operations) return avx2;
#endif
  return &operations == &generic_operations;
}

const Operations& operations() {
  static const Operations& once = chosen();
  return once;
}

}  // namespace eigen::vectorized

const char* processor_target_name() {
  return eigen::vectorized::operations().name;
}

}  // namespace mynah::kernels
