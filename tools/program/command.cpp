#include "tools/program/command.h"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/atomic_file.h"
#include "engine/text_excerpt.h"
#include "kernels/error.h"

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
  const char* operator()(const std::vector<std::string>*) const { return "TEXT"; }
};

using Take = std::function<void(const std::string& name, std::vector<std::string> texts)>;

CLI::Option* declare(CLI::App& command, const OptionTable::Option& option, const Take& take) {
  const std::string& name = option.name;
  const std::string flag = "--" + name;
  if (std::holds_alternative<bool*>(option.place)) {
    return command.add_flag_function(
        std::string(flag).append(",!--no-").append(name),
        [take, name](std::int64_t count) { take(name, {count > 0 ? "true" : "false"}); }, option.help);
  }
  if (std::holds_alternative<std::vector<std::string>*>(option.place)) {
    return command
        .add_option_function<std::vector<std::string>>(
            flag, [take, name](const std::vector<std::string>& texts) { take(name, texts); }, option.help)
        ->allow_extra_args(false);  // one after each --NAME
  }
  return command.add_option_function<std::string>(
      flag, [take, name](const std::string& text) { take(name, {text}); }, option.help);
}

void declare_all(CLI::App& command, const OptionTable& table, const Take& take) {
  const Config defaults = table.to_config();
  for (const OptionTable::Option& option : table.options()) {
    const bool is_list = std::holds_alternative<std::vector<std::string>*>(option.place);
    declare(command, option, take)
        ->default_str(option_text(defaults.at(option.name).value))
        ->type_name(std::visit(TypeName{}, option.place))
        ->multi_option_policy(is_list ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
  }
}

}  // namespace

void add_json_flag(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "Print one JSON object on standard output");
}

void add_options(CLI::App& command, const OptionTable& table) {
  const auto shared = std::make_shared<OptionTable>(table);
  declare_all(command, table, [shared](const std::string& name, const std::vector<std::string>& texts) {
    shared->set(name, texts, "--" + name);
  });
}

CLI::Option* add_seed_option(CLI::App& command, std::uint64_t& seed, const std::string& help) {
  return command.add_option("--seed", seed, help)
      ->capture_default_str()
      ->check(
          [](const std::string& text) {
            return text.starts_with('-') ? text + " is below 0: give a whole number from 0 on" : std::string();
          },
          "");
}

void require_writable(const std::string& file) {
  const AtomicFile probe(file);  // without commit() it leaves nothing behind
}

void require_writable_demonstrations(const std::string& file) {
  const std::string kind = std::filesystem::path(file).extension().string();
  if (kind == ".csv" || kind == ".jsonl") {
    throw input_error(file, "demonstrations are written in the format .npz, not " + kind, "end the name with .npz");
  }
  require_writable(file);
}

std::string evaluate_command(const std::string& run, const std::string& task, const std::string& model,
                             const std::string& rules) {
  std::string command = "mynah evaluate " + shell_quoted(run);
  if (task.empty()) command += " --task TASK";
  if (task.ends_with(".toml")) {
    command += " --task " + shell_quoted(task);  // it names its model
  } else if (!model.empty()) {
    command += " --model " + shell_quoted(model);
  }
  return command + rules + " --episodes 100";
}

TableOptions::TableOptions(CLI::App& command, OptionTable table) : table_(std::move(table)) {
  declare_all(command, table_,
              [this](const std::string& name, std::vector<std::string> texts) { given_[name] = std::move(texts); });
  command.add_option("--config", config_, "TOML file with any of these options; the command line wins over it");
}

void TableOptions::apply() {
  if (!config_.empty()) table_.apply(load_toml_config(config_, table_.names()));
  for (const auto& [name, texts] : given_) table_.set(name, texts, "--" + name);
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
