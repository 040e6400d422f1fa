#pragma once

#include <string>

namespace mynah::tests {

/// Prints, for each declared operation and layer whose name contains `name`, how many cases show each aspect on each
/// device, or why there is none. Returns whether there is no hole.
bool print_coverage(const std::string& name);

}  // namespace mynah::tests
