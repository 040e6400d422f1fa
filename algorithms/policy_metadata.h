#pragma once

#include "algorithms/policy.h"

namespace mynah {

/// Writes a description into the file's metadata: "mynah.policy" (JSON), "mynah.version", "format".
void write_policy_metadata(const PolicyDescription& description, SafetensorsFile& file);

/// Reads it back. Errors: input_error naming the file, the entry and what it must be.
PolicyDescription read_policy_metadata(const SafetensorsFile& file);

}  // namespace mynah
