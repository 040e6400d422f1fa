#include "tools/program/command.h"

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace mynah::program {
namespace {

std::atomic<bool> stop{false};

extern "C" void on_signal(int signal) {
  stop.store(true);
  std::signal(signal, SIG_DFL);
}

/// What a value looks like, for --help.
struct TypeName {
  const char* operator()(const bool*) const { return "true|false"; }
  const char* operator()(const Index*) const { return "N"; }
  const char* operator()(const std::uint64_t*) const { return "N"; }
  const char* operator()(const double*) const { return "X"; }
  const char* operator()(const std::string*) const { return "TEXT"; }
  const char* operator()(const std::vector<Index>*) const { return "N,N,..."; }
};

}  // namespace

void add_json_flag(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "Print one JSON object on standard output");
}

void add_task_options(CLI::App& command, TaskOptions& options, Index& threads) {
  command.add_option(
      "--model", options.model,
      "MJCF file of a task that MuJoCo simulates; by default the one that its TOML file names, or that of "
      "an\ninstalled Gymnasium");
  command.add_option("--threads", threads, "On the CPU: threads that share the work; the results do not change")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
}

TableOptions::TableOptions(CLI::App& command, OptionTable table) : table_(std::move(table)) {
  const Config defaults = table_.to_config();
  for (const OptionTable::Option& option : table_.options()) {
    const std::string& name = option.name;
    const std::string flag = "--" + name;
    const std::string value = option_text(defaults.at(name).value);
    if (std::holds_alternative<bool*>(option.place)) {
      command
          .add_flag_function(
              std::string(flag).append(",!--no-").append(name),
              [this, name](std::int64_t count) { given_[name] = count > 0 ? "true" : "false"; }, option.help)
          ->default_str(value)
          ->type_name(std::visit(TypeName{}, option.place))
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    } else {
      command
          .add_option_function<std::string>(
              flag, [this, name](const std::string& text) { given_[name] = text; }, option.help)
          ->default_str(value)
          ->type_name(std::visit(TypeName{}, option.place))
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
  command.add_option("--config", config_, "TOML file with any of these options; the command line wins over it");
}

void TableOptions::apply() {
  if (!config_.empty()) table_.apply(load_toml_config(config_, table_.names()));
  for (const auto& [name, text] : given_) table_.set(name, text, "--" + name);
}

void print_json(const nlohmann::ordered_json& object) {
  std::printf("%s\n", object.dump().c_str());
}

const std::atomic<bool>& stop_on_signal() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  return stop;
}

}  // namespace mynah::program
