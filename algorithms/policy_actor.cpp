#include "algorithms/policy_actor.h"

#include "kernels/classification.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {
namespace {

std::string shape_text(Index observations, bool discrete, Index actions) {
  return std::to_string(observations) + " observation values and " + std::to_string(actions) +
         (discrete ? " discrete actions" : " action values");
}

}  // namespace

PolicyActor::PolicyActor(Policy& policy, const Task& task) : policy_(&policy) {
  const TaskDescription& wanted = task.description();
  const Index outputs = wanted.discrete ? wanted.action_count : wanted.action_size;
  const bool discrete = policy.description().discrete;
  if (policy.observation_size() != wanted.observation_size || discrete != wanted.discrete ||
      policy.output_size() != outputs) {
    throw input_error("--task " + wanted.name,
                      "does not fit the policy: the task has " +
                          shape_text(wanted.observation_size, wanted.discrete, outputs) + ", the policy " +
                          shape_text(policy.observation_size(), discrete, policy.output_size()),
                      "evaluate the policy in the task that it was trained for");
  }
}

void PolicyActor::act(Stream& stream, const ActorInput& input, const ActionBatch& actions) {
  const Matrix outputs = place_for(input.observations.rows);
  run(input, outputs);
  if (policy_->description().discrete) {
    kernels::argmax_rows(stream, outputs, actions.labels);
  } else {
    kernels::copy(stream, outputs, actions.values);
  }
}

void PolicyActor::run(const ActorInput& input, Matrix outputs) {
  if (!policy_->description().memory.remembers()) return policy_->outputs(input.observations, outputs);
  const Index rows = input.observations.rows;
  if (!memory_ || memory_->rows() != rows) memory_.emplace(*policy_, rows);  // another batch of episodes begins
  memory_->outputs(input.observations, input.elapsed, outputs);
}

Matrix PolicyActor::place_for(Index rows) {
  const Index size = rows * policy_->output_size();
  if (outputs_.size() < size) outputs_ = Buffer<float>(policy_->stream().device(), size);
  return {outputs_.data(), rows, policy_->output_size()};
}

}  // namespace mynah
