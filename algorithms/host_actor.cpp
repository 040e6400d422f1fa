#include "algorithms/host_actor.h"

#include <algorithm>

#include "algorithms/host_rows.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// Rows whose episodes go on.
std::vector<std::size_t> running_rows(Stream& stream, const ActorInput& input) {
  const auto rows = static_cast<std::size_t>(input.observations.rows);
  std::vector<std::int32_t> status = download_values(stream, input.status);
  status.resize(rows, static_cast<std::int32_t>(kernels::EpisodeStatus::running));
  std::vector<std::size_t> running;
  running.reserve(rows);
  for (std::size_t m = 0; m < rows; ++m) {
    if (kernels::goes_on(status[m])) running.push_back(m);
  }
  return running;
}

std::int32_t checked_class(std::int32_t label, const TaskDescription& task) {
  if (label >= 0 && label < task.action_count) return label;
  throw input_error("task '" + task.name + "'",
                    "the function gave class " + std::to_string(label) + ", and there are 0 to " +
                        std::to_string(task.action_count - 1),
                    "look at the function given to FunctionActor");
}

void require_function(bool there, const Task& task) {
  if (there) return;
  throw input_error("task '" + task.description().name + "'", "FunctionActor was given no function", "give it one");
}

}  // namespace

void HostActor::act(Stream& stream, const ActorInput& input, const ActionBatch& actions) {
  const auto rows = static_cast<std::size_t>(input.observations.rows);
  const auto observation_size = static_cast<std::size_t>(input.observations.columns);
  const auto action_size = static_cast<std::size_t>(task_.action_size);
  const std::vector<std::size_t> running = running_rows(stream, input);
  std::vector<float> observations = download_rows(stream, input.observations);
  for (std::size_t i = 0; i < running.size(); ++i) {  // running rows move to the front
    std::copy_n(observations.data() + running[i] * observation_size, observation_size,
                observations.data() + i * observation_size);
  }
  observations.resize(running.size() * observation_size);
  std::vector<float> values(running.size() * action_size);
  std::vector<std::int32_t> labels(task_.discrete ? running.size() : 0);
  if (!running.empty()) decide(static_cast<Index>(running.size()), observations, {values, labels});
  std::vector<float> all_values(rows * action_size);
  std::vector<std::int32_t> all_labels(task_.discrete ? rows : 0);
  for (std::size_t i = 0; i < running.size(); ++i) {
    std::copy_n(values.data() + i * action_size, action_size, all_values.data() + running[i] * action_size);
    if (task_.discrete) all_labels[running[i]] = labels[i];
  }
  if (task_.discrete) {
    upload_values(stream, all_labels, actions.labels);
  } else {
    upload_rows(stream, all_values, actions.values);
  }
}

FunctionActor::FunctionActor(const Task& task, Continuous function)
    : HostActor(task.description()), continuous_(std::move(function)) {
  require_function(static_cast<bool>(continuous_), task);
  if (!task.description().discrete) return;
  throw input_error("task '" + task.description().name + "'",
                    "its actions are discrete, and the function gives real ones",
                    "give a function that returns the number of a class");
}

FunctionActor::FunctionActor(const Task& task, Discrete function)
    : HostActor(task.description()), discrete_(std::move(function)) {
  require_function(static_cast<bool>(discrete_), task);
  if (task.description().discrete) return;
  throw input_error("task '" + task.description().name + "'",
                    "its actions are continuous, and the function gives the number of a class",
                    "give a function that fills the values of an action");
}

void FunctionActor::decide(Index rows, std::span<const float> observations, const Decisions& decisions) {
  const auto observation_size = static_cast<std::size_t>(task().observation_size);
  const auto action_size = static_cast<std::size_t>(task().action_size);
  for (std::size_t m = 0; m < static_cast<std::size_t>(rows); ++m) {
    const auto observation = observations.subspan(m * observation_size, observation_size);
    if (discrete_) {
      decisions.labels[m] = checked_class(discrete_(observation), task());
    } else {
      continuous_(observation, decisions.values.subspan(m * action_size, action_size));
    }
  }
}

}  // namespace mynah
