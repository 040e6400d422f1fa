#pragma once

#include "engine/demonstrations.h"

namespace mynah {

/// The demonstrations as a policy sees them that sees its actions (PolicyMemory::actions): behind each observation the
/// action of the step before it, a column for each action column, or for each of action_size classes, of which the
/// action's is 1 and the others 0. Where an episode begins they are all 0. Names and next observations are left out.
Demonstrations with_last_actions(const Demonstrations& demonstrations, Index action_size);

}  // namespace mynah
