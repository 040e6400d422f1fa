#pragma once

#include <functional>
#include <span>
#include <vector>

#include "algorithms/actor.h"

namespace mynah {

/// An actor that decides on the host: what is asked for is copied there, and the answers back. Its actions are those of
/// episodes that go on; ended ones get zeros.
class HostActor : public Actor {
 public:
  void act(Stream& stream, const ActorInput& input, const ActionBatch& actions) final;

 protected:
  explicit HostActor(TaskDescription task) : task_(std::move(task)) {}
  const TaskDescription& task() const { return task_; }

  /// One of the two is filled, for `rows` observations.
  struct Decisions {
    std::span<float> values;         ///< [rows, action_size]
    std::span<std::int32_t> labels;  ///< [rows]
  };
  /// observations [rows, observation_size], rows >= 1.
  virtual void decide(Index rows, std::span<const float> observations, const Decisions& decisions) = 0;

 private:
  TaskDescription task_;
};

/// An expert written as a function of one observation.
class FunctionActor : public HostActor {
 public:
  /// observation [observation_size], action [action_size].
  using Continuous = std::function<void(std::span<const float> observation, std::span<float> action)>;
  using Discrete = std::function<std::int32_t(std::span<const float> observation)>;

  /// Errors: input_error for no function, and for a task with the other kind of actions; of act(), for a number that is
  /// no class of the task.
  FunctionActor(const Task& task, Continuous function);
  FunctionActor(const Task& task, Discrete function);

 private:
  void decide(Index rows, std::span<const float> observations, const Decisions& decisions) override;

  Continuous continuous_;
  Discrete discrete_;
};

}  // namespace mynah
