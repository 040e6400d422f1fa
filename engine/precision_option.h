#pragma once

#include <string>

#include "kernels/precision.h"

namespace mynah {

/// The precision that is called so. Errors: input_error as for `--precision NAME`, with the names there are.
kernels::Precision parse_precision(const std::string& name);

}  // namespace mynah
