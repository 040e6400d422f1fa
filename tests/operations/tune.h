#pragma once

#include <CLI/CLI.hpp>

namespace mynah::tests {

/// Declares `tune`, the verb that measures which kernels compute the products of linear layers fastest on a device, and
/// keeps its choices in a file. When it is called, *exit_code becomes its exit code: 1 where a result was wrong.
void add_tune(CLI::App& app, int& exit_code);

}  // namespace mynah::tests
