#pragma once

#include "engine/linear_tuning.h"

namespace mynah {

/// Replaces the file by one that load_linear_tuning reads.
void save_linear_tuning(const std::filesystem::path& path, const LinearTuning& tuning);

}  // namespace mynah
