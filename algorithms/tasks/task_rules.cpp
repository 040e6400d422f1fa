#include "algorithms/tasks/task_rules.h"

#include <fmt/format.h>

#include <filesystem>

#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace {

constexpr std::string_view option_of_file = "map=";

}  // namespace

void TaskRules::add_to(OptionTable& table) {
  table.add("fixed-horizon", &fixed_horizon,
            "Episodes that the task's rule would end early go on until the limit of steps, frozen and with reward 0: "
            "returns stay the same, and the length of an episode tells nothing");
  table.add("max-steps", &max_steps, "Limit of an episode's steps; 0: the task's own");
  table.add("task-option", &parameters,
            "KEY=VALUE, once or more. PointMaze-v0: opening=left, right or -0.75 ... 0.75. GridWorld-v0: size=8 or "
            "5x9, map=FILE, slip=0.1, discount=0.99");
}

TaskOptions TaskRules::options(const std::string& model) const {
  TaskOptions options;
  options.fixed_horizon = fixed_horizon;
  options.max_steps = max_steps;
  options.model = model;
  for (const std::string& text : parameters) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw input_error("--task-option " + text, "it has no name and value", "write KEY=VALUE, such as opening=right");
    }
    if (!options.parameters.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
      throw input_error("--task-option " + text, "it is chosen twice", "give every KEY once");
    }
  }
  return options;
}

void TaskRules::make_files_absolute() {
  for (std::string& text : parameters) {
    if (!text.starts_with(option_of_file)) continue;
    const std::filesystem::path file = text.substr(option_of_file.size());
    text = std::string(option_of_file) + std::filesystem::absolute(file).lexically_normal().string();
  }
}

std::string TaskRules::command_line() const {
  std::string text;
  if (fixed_horizon) text += " --fixed-horizon";
  if (max_steps > 0) text += fmt::format(" --max-steps {}", max_steps);
  for (const std::string& parameter : parameters) text += " --task-option " + shell_quoted(parameter);
  return text;
}

}  // namespace mynah
