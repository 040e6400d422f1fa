#pragma once

#include "kernels/cuda/linear_kernel.h"

namespace mynah::kernels::cuda {

/// The weight gradient's product in float32, in parts that are left in scratch memory for somebody else to add up: sets
/// arguments.partial and, where row sums are wanted, partial_row_sums; returns the number of parts, which choice asks
/// for: several. In linear.cu.
Index queue_weight_parts(Stream& stream, const char* operation, LinearArguments& arguments, const LinearChoice& choice,
                         bool packs);

}  // namespace mynah::kernels::cuda
