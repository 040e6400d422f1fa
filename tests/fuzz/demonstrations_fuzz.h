#pragma once

#include <cstdlib>

#include "engine/demonstrations_formats.h"
#include "engine/inspection.h"
#include "kernels/error.h"

namespace mynah {

/// Reads the input once for training and once for inspection. Whatever is accepted must hold together, and whatever is
/// refused must be refused with an Error that says where, what and what to do; everything else is a finding.
template <class Read>
void read_or_refuse(Read read) {
  for (const bool require_finite : {true, false}) {
    LoadOptions options;
    options.require_finite = require_finite;
    options.max_bytes = std::uint64_t{1} << 22;
    try {
      const Demonstrations demonstrations = read(options);
      demonstrations.validate_structure();
      static_cast<void>(to_json(inspect(demonstrations)));
    } catch (const Error& error) {
      const bool complete = !error.place().empty() && !error.problem().empty() && !error.remedy().empty();
      if (error.cause() != Error::Cause::input || !complete) std::abort();
    }
  }
}

}  // namespace mynah
