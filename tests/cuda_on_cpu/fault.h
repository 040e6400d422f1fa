#pragma once

#include <string>

namespace cuda_on_cpu::detail {

/// Explains accesses to device memory that the page protection stops, then ends the process. Faults elsewhere go to
/// whoever handled them before, with the running kernel named.
void install_fault_handler();

bool memory_is_open();

/// "kernel NAME, block (x, y, z), thread (x, y, z)"; empty when none runs.
std::string running_kernel();

}  // namespace cuda_on_cpu::detail
