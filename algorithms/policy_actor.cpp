#include "algorithms/policy_actor.h"

#include "kernels/classification.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/policy_actions.h"

namespace mynah {
namespace {

std::string shape_text(Index observations, bool discrete, Index actions) {
  return std::to_string(observations) + " observation values and " + std::to_string(actions) +
         (discrete ? " discrete actions" : " action values");
}

}  // namespace

PolicyActor::PolicyActor(Policy& policy, const Task& task, const Options& options)
    : policy_(&policy), options_(options) {
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
  if (options.sampled && !discrete && !policy.description().head.is_distribution()) {
    throw input_error("--sampled", "there is nothing to draw from: the policy gives an action, not its distribution",
                      "train one with --head gaussian or --head mixture, or add noise to its actions");
  }
}

void PolicyActor::act(Stream& stream, const ActorInput& input, const ActionBatch& actions) {
  options_.sampled ? draw(stream, input, actions) : act_deterministically(stream, input, actions);
  if (!memory_) return;
  policy_->description().discrete ? memory_->chosen(actions.labels) : memory_->chosen(actions.values);
}

void PolicyActor::draw(Stream& stream, const ActorInput& input, const ActionBatch& actions) {
  // Of the policy's numbers, 0 are the random policy's and 1 the noise's.
  const kernels::EpisodeNumbers numbers{random_key(options_.seed, RandomStream::policy, 2), input.first_episode,
                                        input.elapsed};
  EpisodeMemory* const memory = memory_of(input);
  const bool discrete = policy_->description().discrete;
  const Matrix parameters =
      place_for(input.observations.rows, discrete ? policy_->output_size() : policy_->parameter_size());
  if (memory == nullptr) {
    policy_->parameters(input.observations, parameters);
  } else if (discrete) {
    memory->outputs(input.observations, input.elapsed, parameters);
  } else {
    memory->parameters(input.observations, input.elapsed, parameters);
  }
  if (discrete) {
    kernels::class_sample(stream, numbers, parameters, actions.labels);
  } else {
    kernels::mixture_sample(stream, numbers, parameters, policy_->mixture(), actions.values);
  }
}

void PolicyActor::act_deterministically(Stream& stream, const ActorInput& input, const ActionBatch& actions) {
  const Matrix outputs = place_for(input.observations.rows, policy_->output_size());
  if (EpisodeMemory* const memory = memory_of(input)) {
    memory->outputs(input.observations, input.elapsed, outputs);
  } else {
    policy_->outputs(input.observations, outputs);
  }
  if (policy_->description().discrete) {
    kernels::argmax_rows(stream, outputs, actions.labels);
  } else {
    kernels::copy(stream, outputs, actions.values);
  }
}

EpisodeMemory* PolicyActor::memory_of(const ActorInput& input) {
  if (!policy_->description().memory.remembers()) return nullptr;
  const Index rows = input.observations.rows;
  if (!memory_ || memory_->rows() != rows) memory_.emplace(*policy_, rows);  // another batch of episodes begins
  return &*memory_;
}

Matrix PolicyActor::place_for(Index rows, Index columns) {
  const Index size = rows * columns;
  if (outputs_.size() < size) outputs_ = Buffer<float>(policy_->stream().device(), size);
  return {outputs_.data(), rows, columns};
}

}  // namespace mynah
