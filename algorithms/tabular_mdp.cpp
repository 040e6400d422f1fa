#include "algorithms/tabular_mdp.h"

#include <cmath>
#include <string>

#include "kernels/error.h"

namespace mynah {
namespace {

constexpr const char* where = "tabular Markov decision process";

void require_size(std::size_t size, Index expected, const char* what) {
  if (static_cast<Index>(size) == expected) return;
  throw input_error(where, std::string(what) + " has " + std::to_string(size) + " numbers",
                    "give " + std::to_string(expected));
}

/// values [begin, begin + count) are probabilities.
void require_distribution(const std::vector<double>& values, Index begin, Index count, const std::string& what) {
  double sum = 0.0;
  for (Index i = begin; i < begin + count; ++i) {
    const double p = values[static_cast<std::size_t>(i)];
    if (!(p >= 0.0)) throw input_error(where, what + " holds a number below 0", "give probabilities");
    sum += p;
  }
  if (!(std::abs(sum - 1.0) <= 1e-9)) {
    throw input_error(where, what + " sums to " + std::to_string(sum), "give probabilities that sum to 1");
  }
}

}  // namespace

void TabularMdp::validate() const {
  if (states < 1 || actions < 1) throw input_error(where, "there is no state or no action", "give one or more of each");
  require_size(transitions.size(), states * actions * states, "transitions");
  require_size(rewards.size(), states, "rewards");
  require_size(ends.size(), states, "ends");
  require_size(starts.size(), states, "starts");
  for (Index i = 0; i < states * actions; ++i) {
    require_distribution(
        transitions, i * states, states,
        "row (" + std::to_string(i / actions) + ", " + std::to_string(i % actions) + ") of the transitions");
  }
  require_distribution(starts, 0, states, "starts");
  for (const double reward : rewards) {
    if (!std::isfinite(reward)) throw input_error(where, "a reward is not finite", "give finite rewards");
  }
  if (!(discount >= 0.0 && discount < 1.0)) {
    throw input_error(where, "the discount is " + std::to_string(discount), "choose 0 or more, below 1");
  }
}

}  // namespace mynah
