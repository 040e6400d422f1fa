#pragma once

#include <functional>
#include <memory>
#include <span>

#include "algorithms/tasks/task.h"

namespace mynah {

/// The random numbers of one episode: the same for the same seed and episode number. A copy goes on from where it is,
/// so an environment may keep one for its steps.
class EpisodeRandom {
 public:
  EpisodeRandom(RandomKey key, Index episode) : key_(key), episode_(static_cast<std::uint64_t>(episode)) {}

  /// In [low, high).
  double uniform(double low, double high);
  /// Standard normal.
  double normal();
  std::uint32_t word();

 private:
  RandomKey key_;
  std::uint64_t episode_;
  std::uint32_t drawn_ = 0;  ///< Words.
};

/// What an episode is told to do: the one that fits the task is filled.
struct EpisodeAction {
  std::span<const float> values;  ///< Continuous: [action_size], finite and within the bounds.
  std::int32_t label = 0;         ///< Discrete: in [0, action_count).
};

struct StepOutcome {
  double reward = 0.0;
  bool terminated = false;  ///< The task's own end; the limit of steps is looked after elsewhere.
};

/// One episode of a task of your own, in whatever form you have it.
class Environment {
 public:
  virtual ~Environment() = default;

  /// A new episode. What it depends on besides `random` makes results depend on the order of episodes.
  virtual void reset(EpisodeRandom random) = 0;
  /// Not called after the end of the episode.
  virtual StepOutcome step(const EpisodeAction& action) = 0;
  /// observation [observation_size]
  virtual void observe(std::span<float> observation) const = 0;
};

/// A task of your own: mynah makes an environment for each episode that runs side by side, and uses it for one episode
/// after another. It runs on the CPU, with streams of every device, and everything that takes a Task takes it.
///
///   mynah::TaskDescription d;
///   d.name = "Docking-v0", d.observation_size = 2, d.action_size = 1, d.action_low = -1, d.action_high = 1;
///   d.max_steps = 200;
///   const mynah::CustomTask task(d, [] { return std::make_unique<Docking>(); });
///
/// Errors of reset and step: input_error naming task, episode, step and column for an observation or a reward that is
/// not finite (as float) and for an action that is NaN or no class, and with what() for an exception of the
/// environment; the batch is as it was before the call. A second batch, or VectorTask, may only begin when the first is
/// no longer stepped; VectorTask takes it on the CPU only.
class CustomTask : public Task {
 public:
  using MakeEnvironment = std::function<std::unique_ptr<Environment>()>;

  /// description.state_size is not looked at. Errors: input_error for a description that does not fit itself, and for
  /// no function.
  CustomTask(TaskDescription description, MakeEnvironment make);
  ~CustomTask() override;

  void reset(Stream& stream, std::uint64_t seed, Index first_episode,
             const kernels::EpisodeBatch& batch) const override;
  void step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const override;
  void start_copies(Stream& stream, std::uint64_t seed, Index first_copy,
                    const kernels::CopyBatch& batch) const override;
  void step_copies(Stream& stream, const ActionBatch& actions, std::uint64_t seed, Index first_copy,
                   const kernels::CopyBatch& batch) const override;

 private:
  struct Place;
  /// Which episode a row begins.
  struct Start {
    RandomKey key;
    Index episode = 0;
  };
  struct HostBatch;
  void observe(const Place& place, std::span<float> observation, Environment& environment) const;
  void begin(Stream& stream, const std::function<Start(Index row)>& start, const kernels::EpisodeBatch& batch) const;
  template <class Work>
  void guarded(const Place& place, const Work& work) const;
  StepOutcome checked_step(const Place& place, const EpisodeAction& action, Environment& environment) const;
  EpisodeAction check_action(const Place& place, std::span<float> values, std::int32_t label) const;
  [[noreturn]] void refuse(const Place& place, const std::string& problem, const std::string& remedy) const;

  MakeEnvironment make_;
  // Of the batch that runs, a row each; `ticket_` is in its states, so that another batch is noticed.
  mutable std::vector<std::unique_ptr<Environment>> environments_;
  mutable std::int64_t ticket_ = 0;
};

}  // namespace mynah
