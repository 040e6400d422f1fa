#pragma once

#include <memory>

#include "algorithms/tasks/custom_task.h"
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

  /// Episodes of the built-in expert, which sees the velocities; they are left out of what is recorded. What it does is
  /// disturbed (CollectOptions::noise), so that the demonstrations show the way back to clones that leave the expert's
  /// path. Without that a GRU, which holds most of a path, comes to -170 to -810 from seed to seed, however it is
  /// trained, and a history of 3 to -160 to -320.
  static Demonstrations demonstrations(Index episodes, std::uint64_t seed);

 private:
  kernels::EpisodeBatch whole(const kernels::EpisodeBatch& batch) const;
  void observe(Stream& stream, const kernels::EpisodeBatch& batch) const;

  std::unique_ptr<Task> pendulum_;
  mutable Buffer<float> observations_;
};

/// Pendulum-v1 whose motor does what it is told 4 steps later, with gusts that turn the pendulum as well: each step a
/// torque of its own, uniform in ± 1. Angle and velocity are observed, what the motor has been told and not yet done is
/// not.
///
/// The demonstrator knows: it works out where the pendulum will be when its torque acts, and does what the built-in
/// expert does there. Without gusts the past would follow from the present, and the observation would tell enough.
class LateMotorTask {
 public:
  static CustomTask task();
  static Demonstrations demonstrations(Index episodes, std::uint64_t seed);
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
