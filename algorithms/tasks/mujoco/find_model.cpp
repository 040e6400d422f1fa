#include "algorithms/tasks/mujoco/find_model.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

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

/// Folders of packages below prefix/lib, those of the newest Python first.
void append_package_folders(const fs::path& prefix, std::vector<fs::path>& folders) {
  std::error_code error;
  std::vector<fs::path> versions;
  for (auto entry = fs::directory_iterator(prefix / "lib", error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with("python3")) versions.push_back(entry->path());
  }
  std::sort(versions.rbegin(), versions.rend());
  for (const fs::path& version : versions) {
    for (const char* kind : {"site-packages", "dist-packages"}) {
      if (fs::is_directory(version / kind, error)) folders.push_back(version / kind);
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
