#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "algorithms/tabular_mdp.h"

namespace mynah {

struct ValueIterationResult {
  std::vector<double> values;         ///< [S], of the best policy; 0 where an episode ends
  std::vector<double> action_values;  ///< [S, A]
  std::vector<std::int32_t> policy;   ///< [S], the best action; the first of those within 1e-9 of the best
  Index sweeps = 0;
};

/// The optimal values of a Markov decision process (Bellman, "Dynamic programming", 1957):
///
///   q(s, a) = Σ_s' P(s' | s, a) (reward(s') + discount v(s'))      v(s) = max_a q(s, a), or 0 where s ends an episode
///
/// Sweeps until no value is further than `tolerance` from its limit, which is so when none changes by more than
/// tolerance (1 - discount) / discount. `rewards` takes the place of the process's own where it is not empty, as
/// inverse reinforcement learning needs it. Errors: TabularMdp::validate; input_error for rewards of another size or a
/// tolerance that is not above 0.
ValueIterationResult value_iteration(const TabularMdp& mdp, double tolerance = 1e-10,
                                     std::span<const double> rewards = {});

/// The values [S] of a policy [S], by the same sweeps.
std::vector<double> evaluate_policy(const TabularMdp& mdp, std::span<const std::int32_t> policy,
                                    double tolerance = 1e-10);

}  // namespace mynah
