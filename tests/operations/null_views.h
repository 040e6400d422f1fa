#pragma once

#include "tests/operations/differentiable.h"

namespace mynah::tests {

/// What a layer does with null views, for each input and trained tensor in turn and for all at once: a tangent that is
/// null means zero, and a gradient that is null is not wanted and leaves the others as they are. In double.
void expect_null_views(const LayerCase& one);

}  // namespace mynah::tests
