#pragma once

#include "algorithms/rollout.h"

namespace mynah {

/// Which episodes are worth recording.
struct ReturnFilter {
  double least_return = 0.0;  ///< Episodes below it are dropped.
  Index most_attempts = 0;    ///< Episodes that may run; 0: 100 for each that is wanted.
};

struct FilteredDemonstrations {
  Demonstrations demonstrations;
  Index dropped = 0;  ///< Episodes that ran before the last kept one and were too poor.
};

/// The first options.episodes episodes, from options.first_episode on, that reach the return. They do not depend on how
/// many run side by side. Errors: as collect; input_error for a least return that is no number, and when most_attempts
/// episodes have not been enough, with the best return among them. Where actor, task or the attempts fail, *partial
/// gets the whole episodes that had reached the return before; those that a failure cut are not among them.
FilteredDemonstrations collect_filtered(Stream& stream, const Task& task, Actor& actor, const CollectOptions& options,
                                        const ReturnFilter& filter, Demonstrations* partial = nullptr);

}  // namespace mynah
