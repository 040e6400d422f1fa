#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "algorithms/tasks/task.h"
#include "engine/option_table.h"

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
