#include "algorithms/tasks/custom_task.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "algorithms/host_rows.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using kernels::EpisodeStatus;

/// Columns of the states: which batch, and which episode of it.
enum StateColumn : std::uint8_t { ticket_column, episode_column, state_columns };

TaskDescription checked(TaskDescription d) {
  const auto require = [&](bool holds, const std::string& problem, const std::string& remedy) {
    if (!holds) throw input_error("task '" + d.name + "'", problem, remedy);
  };
  const auto count = [](const std::vector<std::string>& names) { return static_cast<Index>(names.size()); };
  require(!d.name.empty(), "it has no name", "set TaskDescription::name");
  require(d.observation_size >= 1, "it has no observation", "set TaskDescription::observation_size");
  require(d.max_steps >= 1 && d.max_steps <= std::numeric_limits<std::int32_t>::max(),
          fmt::format("its limit of steps is {}", d.max_steps), "set TaskDescription::max_steps to 1 or more");
  d.discrete = d.action_count > 0;
  require(d.discrete != (d.action_size > 0), "it has to have either an action_size or an action_count",
          "set one of the two in its TaskDescription");
  require(d.discrete || (std::isfinite(d.action_low) && std::isfinite(d.action_high) && d.action_low < d.action_high),
          "its actions have no finite bounds", "set TaskDescription::action_low below action_high");
  require(d.observation_names.empty() || count(d.observation_names) == d.observation_size,
          "it has not as many names of observations as columns", "name each column, or none");
  require(d.action_names.empty() || count(d.action_names) == (d.discrete ? d.action_count : d.action_size),
          "it has not as many names of actions as actions", "name each, or none");
  d.state_size = state_columns;
  return d;
}

void require_cpu(const Stream& stream) {
  if (stream.backend() == Backend::cpu) return;
  throw input_error("VectorTask", "copies of a task of one's own run on the CPU only", "use a stream of the CPU");
}

void keep_next_observations(const kernels::CopyBatch& batch) {
  const Matrix& from = batch.episodes.observations;
  if (batch.next_observations.data == nullptr) return;
  for (Index row = 0; row < from.rows; ++row) {
    std::copy_n(from.row(row).data, from.columns, batch.next_observations.row(row).data);
  }
}

}  // namespace

/// For messages.
struct CustomTask::Place {
  Index episode = 0;
  Index step = 0;  ///< Steps taken, with the one that is being taken.
};

/// A batch in host memory.
struct CustomTask::HostBatch {
  HostBatch(Index rows_, Index observation_columns)
      : rows(static_cast<std::size_t>(rows_)),
        columns(static_cast<std::size_t>(observation_columns)),
        states(rows * state_columns),
        returns(rows),
        observations(rows * columns),
        rewards(rows),
        elapsed(rows),
        status(rows, static_cast<std::int32_t>(EpisodeStatus::running)) {}

  /// All but observations and rewards, which every step writes anew.
  void load(Stream& stream, const kernels::EpisodeBatch& batch) {
    states = download_rows(stream, batch.states);
    returns = download_values(stream, batch.returns);
    elapsed = download_values(stream, batch.elapsed);
    status = download_values(stream, batch.status);
  }
  void store(Stream& stream, const kernels::EpisodeBatch& batch) const {
    upload_rows(stream, states, batch.states);
    upload_values(stream, returns, batch.returns);
    upload_rows(stream, observations, batch.observations);
    upload_values(stream, rewards, batch.rewards);
    upload_values(stream, elapsed, batch.elapsed);
    upload_values(stream, status, batch.status);
  }
  std::span<float> observation(std::size_t row) { return std::span(observations).subspan(row * columns, columns); }
  double& state(std::size_t row, StateColumn column) { return states[row * state_columns + column]; }
  void count(std::size_t row, const StepOutcome& outcome, const TaskDescription& task) {
    rewards[row] = static_cast<float>(outcome.reward);
    returns[row] += outcome.reward;
    ++elapsed[row];
    EpisodeStatus now = outcome.terminated && task.fixed_horizon ? EpisodeStatus::absorbed : EpisodeStatus::running;
    if (elapsed[row] >= task.max_steps) now = EpisodeStatus::timed_out;
    if (outcome.terminated && !task.fixed_horizon) now = EpisodeStatus::terminated;
    status[row] = static_cast<std::int32_t>(now);
  }
  bool running(std::size_t row) const { return status[row] == static_cast<std::int32_t>(EpisodeStatus::running); }

  std::size_t rows, columns;
  std::vector<double> states, returns;
  std::vector<float> observations, rewards;
  std::vector<std::int32_t> elapsed, status;
};

double EpisodeRandom::uniform(double low, double high) {
  return low + (high - low) * static_cast<double>(unit_uniform(word()));
}

double EpisodeRandom::normal() {
  const std::uint32_t first = word(), second = word();
  float z[2];
  unit_normals(first, second, &z[0], &z[1]);
  return static_cast<double>(z[0]);
}

std::uint32_t EpisodeRandom::word() {
  const PhiloxBlock block = philox(key_, episode_, drawn_ / 4);
  const std::uint32_t words[4] = {block.x, block.y, block.z, block.w};
  return words[drawn_++ % 4];
}

CustomTask::CustomTask(TaskDescription description, MakeEnvironment make)
    : Task(checked(std::move(description))), make_(std::move(make)) {
  if (make_) return;
  throw input_error("task '" + this->description().name + "'", "there is no function that makes environments",
                    "give CustomTask one");
}

CustomTask::~CustomTask() = default;

void CustomTask::refuse(const Place& place, const std::string& problem, const std::string& remedy) const {
  throw input_error(fmt::format("task '{}', episode {}, step {}", description().name, place.episode, place.step),
                    problem, remedy);
}

/// Errors of the environment itself say where they happened.
template <class Work>
void CustomTask::guarded(const Place& place, const Work& work) const {
  try {
    work();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    refuse(place, std::string("the environment failed: ") + error.what(), "");
  }
}

void CustomTask::observe(const Place& place, std::span<float> observation, Environment& environment) const {
  std::fill(observation.begin(), observation.end(), 0.0f);
  environment.observe(observation);
  for (std::size_t c = 0; c < observation.size(); ++c) {
    if (std::isfinite(observation[c])) continue;
    const auto& names = description().observation_names;
    refuse(place,
           fmt::format("observation column {}{} is {}", c, names.empty() ? "" : " (" + names[c] + ")", observation[c]),
           "look at the environment's observe() and at what its state has become");
  }
}

StepOutcome CustomTask::checked_step(const Place& place, const EpisodeAction& action, Environment& environment) const {
  const StepOutcome outcome = environment.step(action);
  if (!std::isfinite(static_cast<float>(outcome.reward))) {
    refuse(place, fmt::format("the reward is {}", outcome.reward), "look at the environment's step()");
  }
  return outcome;
}

EpisodeAction CustomTask::check_action(const Place& place, std::span<float> values, std::int32_t label) const {
  const TaskDescription& d = description();
  if (d.discrete) {
    if (label < 0 || label >= d.action_count) {
      refuse(place, fmt::format("the action is class {}, and there are 0 to {}", label, d.action_count - 1),
             "look at who acts");
    }
    return {{}, label};
  }
  for (std::size_t c = 0; c < values.size(); ++c) {
    if (std::isnan(values[c])) {
      refuse(place, fmt::format("action column {} is NaN", c),
             "check the policy: its weights or its normalisation may hold NaN");
    }
    values[c] = std::clamp(values[c], d.action_low, d.action_high);
  }
  return {values, 0};
}

void CustomTask::begin(Stream& stream, const std::function<Start(Index row)>& start,
                       const kernels::EpisodeBatch& batch) const {
  HostBatch host(batch.rows(), description().observation_size);
  ++ticket_;
  while (environments_.size() < host.rows) {
    const Place place{start(0).episode, 0};
    std::unique_ptr<Environment> made;
    guarded(place, [&] { made = make_(); });
    if (made == nullptr) {
      refuse(place, "no environment was made", "let the function given to CustomTask return one");
    }
    environments_.push_back(std::move(made));
  }
  for (std::size_t m = 0; m < host.rows; ++m) {
    const Start one = start(static_cast<Index>(m));
    const Place place{one.episode, 0};
    guarded(place, [&] {
      environments_[m]->reset(EpisodeRandom(one.key, one.episode));
      observe(place, host.observation(m), *environments_[m]);
    });
    host.state(m, ticket_column) = static_cast<double>(ticket_);
    host.state(m, episode_column) = static_cast<double>(one.episode);
  }
  host.store(stream, batch);
}

void CustomTask::reset(Stream& stream, std::uint64_t seed, Index first_episode,
                       const kernels::EpisodeBatch& batch) const {
  const RandomKey key = random_key(seed, RandomStream::task);
  begin(
      stream,
      [&](Index row) {
        return Start{key, first_episode + row};
      },
      batch);
}

void CustomTask::start_copies(Stream& stream, std::uint64_t seed, Index first_copy,
                              const kernels::CopyBatch& batch) const {
  require_cpu(stream);
  begin(
      stream,
      [&](Index row) {
        return Start{random_key(copy_seed(seed, first_copy + row), RandomStream::task), 0};
      },
      batch.episodes);
  keep_next_observations(batch);
  const Index rows = batch.episodes.rows();
  std::fill_n(batch.numbers.data, rows, 0);
  std::fill_n(batch.terminated.data, rows, 0);
  std::fill_n(batch.truncated.data, rows, 0);
  std::fill_n(batch.last_returns.data, rows, 0.0);
  std::fill_n(batch.last_lengths.data, rows, 0);
}

void CustomTask::step_copies(Stream& stream, const ActionBatch& actions, std::uint64_t seed, Index first_copy,
                             const kernels::CopyBatch& batch) const {
  require_cpu(stream);
  const kernels::EpisodeBatch& episodes = batch.episodes;
  step(stream, actions, episodes);
  keep_next_observations(batch);
  for (Index row = 0; row < episodes.rows(); ++row) {
    std::int32_t& status = episodes.status.data[row];
    batch.terminated.data[row] = status == static_cast<std::int32_t>(EpisodeStatus::terminated) ? 1 : 0;
    batch.truncated.data[row] = status == static_cast<std::int32_t>(EpisodeStatus::timed_out) ? 1 : 0;
    if (kernels::goes_on(status)) continue;
    batch.last_returns.data[row] = std::exchange(episodes.returns.data[row], 0.0);
    batch.last_lengths.data[row] = std::exchange(episodes.elapsed.data[row], 0);
    status = static_cast<std::int32_t>(EpisodeStatus::running);
    const Place place{++batch.numbers.data[row], 0};
    episodes.states.data[row * episodes.states.stride + episode_column] = static_cast<double>(place.episode);
    Environment& environment = *environments_[static_cast<std::size_t>(row)];
    guarded(place, [&] {
      environment.reset(
          EpisodeRandom(random_key(copy_seed(seed, first_copy + row), RandomStream::task), place.episode));
      observe(place, {episodes.observations.row(row).data, static_cast<std::size_t>(episodes.observations.columns)},
              environment);
    });
  }
}

void CustomTask::step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const {
  const TaskDescription& d = description();
  HostBatch host(batch.rows(), d.observation_size);
  host.load(stream, batch);
  std::vector<float> values = download_rows(stream, actions.values);
  const std::vector<std::int32_t> labels = download_values(stream, actions.labels);
  const auto action_size = static_cast<std::size_t>(d.action_size);
  for (std::size_t m = 0; m < host.rows; ++m) {
    const Place place{static_cast<Index>(host.state(m, episode_column)), host.elapsed[m] + 1};
    if (host.state(m, ticket_column) != static_cast<double>(ticket_)) {
      refuse(place, "another batch of episodes was begun meanwhile", "make a CustomTask for each batch");
    }
    guarded(place, [&] {
      if (host.running(m)) {
        const EpisodeAction action = check_action(
            place, d.discrete ? std::span<float>() : std::span(values).subspan(m * action_size, action_size),
            d.discrete ? labels[m] : 0);
        host.count(m, checked_step(place, action, *environments_[m]), d);
      } else if (kernels::goes_on(host.status[m])) {
        host.count(m, {0.0, true}, d);
      }
      observe(place, host.observation(m), *environments_[m]);
    });
  }
  host.store(stream, batch);
}

}  // namespace mynah
