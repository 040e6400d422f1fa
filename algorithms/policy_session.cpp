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

// The place is made where something is wrong only.
void PolicySession::check_kind(bool discrete, const char* call) const {
  if (policy_->description().discrete == discrete) return;
  throw input_error(std::string("PolicySession::") + call,
                    discrete ? "this policy has continuous actions" : "this policy has discrete actions",
                    discrete ? "call act()" : "call choose()");
}

void PolicySession::check_sizes(std::size_t observations, std::size_t results, const char* call) const {
  if (static_cast<Index>(observations) == policy_->observation_size() &&
      static_cast<Index>(results) == policy_->output_size()) {
    return;
  }
  throw input_error(std::string("PolicySession::") + call,
                    "got an observation of " + std::to_string(observations) + " values and room for " +
                        std::to_string(results) + " outputs",
                    "this policy takes " + std::to_string(policy_->observation_size()) + " and gives " +
                        std::to_string(policy_->output_size()));
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
  check_kind(false, "act");
  check_sizes(observation.size(), action.size(), "act");
  run(observation);
  std::copy_n(output_.data(), action.size(), action.data());
  policy_->clip(action);
  remember(action);
}

Index PolicySession::choose(std::span<const float> observation) {
  check_kind(true, "choose");
  check_sizes(observation.size(), output_.size(), "choose");
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
  check_kind(false, "did");
  check_sizes(static_cast<std::size_t>(policy_->observation_size()), action.size(), "did");
  remember(action);
}

void PolicySession::did(Index choice) {
  check_kind(true, "did");
  if (choice < 0 || choice >= policy_->output_size()) {
    throw input_error("PolicySession::did", "got class " + std::to_string(choice),
                      "this policy has " + std::to_string(policy_->output_size()));
  }
  remember(choice);
}

void PolicySession::outputs(std::span<const float> observation, std::span<float> result) {
  check_sizes(observation.size(), result.size(), "outputs");
  run(observation);
  std::copy_n(output_.data(), result.size(), result.data());
}

}  // namespace mynah
