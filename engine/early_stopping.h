#pragma once

#include <limits>

#include "kernels/view.h"

namespace mynah {

/// Keeps the best value seen and says when none better has come for `patience` epochs (Prechelt 1998, criterion UP's
/// simplest form). Lower is better; NaN is never better.
struct EarlyStopping {
  Index patience = 0;  ///< 0: never stop early.
  double best = std::numeric_limits<double>::infinity();
  Index best_epoch = 0;  ///< Counted from 1; 0: none yet.

  /// Whether `value`, seen after `epoch`, is better than all before it.
  bool observe(Index epoch, double value) {
    if (!(value < best)) return false;
    best = value;
    best_epoch = epoch;
    return true;
  }

  bool should_stop(Index epoch) const { return patience > 0 && epoch - best_epoch >= patience; }
};

}  // namespace mynah
