#pragma once

#include "tests/operations/differentiable.h"

namespace mynah::tests {

/// What a pass may leave out must make no difference: tangents that are null are zero, and gradients that are null
/// leave the others as they are. Runs all passes of a layer of one input in double, in every such combination.
void expect_left_out(const LayerCase& one);

}  // namespace mynah::tests
