#include "kernels/processor.h"

namespace mynah::kernels {

const char* processor_target_name() {
#if defined(__x86_64__)
  return "x86-64";
#else
  return "generic";
#endif
}

}  // namespace mynah::kernels
