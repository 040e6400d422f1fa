#include "algorithms/episode_runner.h"

#include <algorithm>

#include "kernels/episode_actions.h"

namespace mynah {
namespace {

/// How often it is asked whether all episodes have ended: asking waits for the device.
constexpr Index steps_between_questions = 16;

}  // namespace

EpisodeRunner::EpisodeRunner(Stream& stream, const Task& task, Index rows, Keep keep)
    : stream_(&stream), task_(&task), rows_(rows), trace_(keep == Keep::trace) {
  const TaskDescription& d = task.description();
  const DeviceId device = stream.device();
  const Index slices = trace_ ? d.max_steps : 1;
  states_ = {device, rows * d.state_size};
  returns_ = {device, rows};
  observations_ = {device, (trace_ ? slices + 1 : 1) * rows * d.observation_size};
  actions_ = {device, slices * rows * d.action_size};
  rewards_ = {device, slices * rows};
  executed_actions_ = {device, rows * d.action_size};
  labels_ = {device, d.discrete ? slices * rows : 0};
  elapsed_ = {device, rows};
  status_ = {device, rows};
  executed_labels_ = {device, d.discrete ? rows : 0};
}

kernels::EpisodeBatch EpisodeRunner::batch_at(Index observation_slice, Index reward_slice) const {
  const TaskDescription& d = task_->description();
  kernels::EpisodeBatch batch;
  batch.states = {states_.data(), rows_, d.state_size};
  batch.observations = {observations_.data() + (trace_ ? observation_slice : 0) * rows_ * d.observation_size, rows_,
                        d.observation_size};
  batch.rewards = {rewards_.data() + (trace_ ? reward_slice : 0) * rows_, rows_};
  batch.returns = returns_.view();
  batch.elapsed = elapsed_.view();
  batch.status = status_.view();
  return batch;
}

ActionBatch EpisodeRunner::actions_at(Index slice) const {
  const TaskDescription& d = task_->description();
  const Index first_row = (trace_ ? slice : 0) * rows_;
  if (d.discrete) return {{}, {labels_.data() + first_row, rows_}};
  return {{actions_.data() + first_row * d.action_size, rows_, d.action_size}, {}};
}

ActionBatch EpisodeRunner::executed(const ActionBatch& intended, std::uint64_t seed, Index first_episode,
                                    double noise) {
  if (noise == 0.0) return intended;
  const TaskDescription& d = task_->description();
  // Instance 1: a random policy of the same seed draws from instance 0.
  const kernels::EpisodeNumbers numbers{random_key(seed, RandomStream::policy, 1), first_episode, elapsed_.view()};
  if (d.discrete) {
    const Labels labels = executed_labels_.view();
    kernels::perturb_labels(*stream_, numbers, static_cast<float>(noise), static_cast<std::int32_t>(d.action_count),
                            intended.labels, labels);
    return {{}, labels};
  }
  const Matrix values{executed_actions_.data(), rows_, d.action_size};
  const auto deviation = static_cast<float>(noise * 0.5 * (d.action_high - d.action_low));
  kernels::perturb_actions(*stream_, numbers, deviation, d.action_low, d.action_high, intended.values, values);
  return {values, {}};
}

bool EpisodeRunner::all_ended() const {
  const std::vector<std::int32_t> now = status();
  return std::none_of(now.begin(), now.end(), [](std::int32_t s) { return kernels::goes_on(s); });
}

Index EpisodeRunner::run(Actor& actor, std::uint64_t seed, Index first_episode, double noise) {
  const Index max_steps = task_->description().max_steps;
  task_->reset(*stream_, seed, first_episode, batch_at(0, 0));
  Index step = 0;
  while (step < max_steps) {
    const ActionBatch intended = actions_at(step);
    actor.act(*stream_, {batch_at(step, step).observations, elapsed_.view(), first_episode, status_.view()}, intended);
    task_->step(*stream_, executed(intended, seed, first_episode, noise), batch_at(step + 1, step));
    ++step;
    if (step % steps_between_questions == 0 && all_ended()) break;
  }
  stream_->synchronize();
  return step;
}

}  // namespace mynah
