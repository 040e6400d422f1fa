#pragma once

#include <array>
#include <string>
#include <vector>

#include "bench/linear_ladder/ladder.h"

namespace mynah::ladder {

struct Climb {
  std::vector<Version> versions;
  std::array<Index, 3> shape{};  ///< m, n, k
  int rounds = 5;
  bool timed = true;  ///< false on an emulated device, whose times say nothing of a GPU.
};

struct Report {
  std::string text;   ///< A table, a line for each version.
  bool right = true;  ///< Every version agrees with the library's CPU twin.
};

/// Runs the versions on a CUDA device, checks each, and times those that are right.
Report climb(DeviceId device, const Climb& options);

}  // namespace mynah::ladder
