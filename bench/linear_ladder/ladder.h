#pragma once

#include <array>
#include <string>
#include <vector>

#include "bench/linear_ladder/rungs.h"

namespace mynah::ladder {

/// One version of a linear layer.
struct Version {
  std::string name;
  std::string text;  ///< What it is, in a line.
  bool relu;         ///< y = max(x wᵀ + b, 0) in place of y = x wᵀ + b.
  Linear* run;
  /// Edge of the square of y that is computed together from each number that was loaded; 1: there is no tile.
  Index (*tile)(Index m, Index n, Index k);
};

/// From the bottom up; "library" is what the others are measured against.
const std::vector<Version>& versions();

/// The version of this name, or all with "all". Errors: input_error for any other, with the nearest and all that there
/// are.
std::vector<Version> find_versions(const std::string& name);

/// "4096,1024,512" -> m, n, k, each from 1 to 1,048,576. Errors: input_error for any other text.
std::array<Index, 3> parse_shape(const std::string& text);

/// Floats of x and w that the threads of a version ask memory for (caches included), divided by m n k.
double loads_per_multiply_add(const Version& version, Index m, Index n, Index k);

}  // namespace mynah::ladder
