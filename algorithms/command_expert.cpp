#include "algorithms/command_expert.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using nlohmann::json;

double checked(double timeout) {
  if (std::isfinite(timeout) && timeout > 0 && timeout <= 1e6) return timeout;
  throw input_error(fmt::format("--expert-timeout {:g}", timeout), "is not possible", "give seconds, such as 60");
}

/// Why `values` are no action of a continuous task; nothing where they are one, which then stands in `action`.
std::optional<std::string> read_action(const json& values, const std::string& place, std::span<float> action) {
  if (!values.is_array()) return place + " is no list of numbers";
  if (values.size() != action.size()) {
    return fmt::format("{} has {} values, and an action of the task has {}", place, values.size(), action.size());
  }
  for (std::size_t c = 0; c < action.size(); ++c) {
    if (!values[c].is_number()) return fmt::format("{}[{}] is no number", place, c);
    action[c] = static_cast<float>(values[c].get<double>());
    if (!std::isfinite(action[c])) return fmt::format("{}[{}] is no finite 32-bit number", place, c);
  }
  return std::nullopt;
}

std::optional<std::string> read_label(const json& value, const std::string& place, Index count, std::int32_t& label) {
  const std::string wanted = fmt::format("the task's are 0 to {}", count - 1);
  if (!value.is_number_integer()) return fmt::format("{} is no class number; {}", place, wanted);
  const bool exists = value.is_number_unsigned() ? value.get<std::uint64_t>() < static_cast<std::uint64_t>(count)
                                                 : value.get<std::int64_t>() >= 0;
  if (!exists) return fmt::format("{} is class {}; {}", place, value.dump(), wanted);
  label = static_cast<std::int32_t>(value.get<std::int64_t>());
  return std::nullopt;
}

}  // namespace

CommandExpert::CommandExpert(const Task& task, std::string command, double timeout)
    : HostActor(task.description()), timeout_(checked(timeout)), process_(std::move(command)) {}

std::string CommandExpert::question(Index rows, std::span<const float> observations) const {
  // A name that is no UTF-8 cannot stand in JSON as it is.
  std::string text =
      "{\"task\": " + json(task().name).dump(-1, ' ', false, json::error_handler_t::replace) + ", \"observations\": [";
  const auto columns = static_cast<std::size_t>(task().observation_size);
  for (std::size_t m = 0; m < static_cast<std::size_t>(rows); ++m) {
    text += m == 0 ? "[" : ", [";
    for (std::size_t c = 0; c < columns; ++c) {
      const float value = observations[m * columns + c];
      if (!std::isfinite(value)) {
        throw input_error("task '" + task().name + "'", fmt::format("observation column {} is {}", c, value),
                          "the expert cannot be asked: look at the actions that led there");
      }
      text += (c == 0 ? "" : ", ") + fmt::format("{}", value);
    }
    text += "]";
  }
  return text + "]}";
}

void CommandExpert::refuse(const std::string& answer, const std::string& problem) {
  throw input_error(
      "command `" + process_.command() + "`", problem + ": it answered " + excerpt(answer) + process_.last_words(),
      task().discrete ? "answer {\"actions\": [0, 1, ...]}, a class number for each observation"
                      : "answer {\"actions\": [[0.5, ...], ...]}, a list of numbers for each observation");
}

void CommandExpert::decide(Index rows, std::span<const float> observations, const Decisions& decisions) {
  const std::string answer = process_.exchange(question(rows, observations), std::chrono::duration<double>(timeout_));
  const json object = json::parse(answer, nullptr, false);
  if (object.is_discarded() || !object.is_object()) refuse(answer, "its answer is no JSON object");
  const auto actions = object.find("actions");
  if (actions == object.end() || !actions->is_array()) refuse(answer, "its answer has no list \"actions\"");
  if (static_cast<Index>(actions->size()) != rows) {
    refuse(answer, fmt::format("{} observations got {} actions", rows, actions->size()));
  }
  const auto action_size = static_cast<std::size_t>(task().action_size);
  for (std::size_t m = 0; m < actions->size(); ++m) {
    const std::string place = fmt::format("actions[{}]", m);
    const auto problem =
        task().discrete ? read_label((*actions)[m], place, task().action_count, decisions.labels[m])
                        : read_action((*actions)[m], place, decisions.values.subspan(m * action_size, action_size));
    if (problem) refuse(answer, *problem);
  }
}

}  // namespace mynah
