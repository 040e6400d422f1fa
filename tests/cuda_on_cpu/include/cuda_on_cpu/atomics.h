#pragma once

#include <cstring>

// Threads of a launch are fibers of one operating-system thread and never switch inside these, so plain code is atomic.

namespace cuda_on_cpu::detail {

template <class T, class Update>
T updated(T* address, Update update) {
  const T old = *address;
  *address = update(old);
  return old;
}

}  // namespace cuda_on_cpu::detail

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type.
#define MYNAH_ATOMIC(NAME, T, EXPRESSION)                                                     \
  inline T NAME(T* address, T value) {                                                        \
    return cuda_on_cpu::detail::updated(address, [value](T old) -> T { return EXPRESSION; }); \
  }
// NOLINTEND(bugprone-macro-parentheses)
#define MYNAH_ATOMIC_INTEGERS(NAME, EXPRESSION) \
  MYNAH_ATOMIC(NAME, unsigned int, EXPRESSION)  \
  MYNAH_ATOMIC(NAME, unsigned long long, EXPRESSION)

// Signed sums wrap, as they do on the device.
inline int atomicAdd(int* address, int value) {
  return cuda_on_cpu::detail::updated(address, [value](int old) {
    return static_cast<int>(static_cast<unsigned int>(old) + static_cast<unsigned int>(value));
  });
}
inline int atomicSub(int* address, int value) {
  return cuda_on_cpu::detail::updated(address, [value](int old) {
    return static_cast<int>(static_cast<unsigned int>(old) - static_cast<unsigned int>(value));
  });
}
MYNAH_ATOMIC_INTEGERS(atomicAdd, old + value)
MYNAH_ATOMIC(atomicAdd, float, old + value)
MYNAH_ATOMIC(atomicAdd, double, old + value)
MYNAH_ATOMIC(atomicSub, unsigned int, old - value)
MYNAH_ATOMIC_INTEGERS(atomicExch, (static_cast<void>(old), value))
MYNAH_ATOMIC(atomicExch, int, (static_cast<void>(old), value))
MYNAH_ATOMIC(atomicExch, float, (static_cast<void>(old), value))
MYNAH_ATOMIC_INTEGERS(atomicMin, value < old ? value : old)
MYNAH_ATOMIC(atomicMin, int, value < old ? value : old)
MYNAH_ATOMIC(atomicMin, long long, value < old ? value : old)
MYNAH_ATOMIC_INTEGERS(atomicMax, value > old ? value : old)
MYNAH_ATOMIC(atomicMax, int, value > old ? value : old)
MYNAH_ATOMIC(atomicMax, long long, value > old ? value : old)
MYNAH_ATOMIC_INTEGERS(atomicAnd, old& value)
MYNAH_ATOMIC(atomicAnd, int, old& value)
MYNAH_ATOMIC_INTEGERS(atomicOr, old | value)
MYNAH_ATOMIC(atomicOr, int, old | value)
MYNAH_ATOMIC_INTEGERS(atomicXor, old ^ value)
MYNAH_ATOMIC(atomicXor, int, old ^ value)
MYNAH_ATOMIC(atomicInc, unsigned int, old >= value ? 0u : old + 1u)
MYNAH_ATOMIC(atomicDec, unsigned int, (old == 0u || old > value) ? value : old - 1u)

#undef MYNAH_ATOMIC_INTEGERS
#undef MYNAH_ATOMIC

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type.
#define MYNAH_ATOMIC_CAS(T)                                                                                 \
  inline T atomicCAS(T* address, T compare, T value) {                                                      \
    return cuda_on_cpu::detail::updated(address, [=](T old) -> T { return old == compare ? value : old; }); \
  }
// NOLINTEND(bugprone-macro-parentheses)
MYNAH_ATOMIC_CAS(int)
MYNAH_ATOMIC_CAS(unsigned int)
MYNAH_ATOMIC_CAS(unsigned long long)
MYNAH_ATOMIC_CAS(unsigned short)
#undef MYNAH_ATOMIC_CAS
