#include "algorithms/policy_session.h"

#include <algorithm>

#include "kernels/error.h"

namespace mynah {

PolicySession::PolicySession(Policy& policy)
    : policy_(&policy),
      memory_(policy, 1),
      observation_(policy.stream().device(), policy.observation_size()),
      results_(policy.stream().device(), policy.output_size()),
      elapsed_(policy.stream().device(), 1),
      choice_(policy.stream().device(), 1),
      output_(static_cast<std::size_t>(policy.output_size())) {
  // Scratch memory gets its size.
  run(std::vector<float>(static_cast<std::size_t>(policy.observation_size()), 0.0f));
  policy.description().discrete ? remember(Index{0}) : remember(output_);
  begin_episode();
}

void PolicySession::check(std::size_t observations, std::size_t results, bool discrete, const char* call) const {
  const auto place = [&] { return std::string("PolicySession::") + call; };  // made where something is wrong only
  if (policy_->description().discrete != discrete) {
    throw input_error(place(), discrete ? "this policy has continuous actions" : "this policy has discrete actions",
                      discrete ? "call act()" : "call choose()");
  }
  if (static_cast<Index>(observations) != policy_->observation_size() ||
      static_cast<Index>(results) != policy_->output_size()) {
    throw input_error(place(),
                      "got an observation of " + std::to_string(observations) + " values and room for " +
                          std::to_string(results) + " outputs",
                      "this policy takes " + std::to_string(policy_->observation_size()) + " and gives " +
                          std::to_string(policy_->output_size()));
  }
}

/// Leaves the result in output_.
void PolicySession::run(std::span<const float> observation) {
  Stream& stream = policy_->stream();
  observation_.upload(stream, observation);
  elapsed_.upload(stream, step_);
  memory_.outputs({observation_.data(), 1, observation_.size()}, elapsed_.view(),
                  {results_.data(), 1, results_.size()});
  kernels::copy_to_host(stream, output_.data(), results_.data(), output_.size() * sizeof(float));
  ++step_;
}

void PolicySession::act(std::span<const float> observation, std::span<float> action) {
  check(observation.size(), action.size(), false, "act");
  run(observation);
  std::copy_n(output_.data(), action.size(), action.data());
  policy_->clip(action);
  remember(action);
}

Index PolicySession::choose(std::span<const float> observation) {
  check(observation.size(), output_.size(), true, "choose");
  run(observation);
  const Index choice = std::max_element(output_.begin(), output_.end()) - output_.begin();
  remember(choice);
  return choice;
}

/// Into results_, which is free again.
void PolicySession::remember(std::span<const float> action) {
  if (!policy_->description().memory.actions) return;
  results_.upload(policy_->stream(), action);
  memory_.chosen(ConstMatrix{results_.data(), 1, results_.size()});
}

void PolicySession::remember(Index choice) {
  if (!policy_->description().memory.actions) return;
  choice_.upload(policy_->stream(), static_cast<std::int32_t>(choice));
  memory_.chosen(choice_.view());
}

void PolicySession::did(std::span<const float> action) {
  check(static_cast<std::size_t>(policy_->observation_size()), action.size(), false, "did");
  remember(action);
}

void PolicySession::did(Index choice) {
  check(static_cast<std::size_t>(policy_->observation_size()), output_.size(), true, "did");
  if (choice < 0 || choice >= policy_->output_size()) {
    throw input_error("PolicySession::did", "got class " + std::to_string(choice),
                      "this policy has " + std::to_string(policy_->output_size()));
  }
  remember(choice);
}

}  // namespace mynah
