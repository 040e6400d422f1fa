#include "algorithms/tasks/mujoco/find_model.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace mynah {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<fs::path> split_at_colons(std::string_view text) {
  std::vector<fs::path> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(':'), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// Of `python3` on $PATH: what its folder `bin` stands in.
std::optional<fs::path> python_prefix() {
  std::error_code ignored;
  for (const fs::path& folder : split_at_colons(environment("PATH"))) {
    if (fs::exists(folder / "python3", ignored)) return folder.parent_path();
  }
  return std::nullopt;
}

/// 11 of "python3.11", so that it comes before "python3.9"; -1 of "python3", and nothing of what is no Python 3.
std::optional<int> minor_version(std::string_view folder) {
  constexpr std::string_view python = "python3";
  if (!folder.starts_with(python)) return std::nullopt;
  folder.remove_prefix(python.size());
  if (folder.empty()) return -1;
  int minor = 0;
  const char* end = folder.data() + folder.size();
  if (folder.front() != '.' || std::from_chars(folder.data() + 1, end, minor).ec != std::errc()) return std::nullopt;
  return minor;
}

/// Folders of packages below prefix/lib, those of the newest Python first.
void append_package_folders(const fs::path& prefix, std::vector<fs::path>& folders) {
  std::error_code error;
  std::vector<std::pair<int, fs::path>> versions;
  for (auto entry = fs::directory_iterator(prefix / "lib", error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (const auto minor = minor_version(entry->path().filename().string())) {
      versions.emplace_back(*minor, entry->path());
    }
  }
  std::sort(versions.rbegin(), versions.rend());
  for (const auto& [minor, folder] : versions) {
    for (const char* kind : {"site-packages", "dist-packages"}) {
      fs::path packages = folder / kind;
      const bool known = std::find(folders.begin(), folders.end(), packages) != folders.end();
      if (!known && fs::is_directory(packages, error)) folders.push_back(std::move(packages));
    }
  }
}

}  // namespace

std::vector<fs::path> python_package_folders() {
  std::vector<fs::path> folders;
  std::error_code ignored;
  for (const fs::path& folder : split_at_colons(environment("PYTHONPATH"))) {
    if (fs::is_directory(folder, ignored)) folders.push_back(folder);
  }
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const std::string prefix = environment(name); !prefix.empty()) append_package_folders(prefix, folders);
  }
  if (const auto prefix = python_prefix()) append_package_folders(*prefix, folders);
  if (const std::string home = environment("HOME"); !home.empty()) {
    append_package_folders(fs::path(home) / ".local", folders);
  }
  for (const char* prefix : {"/usr/local", "/usr"}) append_package_folders(prefix, folders);
  return folders;
}

std::optional<fs::path> find_gymnasium_model(const fs::path& name) {
  std::error_code ignored;
  for (const fs::path& folder : python_package_folders()) {
    fs::path file = folder / "gymnasium" / "envs" / "mujoco" / "assets" / name;
    if (fs::is_regular_file(file, ignored)) return file;
  }
  return std::nullopt;
}

}  // namespace mynah
