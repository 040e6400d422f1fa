#pragma once

#include <optional>

#include "kernels/cuda/linear_selection.h"

namespace mynah::kernels::cuda {

/// While one lives, the products of linear_forward and linear_backward that this thread queues are computed on CUDA as
/// said, not as choose_linear has it: for tests that compare kernels, on shapes too small for the rule to take them. A
/// kernel that cannot compute a product is an error. One at a time.
class LinearOverride {
 public:
  explicit LinearOverride(const LinearChoice& choice);
  ~LinearOverride();
  LinearOverride(const LinearOverride&) = delete;
  LinearOverride& operator=(const LinearOverride&) = delete;
};

/// That of the one that lives on this thread. Not beside the kernels, whose library has no such variables on a CPU:
/// kernels/linear_override.cpp.
std::optional<LinearChoice> overridden_linear();

}  // namespace mynah::kernels::cuda
