#pragma once

#include <string>

namespace mynah::tests {

/// Times every registered case of Aspect::speed on every device, or on that named, and its rivals (Parity::rival)
/// beside it. Returns an exit code: 1 where a rival has another result.
int run_speed(const std::string& device, double seconds, const std::string& json_path);

}  // namespace mynah::tests
