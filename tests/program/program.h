#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mynah::tests {

/// What a call of the program left behind.
struct ProgramResult {
  int exit_code = -1;  ///< 128 + signal if it was killed.
  std::string output;
  std::string errors;

  /// The one JSON object on standard output.
  nlohmann::json json() const { return nlohmann::json::parse(output); }
};

/// Runs `mynah ARGUMENTS...` (MYNAH_PROGRAM) and waits for it. kill_after_ms >= 0: SIGKILL after so many milliseconds.
/// file_size_limit > 0: RLIMIT_FSIZE in bytes, with SIGXFSZ ignored: a disk that is full.
ProgramResult run_program(const std::vector<std::string>& arguments, int kill_after_ms = -1,
                          std::uint64_t file_size_limit = 0);
/// Another program than MYNAH_PROGRAM.
ProgramResult run_other_program(const std::string& program, const std::vector<std::string>& arguments,
                                int kill_after_ms = -1, std::uint64_t file_size_limit = 0);

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& text);

}  // namespace mynah::tests
