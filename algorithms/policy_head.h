#pragma once

#include <string>
#include <vector>

#include "kernels/mixture_likelihood.h"

namespace mynah {

/// What the network of a policy of continuous actions says of an action: the action itself, or its distribution, of
/// which the policy takes the likeliest (the mean of the component with the largest weight), or draws.
///
/// A distribution is that of kernels/mixture_likelihood.h, a normal one being a mixture of one. Its deviations are in
/// units of what the actions of the demonstrations deviate, whether or not the policy normalises actions.
struct PolicyHead {
  enum class Kind {
    action,
    gaussian,
    mixture,  ///< Bishop, "Mixture density networks", 1994.
  };
  Kind kind = Kind::action;
  Index mixture_components = 5;  ///< Of a mixture: 2 to kernels::most_mixture_components.
  /// Whether the network gives the log-deviations too; else they are trained numbers, the same for every observation.
  bool state_dependent_deviation = true;

  bool is_distribution() const { return kind != Kind::action; }
  Index components() const { return kind == Kind::mixture ? mixture_components : 1; }
  /// Columns of what the network says of actions of so many columns: a distribution's parameters, or the action.
  Index columns(Index actions) const;
  /// Of these, those that depend on the observation: what the last linear layer gives.
  Index network_columns(Index actions) const;
  /// What standardises actions, for each of network_columns: means are standardised, the rest stands as it is. values
  /// [actions], `other` for the rest.
  std::vector<float> for_network_columns(const std::vector<float>& values, float other) const;

  /// What the columns are, for a person: "5 logits, 5 x 2 means, 5 x 2 log-deviations".
  std::string describe(Index actions) const;

  friend bool operator==(const PolicyHead&, const PolicyHead&) = default;
};

/// "mse" (the action itself, after the loss that it is trained with), "gaussian", "mixture". Errors: input_error naming
/// them.
PolicyHead::Kind parse_policy_head(const std::string& name);
std::string policy_head_name(PolicyHead::Kind kind);

}  // namespace mynah
