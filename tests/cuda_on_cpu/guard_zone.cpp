#include "guard_zone.h"

#include <cstdint>
#include <cstring>

namespace cuda_on_cpu::detail {
namespace {

// As a float or a double the pattern is a NaN, and not the one that results of arithmetic on poisoned memory have.
constexpr std::uint32_t guard_word = 0xffffa5a5u;

}  // namespace

void fill_guard(char* from, char* to) {
  for (; from != to && reinterpret_cast<std::uintptr_t>(from) % 4 != 0; ++from)
    *from = static_cast<char>(guard_word >> (8 * (reinterpret_cast<std::uintptr_t>(from) % 4)));
  for (; from != to; from += 4) std::memcpy(from, &guard_word, 4);
}

const char* first_change(const char* from, const char* to) {
  for (; from != to; ++from)
    if (*from != static_cast<char>(guard_word >> (8 * (reinterpret_cast<std::uintptr_t>(from) % 4)))) return from;
  return nullptr;
}

bool guard_is_intact(const char* from, const char* to) {
  while (from != to && reinterpret_cast<std::uintptr_t>(from) % 4 != 0)
    if (first_change(from, from + 1) != nullptr)
      return false;
    else
      ++from;
  for (; from != to; from += 4) {
    std::uint32_t word;
    std::memcpy(&word, from, 4);
    if (word != guard_word) return false;
  }
  return true;
}

}  // namespace cuda_on_cpu::detail
