#include "algorithms/rollout.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "algorithms/episode_runner.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using kernels::EpisodeStatus;

/// Episodes in batches: one runner for the full batches, one for the rest. `left` gets a batch that actor or task left
/// before its end.
template <class Take, class Left>
void for_each_batch(Stream& stream, const Task& task, Actor& actor, const RolloutOptions& options, double noise,
                    EpisodeRunner::Keep keep, const Take& take, const Left& left) {
  Index done = 0;
  while (done < options.episodes) {
    const Index rows = std::min(options.batch_size, options.episodes - done);
    EpisodeRunner runner(stream, task, rows, keep);
    for (; options.episodes - done >= rows; done += rows) {
      try {
        runner.run(actor, options.seed, options.first_episode + done, noise);
      } catch (const Error& error) {
        if (error.cause() == Error::Cause::input) left(runner, done);
        throw;
      }
      take(runner, done);
    }
  }
}

[[noreturn]] void throw_not_a_number(const Task& task, Index episode) {
  throw input_error("task '" + task.description().name + "', episode " + std::to_string(episode),
                    "the return is not a number, because an action was not",
                    "check the policy: its weights or its normalisation may hold NaN");
}

bool terminated(std::int32_t status) {
  return status == static_cast<std::int32_t>(EpisodeStatus::terminated);
}

void append_outcomes(const EpisodeRunner& runner, const Task& task, Index first, EpisodeOutcomes& outcomes) {
  const std::vector<double> returns = runner.returns();
  const std::vector<std::int32_t> elapsed = runner.elapsed();
  const std::vector<std::int32_t> status = runner.status();
  for (std::size_t m = 0; m < returns.size(); ++m) {
    if (!std::isfinite(returns[m])) throw_not_a_number(task, first + static_cast<Index>(m));
    outcomes.returns.push_back(returns[m]);
    outcomes.lengths.push_back(elapsed[m]);
    outcomes.terminated.push_back(terminated(status[m]) ? 1 : 0);
  }
}

/// Appends values [slices, rows, columns] of one row, slices [first, first + count).
template <class T>
void append_row(const std::vector<T>& trace, Index rows, Index columns, Index row, Index first, Index count,
                std::vector<T>& out) {
  for (Index t = first; t < first + count; ++t) {
    const auto begin = trace.begin() + (t * rows + row) * columns;
    out.insert(out.end(), begin, begin + columns);
  }
}

/// whole: all have ended. Else episodes that ran are cut where they are.
void append_trace(const EpisodeRunner& runner, const Task& task, Index first, bool whole,
                  Demonstrations& demonstrations) {
  const TaskDescription& d = task.description();
  const std::vector<float> observations = runner.observations();
  const std::vector<float> actions = runner.actions();
  const std::vector<std::int32_t> labels = runner.labels();
  const std::vector<float> rewards = runner.rewards();
  const std::vector<double> returns = runner.returns();
  const std::vector<std::int32_t> elapsed = runner.elapsed();
  const std::vector<std::int32_t> status = runner.status();
  const auto rows = static_cast<Index>(elapsed.size());
  for (Index m = 0; m < rows; ++m) {
    const auto at = static_cast<std::size_t>(m);
    const Index steps = elapsed[at];
    const bool finite = std::isfinite(returns[at]);
    if (!finite && whole) throw_not_a_number(task, first + m);
    if (!finite || steps == 0) continue;
    append_row(observations, rows, d.observation_size, m, 0, steps, demonstrations.observations);
    append_row(observations, rows, d.observation_size, m, 1, steps, demonstrations.next_observations);
    if (d.discrete) {
      append_row(labels, rows, 1, m, 0, steps, demonstrations.labels);
    } else {
      append_row(actions, rows, d.action_size, m, 0, steps, demonstrations.actions);
    }
    append_row(rewards, rows, 1, m, 0, steps, demonstrations.rewards);
    const std::size_t end = demonstrations.rewards.size();
    demonstrations.terminals.resize(end, 0);
    demonstrations.timeouts.resize(end, 0);
    (terminated(status[at]) ? demonstrations.terminals : demonstrations.timeouts)[end - 1] = 1;
    demonstrations.episode_ends.push_back(static_cast<Index>(end));
  }
}

}  // namespace

void RolloutOptions::validate() const {
  if (episodes < 1) throw input_error("--episodes", "it is " + std::to_string(episodes), "ask for 1 or more");
  if (batch_size < 1)
    throw input_error("RolloutOptions::batch_size", "it is " + std::to_string(batch_size), "ask for 1 or more");
  // Random numbers take an episode's number as a word.
  constexpr Index limit = std::numeric_limits<std::int32_t>::max();
  if (first_episode < 0 || first_episode > limit || episodes > limit - first_episode) {
    throw input_error("--episodes", "the numbers of the episodes pass " + std::to_string(limit),
                      "ask for fewer, and use another seed for more");
  }
}

EpisodeOutcomes run_episodes(Stream& stream, const Task& task, Actor& actor, const RolloutOptions& options) {
  options.validate();
  EpisodeOutcomes outcomes;
  for_each_batch(
      stream, task, actor, options, 0.0, EpisodeRunner::Keep::outcome,
      [&](const EpisodeRunner& runner, Index done) {
        append_outcomes(runner, task, options.first_episode + done, outcomes);
      },
      [](const EpisodeRunner&, Index) {});
  return outcomes;
}

Demonstrations collect(Stream& stream, const Task& task, Actor& actor, const CollectOptions& options,
                       Demonstrations* partial) {
  options.validate();
  if (!(options.noise >= 0.0 && options.noise <= 1.0)) {
    throw input_error("--noise", "it is " + std::to_string(options.noise), "choose a number from 0 to 1");
  }
  const TaskDescription& d = task.description();
  Demonstrations demonstrations;
  demonstrations.observation_size = d.observation_size;
  demonstrations.action_size = d.action_size;
  demonstrations.action_count = d.action_count;
  demonstrations.discrete = d.discrete;
  demonstrations.observation_names = d.observation_names;
  demonstrations.action_names = d.action_names;
  demonstrations.source = "episodes of " + d.text();
  const auto append = [&](const EpisodeRunner& runner, Index done, bool whole) {
    append_trace(runner, task, options.first_episode + done, whole, demonstrations);
  };
  try {
    for_each_batch(
        stream, task, actor, options, options.noise, EpisodeRunner::Keep::trace,
        [&](const EpisodeRunner& runner, Index done) { append(runner, done, true); },
        [&](const EpisodeRunner& runner, Index done) { append(runner, done, false); });
  } catch (const Error&) {
    if (partial != nullptr) *partial = std::move(demonstrations);
    throw;
  }
  return demonstrations;
}

}  // namespace mynah
