#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace mynah {

/// Where recorded data of others would be: the folder named by the environment variable MYNAH_SHARED_DATA, else
/// `../shared/data` beside the source tree.
inline std::filesystem::path shared_data_folder() {
  const char* named = std::getenv("MYNAH_SHARED_DATA");
  if (named != nullptr && *named != '\0') return named;
  return std::filesystem::path(MYNAH_SOURCE_DIR).parent_path() / "shared" / "data";
}

/// The file `name` (such as "demonstrations/hopper.npz") of the shared data, if this machine has it.
inline std::optional<std::filesystem::path> shared_data_file(const std::string& name) {
  std::filesystem::path path = shared_data_folder() / name;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return std::nullopt;
  return path;
}

}  // namespace mynah

/// Declares `const std::filesystem::path VARIABLE`, or skips the test and says which file is missing.
#define MYNAH_SHARED_DATA_OR_SKIP(VARIABLE, NAME)                                    \
  if (!::mynah::shared_data_file(NAME)) {                                            \
    GTEST_SKIP() << "skipped: " << (::mynah::shared_data_folder() / (NAME)).string() \
                 << " is not there (MYNAH_SHARED_DATA names its folder)";            \
  }                                                                                  \
  const std::filesystem::path VARIABLE = *::mynah::shared_data_file(NAME)
