#pragma once

#include <string>

namespace mynah::tests {

/// Times every registered case of Aspect::speed on every device, or on that named. Returns an exit code.
int run_speed(const std::string& device, double seconds, const std::string& json_path);

}  // namespace mynah::tests
