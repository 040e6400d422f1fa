#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::kernels {

/// A value and its position as one whole number: the order of kernels/top_k.h, largest first, is that of the keys. 0 is
/// smaller than every key, all bits set larger. One text for the host and for kernels.
///
/// The upper half is the float's bits, made to ascend with its value: a positive one gets its sign bit set, a negative
/// one is inverted. The lower half is the inverted position.
MYNAH_HOST_DEVICE inline unsigned long long top_k_key(float value, Index position) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  if (value != value) {
    bits = 0xfffffffeu;  // so that no key has all bits set
  } else if (value == 0.0f) {
    bits = 0x80000000u;
  } else {
    bits = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  }
  return (static_cast<unsigned long long>(bits) << 32) |
         static_cast<std::uint32_t>(~static_cast<std::uint32_t>(position));
}

MYNAH_HOST_DEVICE inline Index position_of_key(unsigned long long key) {
  const std::uint32_t position = ~static_cast<std::uint32_t>(key);
  return position;
}

}  // namespace mynah::kernels
