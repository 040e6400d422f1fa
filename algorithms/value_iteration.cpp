#include "algorithms/value_iteration.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/error.h"

namespace mynah {
namespace {

/// Σ_s' P(s' | state, action) (reward(s') + discount v(s')), over the successors there are.
class Successors {
 public:
  explicit Successors(const TabularMdp& mdp) : discount_(mdp.discount) {
    first_.push_back(0);
    for (Index row = 0; row < mdp.states * mdp.actions; ++row) {
      for (Index next = 0; next < mdp.states; ++next) {
        const double p = mdp.transitions[static_cast<std::size_t>(row * mdp.states + next)];
        if (p > 0.0) entries_.push_back({static_cast<std::size_t>(next), p});
      }
      first_.push_back(entries_.size());
    }
  }

  double value(std::size_t row, std::span<const double> rewards, std::span<const double> values) const {
    double sum = 0.0;
    for (std::size_t i = first_[row]; i < first_[row + 1]; ++i) {
      const auto& [next, p] = entries_[i];
      sum += p * (rewards[next] + discount_ * values[next]);
    }
    return sum;
  }

 private:
  struct Entry {
    std::size_t next;
    double probability;
  };
  double discount_;
  std::vector<Entry> entries_;
  std::vector<std::size_t> first_;
};

void check_tolerance(double tolerance) {
  if (!(tolerance > 0.0)) {
    throw input_error("value iteration", "the tolerance is " + std::to_string(tolerance), "choose a number above 0");
  }
}

/// Sweeps over v with v(s) = update(s) where s does not end an episode; returns how many.
template <class Update>
Index sweep(const TabularMdp& mdp, double tolerance, std::vector<double>& values, const Update& update) {
  const double enough = mdp.discount > 0.0 ? tolerance * (1.0 - mdp.discount) / mdp.discount : tolerance;
  for (Index sweeps = 1;; ++sweeps) {
    double change = 0.0;
    for (std::size_t s = 0; s < values.size(); ++s) {
      if (mdp.ends[s] != 0) continue;
      const double value = update(s);
      change = std::max(change, std::abs(value - values[s]));
      values[s] = value;
    }
    // The last bits of large values may never come to rest.
    if (change <= enough || change <= 1e-15 * std::abs(*std::max_element(values.begin(), values.end()))) return sweeps;
  }
}

}  // namespace

ValueIterationResult value_iteration(const TabularMdp& mdp, double tolerance, std::span<const double> rewards) {
  mdp.validate();
  check_tolerance(tolerance);
  if (rewards.empty()) rewards = mdp.rewards;
  if (static_cast<Index>(rewards.size()) != mdp.states) {
    throw input_error("value iteration", "there are " + std::to_string(rewards.size()) + " rewards",
                      "give one for each of the " + std::to_string(mdp.states) + " states");
  }
  const Successors successors(mdp);
  const auto actions = static_cast<std::size_t>(mdp.actions);
  ValueIterationResult result;
  result.values.assign(static_cast<std::size_t>(mdp.states), 0.0);
  result.action_values.assign(result.values.size() * actions, 0.0);
  const auto row_of = [&](std::size_t s) { return result.action_values.begin() + static_cast<Index>(s * actions); };
  result.sweeps = sweep(mdp, tolerance, result.values, [&](std::size_t s) {
    for (std::size_t a = 0; a < actions; ++a) {
      result.action_values[s * actions + a] = successors.value(s * actions + a, rewards, result.values);
    }
    return *std::max_element(row_of(s), row_of(s) + mdp.actions);
  });
  for (std::size_t s = 0; s < result.values.size(); ++s) {
    const auto first = row_of(s);
    const double best = *std::max_element(first, first + mdp.actions);
    const auto chosen = std::find_if(first, first + mdp.actions, [&](double q) { return q >= best - 1e-9; });
    result.policy.push_back(static_cast<std::int32_t>(chosen - first));
  }
  return result;
}

std::vector<double> evaluate_policy(const TabularMdp& mdp, std::span<const std::int32_t> policy, double tolerance) {
  mdp.validate();
  check_tolerance(tolerance);
  const Successors successors(mdp);
  const auto actions = static_cast<std::size_t>(mdp.actions);
  std::vector<double> values(static_cast<std::size_t>(mdp.states), 0.0);
  sweep(mdp, tolerance, values, [&](std::size_t s) {
    return successors.value(s * actions + static_cast<std::size_t>(policy[s]), mdp.rewards, values);
  });
  return values;
}

}  // namespace mynah
