#include "engine/precision_option.h"

#include "kernels/error.h"

namespace mynah {

kernels::Precision parse_precision(const std::string& name) {
  using kernels::Precision;
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16}) {
    if (name == kernels::precision_name(precision)) return precision;
  }
  throw input_error("--precision " + name, "is not a precision that mynah has", "use one of: float32, tf32, bfloat16");
}

}  // namespace mynah
