#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "algorithms/tasks/mujoco/robot.h"
#include "engine/file_bytes.h"
#include "engine/nearest_name.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using Source = RobotDescription::Source;
using Noise = RobotDescription::Noise;

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// One table of the file, and how its values are taken. Every error names file, line and key.
class Section {
 public:
  /// heading: "[reward]", empty for the file's first lines. Refuses keys that are not among `keys`.
  Section(const toml::table& table, std::string file, std::string heading, const std::vector<std::string>& keys)
      : table_(&table), file_(std::move(file)), heading_(std::move(heading)) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (std::find(keys.begin(), keys.end(), name) != keys.end()) continue;
      const std::string nearest = nearest_name(name, keys);
      throw input_error(place_of(node), fmt::format("there is no key '{}'{}", name, in_heading()),
                        (nearest.empty() ? "" : "did you mean '" + nearest + "'? ") + "the keys are: " + list_of(keys));
    }
  }

  bool has(std::string_view key) const { return table_->contains(key); }

  /// The value, or what stands in `value` already.
  void take(std::string_view key, std::string& value) const {
    if (const toml::node* node = table_->get(key)) value = as<std::string>(*node, key, "a text in quotes");
  }
  void take(std::string_view key, bool& value) const {
    if (const toml::node* node = table_->get(key)) value = as<bool>(*node, key, "true or false");
  }
  void take(std::string_view key, double& value) const {
    if (const toml::node* node = table_->get(key)) value = number(*node, key);
  }
  void take(std::string_view key, Index& value, Index least, Index most) const {
    const toml::node* node = table_->get(key);
    if (node == nullptr) return;
    value = as<std::int64_t>(*node, key, "a whole number");
    if (value < least || value > most) throw refused(key, fmt::format("a whole number from {} to {}", least, most));
  }
  void take_finite(std::string_view key, double& value) const {
    take(key, value);
    if (has(key) && !std::isfinite(value)) throw refused(key, "a finite number");
  }
  void take_not_negative(std::string_view key, double& value) const {
    take(key, value);
    if (has(key) && !(std::isfinite(value) && value >= 0.0)) throw refused(key, "a number from 0 up");
  }

  template <class T>
  T choice(std::string_view key, const std::vector<std::pair<std::string, T>>& choices) const {
    std::string name, known;
    take(key, name);
    for (const auto& [text, value] : choices) {
      if (name == text) return value;
      known += (known.empty() ? "\"" : ", \"") + text + "\"";
    }
    throw refused(key, "one of " + known);
  }

  /// calls(section) for the table `key`, or for every table of the list `key`.
  template <class Call>
  void table(std::string_view key, const std::vector<std::string>& keys, const Call& call) const {
    const toml::node* node = table_->get(key);
    if (node == nullptr) return;
    if (!node->is_table()) throw refused(key, fmt::format("a table: [{}] and `key = value` lines below it", key));
    call(Section(*node->as_table(), file_, fmt::format("[{}]", key), keys));
  }
  template <class Call>
  void tables(std::string_view key, const std::vector<std::string>& keys, const Call& call) const {
    const toml::node* node = table_->get(key);
    if (node == nullptr) return;
    if (!node->is_array_of_tables()) {
      throw refused(key, fmt::format("tables: [[{}]] and `key = value` lines below it, once for each", key));
    }
    for (const toml::node& element : *node->as_array()) {
      call(Section(*element.as_table(), file_, fmt::format("[[{}]]", key), keys));
    }
  }

  Error refused(std::string_view key, const std::string& allowed) const {
    const toml::node* node = table_->get(key);
    const std::string problem = node == nullptr ? "is missing" : "is not possible here";
    return input_error(node == nullptr ? here() : place_of(*node), fmt::format("'{}'{} {}", key, in_heading(), problem),
                       "give " + allowed);
  }
  Error refused_together(const std::string& problem, const std::string& remedy) const {
    return input_error(here(), problem + in_heading(), remedy);
  }

 private:
  std::string in_heading() const { return heading_.empty() ? "" : " in " + heading_; }
  std::string here() const { return heading_.empty() ? file_ : place_of(*table_); }
  std::string place_of(const toml::node& node) const { return fmt::format("{}:{}", file_, node.source().begin.line); }

  template <class T>
  T as(const toml::node& node, std::string_view key, const char* allowed) const {
    if (!node.is<T>()) throw refused(key, allowed);
    return **node.as<T>();
  }
  double number(const toml::node& node, std::string_view key) const {
    if (node.is_integer()) return static_cast<double>(**node.as_integer());
    const auto value = as<double>(node, key, "a number");
    if (std::isnan(value)) throw refused(key, "a number");
    return value;
  }

  const toml::table* table_;
  std::string file_, heading_;
};

void take_bounds(const Section& section, double& low, double& high) {
  section.take("low", low);
  section.take("high", high);
  if (!(low < high)) {
    throw section.refused_together(fmt::format("low = {} is not below high = {}", low, high), "give low < high");
  }
}

RobotDescription::Observed observed_of(const Section& section) {
  RobotDescription::Observed one;
  one.source = section.choice<Source>("what", {{"positions", Source::positions},
                                               {"velocities", Source::velocities},
                                               {"contact_forces", Source::contact_forces},
                                               {"sensor", Source::sensor}});
  section.take("first", one.first, 0, RobotDescription::most_steps);
  section.take("count", one.count, 1, RobotDescription::most_steps);
  section.take("name", one.sensor);
  if ((one.source == Source::sensor) != section.has("name")) {
    throw section.refused("name", "the sensor's name where what = \"sensor\", and none elsewhere");
  }
  take_bounds(section, one.low, one.high);
  return one;
}

RobotDescription::Healthy healthy_of(const Section& section) {
  RobotDescription::Healthy one;
  one.source = section.choice<Source>("what", {{"positions", Source::positions}, {"velocities", Source::velocities}});
  section.take("first", one.first, 0, RobotDescription::most_steps);
  one.count = RobotDescription::to_the_end;
  section.take("count", one.count, 1, RobotDescription::most_steps);
  section.take("closed", one.closed);
  take_bounds(section, one.low, one.high);
  return one;
}

Noise noise_of(const Section& section, const std::string& what) {
  Noise noise;
  const std::string uniform = what + "_uniform", normal = what + "_normal";
  section.take_not_negative(uniform, noise.scale);
  if (!section.has(normal)) return noise;
  if (section.has(uniform)) {
    throw section.refused_together(fmt::format("both '{}' and '{}' are given", uniform, normal), "keep one of them");
  }
  section.take_not_negative(normal, noise.scale);
  noise.kind = Noise::Kind::normal;
  return noise;
}

void take_reward(const Section& section, RobotDescription& robot) {
  section.take("forward_position", robot.forward_position, 0, RobotDescription::most_steps);
  section.take("forward_body", robot.forward_body);
  const bool forward = section.has("forward_position") || section.has("forward_body");
  if (section.has("forward_position") && section.has("forward_body")) {
    throw section.refused_together("both 'forward_position' and 'forward_body' are given", "keep one of them");
  }
  robot.forward_weight = forward ? 1.0 : 0.0;
  for (const char* key : {"forward_weight", "forward_axis"}) {
    if (!forward && section.has(key)) {
      throw section.refused(key, "forward_position or forward_body with it: what is to move forward");
    }
  }
  section.take_finite("forward_weight", robot.forward_weight);
  if (section.has("forward_axis")) {
    if (!section.has("forward_body")) {
      throw section.refused("forward_axis", "it with forward_body alone: a position is one number already");
    }
    robot.forward_axis = section.choice<int>("forward_axis", {{"x", 0}, {"y", 1}, {"z", 2}});
  }
  section.take_finite("alive_bonus", robot.alive_bonus);
  section.take_not_negative("control_cost", robot.control_cost);
  section.take_not_negative("contact_cost", robot.contact_cost);
  section.take("contact_clip", robot.contact_clip);
  if (!(robot.contact_clip > 0.0)) throw section.refused("contact_clip", "a positive number");
}

RobotDescription robot_of(const toml::table& table, const std::string& origin) {
  RobotDescription robot;
  robot.origin = origin;
  const Section file(table, origin, "",
                     {"name", "model", "frame_skip", "max_steps", "unit_actions", "observe", "reward", "healthy",
                      "reset", "reference"});
  file.take("name", robot.name);
  if (robot.name.empty()) throw file.refused("name", "the task's name in quotes, such as name = \"Crawler-v0\"");
  std::string model;
  file.take("model", model);
  robot.model = model;
  file.take("frame_skip", robot.frame_skip, 1, 100'000);
  file.take("max_steps", robot.max_steps, 1, RobotDescription::most_steps);
  file.take("unit_actions", robot.unit_actions);
  file.tables("observe", {"what", "first", "count", "low", "high", "name"},
              [&](const Section& one) { robot.observations.push_back(observed_of(one)); });
  if (robot.observations.empty()) {
    throw file.refused("observe", "one table or more: [[observe]] and below it what = \"positions\"");
  }
  file.table("reward",
             {"forward_position", "forward_body", "forward_axis", "forward_weight", "alive_bonus", "control_cost",
              "contact_cost", "contact_clip"},
             [&](const Section& one) { take_reward(one, robot); });
  file.tables("healthy", {"what", "first", "count", "low", "high", "closed"},
              [&](const Section& one) { robot.healthy.push_back(healthy_of(one)); });
  file.table("reset", {"positions_uniform", "positions_normal", "velocities_uniform", "velocities_normal"},
             [&](const Section& one) {
               robot.position_noise = noise_of(one, "positions");
               robot.velocity_noise = noise_of(one, "velocities");
             });
  file.table("reference", {"random", "expert"}, [&](const Section& one) {
    ReferenceReturns returns;
    one.take_finite("random", returns.random);
    one.take_finite("expert", returns.expert);
    if (!one.has("random") || !one.has("expert") || returns.random == returns.expert) {
      throw one.refused_together("two different returns are needed", "give random = ... and expert = ...");
    }
    robot.reference_returns = returns;
  });
  return robot;
}

}  // namespace

RobotDescription parse_robot(std::string_view text, const std::string& origin) {
  toml::table table;
  try {
    table = toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    throw input_error(fmt::format("{}:{}:{}", origin, error.source().begin.line, error.source().begin.column),
                      fmt::format("this is not TOML: {}", error.description()),
                      "write `key = value` lines, with text in quotes");
  }
  return robot_of(table, origin);
}

RobotDescription load_robot(const std::filesystem::path& path) {
  RobotDescription robot = parse_robot(read_file_bytes(path, std::size_t{1} << 24), path.string());
  if (!robot.model.empty()) robot.model = path.parent_path() / robot.model;
  return robot;
}

}  // namespace mynah
