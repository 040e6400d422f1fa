#include "algorithms/policy_head.h"

#include <fmt/format.h>

#include "kernels/error.h"

namespace mynah {

Index PolicyHead::columns(Index actions) const {
  return is_distribution() ? kernels::mixture_columns(components(), actions) : actions;
}

Index PolicyHead::network_columns(Index actions) const {
  const bool apart = is_distribution() && !state_dependent_deviation;
  return columns(actions) - (apart ? components() * actions : 0);
}

std::vector<float> PolicyHead::for_network_columns(const std::vector<float>& values, float other) const {
  if (!is_distribution()) return values;
  const auto actions = static_cast<Index>(values.size());
  std::vector<float> all(components() == 1 ? 0 : static_cast<std::size_t>(components()), other);
  for (Index k = 0; k < components(); ++k) all.insert(all.end(), values.begin(), values.end());
  all.resize(static_cast<std::size_t>(network_columns(actions)), other);
  return all;
}

std::string PolicyHead::describe(Index actions) const {
  if (!is_distribution()) return fmt::format("{} actions", actions);
  if (kind == Kind::gaussian) return fmt::format("{} means, {} log-deviations", actions, actions);
  return fmt::format("{0} logits, {0} x {1} means, {0} x {1} log-deviations", components(), actions);
}

PolicyHead::Kind parse_policy_head(const std::string& name) {
  if (name == "mse") return PolicyHead::Kind::action;
  if (name == "gaussian") return PolicyHead::Kind::gaussian;
  if (name == "mixture") return PolicyHead::Kind::mixture;
  throw input_error("--head " + name, "is not a head that mynah has", "use one of: mse, gaussian, mixture");
}

std::string policy_head_name(PolicyHead::Kind kind) {
  switch (kind) {
    case PolicyHead::Kind::gaussian:
      return "gaussian";
    case PolicyHead::Kind::mixture:
      return "mixture";
    case PolicyHead::Kind::action:
      break;
  }
  return "mse";
}

}  // namespace mynah
