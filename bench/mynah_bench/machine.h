#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "kernels/device.h"

namespace mynah::bench {

/// What the figures were measured on: processor, cores, instruction set; of a GPU its name, the driver and the toolkit.
nlohmann::ordered_json describe_machine(const std::vector<DeviceId>& devices);

/// "2026-11-27T18:30:00Z".
std::string utc_time();

/// Runs this thread on one core. Errors: input_error for a core that it may not run on.
void pin(int core);
/// The last core that this thread may run on.
int last_core();

}  // namespace mynah::bench
