#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mynah {

/// CRC-32C (Castagnoli) of the bytes, as RFC 3720 appendix B.4 gives it: reflected polynomial 0x82F63B78, all bits
/// inverted before and after. With `before`, the sum of an earlier part, the result is that of both parts together.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace mynah
