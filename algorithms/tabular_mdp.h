#pragma once

#include <cstdint>
#include <vector>

#include "kernels/view.h"

namespace mynah {

/// A Markov decision process of S states and A actions, in tables.
///
/// The reward of a step is that of the state it ends in. States that end an episode lead to themselves, and nothing
/// that happens in them counts any more: their value is 0.
struct TabularMdp {
  Index states = 0;
  Index actions = 0;
  std::vector<double> transitions;  ///< [S, A, S]: P(next | state, action); rows sum to 1
  std::vector<double> rewards;      ///< [S]
  std::vector<std::uint8_t> ends;   ///< [S], 1 where an episode ends
  std::vector<double> starts;       ///< [S], probability of an episode's start
  double discount = 0.99;

  double transition(Index state, Index action, Index next) const {
    return transitions[static_cast<std::size_t>((state * actions + action) * states + next)];
  }

  /// Errors: input_error where sizes do not fit, probabilities do not sum to 1, a number is not finite, or the discount
  /// is not within [0, 1).
  void validate() const;
};

}  // namespace mynah
