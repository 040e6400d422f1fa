#pragma once

#include <iterator>

#include "algorithms/actor.h"
#include "algorithms/tasks/task.h"
#include "kernels/episode.h"

namespace mynah {

/// Whether the reference returns that the dynamics state are those of these parameters.
template <class Dynamics>
bool are_measured(const TaskOptions& options, const Dynamics& dynamics) {
  if constexpr (requires { dynamics.has_reference_returns(); }) return dynamics.has_reference_returns();
  return options.parameters.empty();
}

/// What a task of kernels/dynamics/NAME.h is, from what stands there beside its rules:
///
///   static constexpr const char* name = "CartPole-v1";
///   static constexpr const char* observation_names[] = {...};             // [observation_size]
///   static constexpr const char* action_names[] = {...};                  // [action_size] or [action_count]
///   static constexpr double random_return = ..., expert_return = ...;     // ReferenceReturns, if measured
///
/// Dynamics whose parameters leave those returns as they are say so: bool has_reference_returns() const.
template <class Dynamics>
TaskDescription describe_dynamics(const TaskOptions& options, const Dynamics& dynamics) {
  TaskDescription d;
  d.name = Dynamics::name;
  d.state_size = dynamics::stored_state_size<Dynamics>;
  d.observation_size = Dynamics::observation_size;
  d.discrete = dynamics::is_discrete<Dynamics>;
  if constexpr (dynamics::is_discrete<Dynamics>) {
    d.action_count = Dynamics::action_count;
  } else {
    d.action_size = Dynamics::action_size;
    d.action_low = Dynamics::action_low;
    d.action_high = Dynamics::action_high;
  }
  d.max_steps = options.max_steps > 0 ? options.max_steps : Dynamics::max_steps;
  d.fixed_horizon = options.fixed_horizon;
  d.parameters = options.parameters;
  d.observation_names.assign(std::begin(Dynamics::observation_names), std::end(Dynamics::observation_names));
  d.action_names.assign(std::begin(Dynamics::action_names), std::end(Dynamics::action_names));
  if constexpr (requires { Dynamics::random_return + Dynamics::expert_return; }) {
    if (d.max_steps == Dynamics::max_steps && are_measured(options, dynamics)) {
      d.reference_returns = ReferenceReturns{Dynamics::random_return, Dynamics::expert_return};
    }
  }
  return d;
}

/// The key that gives copies their seeds.
inline RandomKey copies_key(std::uint64_t seed) {
  return random_key(seed, RandomStream::task, 1);
}

/// The actions of `batch` that the dynamics take.
template <class Dynamics>
dynamics::ActionsOf<Dynamics> actions_of(const ActionBatch& batch) {
  if constexpr (dynamics::is_discrete<Dynamics>) {
    return batch.labels;
  } else {
    return batch.values;
  }
}

/// The expert that the dynamics state.
template <class Dynamics>
class DynamicsExpert : public Actor {
 public:
  explicit DynamicsExpert(const Dynamics& dynamics) : dynamics_(dynamics) {}
  void act(Stream& stream, const ActorInput& input, const ActionBatch& actions) override {
    kernels::expert_actions(stream, dynamics_, input.observations, actions_of<Dynamics>(actions));
  }

 private:
  Dynamics dynamics_;
};

/// The task of one of kernels/dynamics/all_dynamics.h. A task whose dynamics have parameters derives from it and gives
/// them; one whose parameters lie in device memory overrides `dynamics_on`.
template <class Dynamics>
class DynamicsTask : public Task {
 public:
  explicit DynamicsTask(const TaskOptions& options = {}, const Dynamics& dynamics = {})
      : DynamicsTask(describe_dynamics<Dynamics>(options, dynamics), dynamics) {}

  void reset(Stream& stream, std::uint64_t seed, Index first_episode,
             const kernels::EpisodeBatch& batch) const override {
    kernels::reset_episodes(stream, dynamics_on(stream), random_key(seed, RandomStream::task), first_episode, batch);
  }
  void step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const override {
    kernels::step_episodes(stream, dynamics_on(stream), rules(), actions_of<Dynamics>(actions), batch);
  }
  void start_copies(Stream& stream, std::uint64_t seed, Index first_copy,
                    const kernels::CopyBatch& batch) const override {
    kernels::start_copies(stream, dynamics_on(stream), copies_key(seed), first_copy, batch);
  }
  void step_copies(Stream& stream, const ActionBatch& actions, std::uint64_t seed, Index first_copy,
                   const kernels::CopyBatch& batch) const override {
    kernels::step_copies(stream, dynamics_on(stream), rules(), copies_key(seed), first_copy,
                         actions_of<Dynamics>(actions), batch);
  }
  std::unique_ptr<Actor> expert() const override {
    if constexpr (dynamics::has_expert<Dynamics>) return std::make_unique<DynamicsExpert<Dynamics>>(dynamics_);
    return nullptr;
  }

 protected:
  DynamicsTask(TaskDescription description, const Dynamics& dynamics)
      : Task(std::move(description)), dynamics_(dynamics) {}

  /// The dynamics as operations on this stream use them.
  virtual Dynamics dynamics_on(Stream&) const { return dynamics_; }
  kernels::EpisodeRules rules() const {
    return {static_cast<std::int32_t>(description().max_steps), description().fixed_horizon};
  }

 private:
  Dynamics dynamics_;
};

}  // namespace mynah
