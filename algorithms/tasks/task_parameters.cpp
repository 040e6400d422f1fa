#include "algorithms/tasks/task_parameters.h"

#include <charconv>
#include <optional>

#include "algorithms/grid_world.h"

namespace mynah {
namespace {

std::string place(const std::string& key) {
  return "--task-option " + key;
}

/// The whole text as a number.
template <class Number>
std::optional<Number> number_of(const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The parameter, if it is there.
std::optional<std::string> find(const TaskParameters& parameters, const std::string& key) {
  const auto found = parameters.find(key);
  return found == parameters.end() ? std::nullopt : std::optional(found->second);
}

void read_number(const TaskParameters& parameters, const std::string& key, double& value) {
  const auto text = find(parameters, key);
  if (!text) return;
  const auto number = number_of<double>(*text);
  if (!number) throw input_error(place(key), "'" + *text + "' is no number", "give one, such as 0.1");
  value = *number;
}

GridWorld grid_of_size(const std::string& text, const GridWorld::Options& options) {
  const std::size_t cross = text.find('x');
  const auto rows = number_of<Index>(text.substr(0, cross));
  const auto columns = cross == std::string::npos ? rows : number_of<Index>(text.substr(cross + 1));
  if (!rows || !columns) throw input_error(place("size"), "'" + text + "' is no size", "give 8 or 5x9");
  return GridWorld::open(*rows, *columns, options);
}

}  // namespace

void require_known_parameters(const std::string& task, const TaskParameters& parameters, const std::string& known) {
  for (const auto& [key, value] : parameters) {
    if ((", " + known + ",").find(", " + key + ",") != std::string::npos) continue;
    throw input_error(place(key), task + " has no such option",
                      known.empty() ? "leave it out: this task has none" : "its options are: " + known);
  }
}

template <>
dynamics::PointMaze dynamics_with_parameters<dynamics::PointMaze>(const TaskParameters& parameters) {
  using Dynamics = dynamics::PointMaze;
  require_known_parameters(Dynamics::name, parameters, "opening");
  Dynamics rules;
  const auto opening = find(parameters, "opening");
  if (!opening || *opening == "left") return rules;
  if (*opening == "right") {
    rules.opening = Dynamics::right;
    return rules;
  }
  const auto number = number_of<double>(*opening);
  if (!number || !(*number >= Dynamics::left && *number <= Dynamics::right)) {
    throw input_error(place("opening"), "it is '" + *opening + "'",
                      "choose left, right or a number from -0.75 to 0.75");
  }
  rules.opening = *number;
  return rules;
}

template <>
dynamics::GridWorld dynamics_with_parameters<dynamics::GridWorld>(const TaskParameters& parameters) {
  require_known_parameters(dynamics::GridWorld::name, parameters, "size, map, slip, discount");
  GridWorld::Options options;
  read_number(parameters, "slip", options.slip);
  read_number(parameters, "discount", options.discount);
  const auto size = find(parameters, "size"), map = find(parameters, "map");
  if (size && map) throw input_error(place("map"), "there is a size beside it", "give one of the two");
  if (map) return GridWorld::load(*map, options).dynamics();
  return grid_of_size(size.value_or("8"), options).dynamics();
}

}  // namespace mynah
