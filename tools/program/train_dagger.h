#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "algorithms/dagger_run.h"

namespace mynah::program {

/// Adds `dagger` to the verb `train`.
void add_train_dagger(CLI::App& train_command);

/// `mynah resume` of a run of DAgger.
void resume_dagger_run(const std::string& run, bool json);

}  // namespace mynah::program
