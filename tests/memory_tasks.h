#pragma once

#include <memory>

#include "algorithms/tasks/task.h"
#include "engine/buffer.h"
#include "engine/demonstrations.h"

/// Tasks that cannot be done from the observation of the moment alone: for tests of what a policy remembers. On the
/// CPU.
namespace mynah::tests {

/// Pendulum-v1 of which the position is observed alone: cosine and sine of the angle.
///
/// The pendulum is swung up by pushing with its motion and caught by pushing against it: two states at one angle, with
/// opposite velocities, need opposite torques. The mean of both, which is the best that a policy of the angle alone can
/// say, neither pumps energy in nor takes it out. The velocity is there in the difference of two observations, so that
/// a history of two, or a recurrent state that keeps the last one, makes the task whole again.
class HiddenVelocityTask : public Task {
 public:
  HiddenVelocityTask();
  void reset(Stream& stream, std::uint64_t seed, Index first_episode,
             const kernels::EpisodeBatch& batch) const override;
  void step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const override;
  /// The pendulum's, which sees no velocity here and takes it from the last two angles; 0 at an episode's start.
  std::unique_ptr<Actor> expert() const override;

  /// Episodes of the built-in expert, which sees the velocities; they are left out of what is recorded.
  static Demonstrations demonstrations(Index episodes, std::uint64_t seed);

 private:
  kernels::EpisodeBatch whole(const kernels::EpisodeBatch& batch) const;
  void observe(Stream& stream, const kernels::EpisodeBatch& batch) const;

  std::unique_ptr<Task> pendulum_;
  mutable Buffer<float> observations_;
};

/// A way along a line, from somewhere in [-1, -0.5] to 0.5, in steps of 0.05: 0 stays, 1 goes on. The return is 1 for
/// who arrives within 60 steps. Only the position is observed.
///
/// The demonstrator goes to the middle, waits there for 10 steps, as people do before a delicate part, and goes on: its
/// action comes with a delay that nothing in the observation tells the end of. Where it waits, 10 of 11 actions are to
/// stay: whoever learns single actions stays there for ever. Whoever learns the next 16 actions learns that the wait
/// ends (Zhao et al. 2023, who name pauses in demonstrations).
class HesitationTask : public Task {
 public:
  HesitationTask();
  void reset(Stream& stream, std::uint64_t seed, Index first_episode,
             const kernels::EpisodeBatch& batch) const override;
  void step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const override;

  static Demonstrations demonstrations(Index episodes, std::uint64_t seed);
};

}  // namespace mynah::tests
