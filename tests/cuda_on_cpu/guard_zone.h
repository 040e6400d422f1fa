#pragma once

namespace cuda_on_cpu::detail {

// Guard zones hold a pattern by the address of each byte, so that any part of one can be filled and checked alone.

void fill_guard(char* from, char* to);

/// The first changed byte of a guard zone, or nullptr.
const char* first_change(const char* from, const char* to);

/// The same question, answered a word at a time.
bool guard_is_intact(const char* from, const char* to);

}  // namespace cuda_on_cpu::detail
