#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "algorithms/tasks/task.h"
#include "engine/option_table.h"
#include "engine/run_folder.h"

namespace mynah::program {

/// Adds one verb to the program: declares its options and what runs when it is called.
void add_devices(CLI::App& app);
void add_record(CLI::App& app);
void add_inspect(CLI::App& app);
void add_train(CLI::App& app);
void add_resume(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_compare(CLI::App& app);
void add_predict(CLI::App& app);
void add_export(CLI::App& app);

/// Declares `--json`: one object on standard output instead of text.
void add_json_flag(CLI::App& command, bool& json);

/// Declares `--seed`.
CLI::Option* add_seed_option(CLI::App& command, std::uint64_t& seed, const std::string& help);

/// Refuses a place that cannot be written to, before work is done for it. Errors: those of AtomicFile.
void require_writable(const std::string& file);
/// The same for demonstrations, which are written as .npz files; refuses the names of other formats, too.
void require_writable_demonstrations(const std::string& file);

/// How a run is evaluated: "mynah evaluate RUN --episodes 100", with what it has to be told of the run's task. task,
/// model: as the run's config.toml has them. rules: TaskRules::command_line().
std::string evaluate_command(const std::string& run, const std::string& task, const std::string& model,
                             const std::string& rules = {});

/// What the config.toml of a run says; Settings has a table() of all options.
template <class Settings>
Settings settings_of_run(const std::string& path) {
  const RunFolder run = RunFolder::open(path, RunFolder::Access::read);
  Settings settings;
  OptionTable table = settings.table();
  table.apply(parse_toml_config(run.config(), run.config_path().string(), table.names()));
  return settings;
}

/// Declares the options of a table on the command line of a verb. What stands there is in the table's places when the
/// verb's callback runs.
void add_options(CLI::App& command, const OptionTable& table);

/// The same of options that may also stand in the file that --config names. What stands on the command line wins over
/// the file.
class TableOptions {
 public:
  /// Both must outlive the parsing.
  TableOptions(CLI::App& command, OptionTable table);
  /// Call first in the verb's callback: fills the table's places.
  void apply();

 private:
  OptionTable table_;
  std::string config_;
  std::map<std::string, std::vector<std::string>> given_;
};

/// Prints an object on standard output, and ends the line.
void print_json(const nlohmann::ordered_json& object);

/// Becomes true on Ctrl-C or SIGTERM, when asked to listen: work that can be resumed ends in order. A second one kills.
const std::atomic<bool>& stop_on_signal();

}  // namespace mynah::program
