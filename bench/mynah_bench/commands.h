#pragma once

#include <CLI/CLI.hpp>

namespace mynah::bench {

/// Adds one verb: declares its options and what runs when it is called.
void add_list(CLI::App& app);
/// `command_line`: as given, for the result file.
void add_run(CLI::App& app, int& exit_code, const std::string& command_line);
void add_table(CLI::App& app, int& exit_code);

}  // namespace mynah::bench
