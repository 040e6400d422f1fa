#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace mynah {

/// Where Python keeps packages, without running it: the folders of $PYTHONPATH, then `lib/python3*/site-packages` and
/// `dist-packages` below $VIRTUAL_ENV, $CONDA_PREFIX, the folder of the `python3` that is first on $PATH, ~/.local,
/// /usr/local and /usr, of the newest Python first. Only those that are there, each once.
std::vector<std::filesystem::path> python_package_folders();

/// `gymnasium/envs/mujoco/assets/NAME` in the first of these folders that has it.
std::optional<std::filesystem::path> find_gymnasium_model(const std::filesystem::path& name);

}  // namespace mynah
