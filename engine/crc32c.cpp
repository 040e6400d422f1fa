#include "engine/crc32c.h"

#include <array>

namespace mynah {
namespace {

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

/// tables[0][b]: the effect of byte b on an empty sum. tables[k][b]: the same, followed by k zero bytes, so that eight
/// bytes are taken at a time with eight independent look-ups.
constexpr Tables tables = [] {
  Tables result{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1u) != 0 ? 0x82F63B78u : 0u);
    result[0][byte] = sum;
  }
  for (std::size_t zeros = 1; zeros < 8; ++zeros) {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t sum = result[zeros - 1][byte];
      result[zeros][byte] = (sum >> 8) ^ result[0][sum & 0xffu];
    }
  }
  return result;
}();

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
  std::uint32_t sum = ~before;
  const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); };
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    sum ^= byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
    sum = tables[7][sum & 0xffu] ^ tables[6][sum >> 8 & 0xffu] ^ tables[5][sum >> 16 & 0xffu] ^ tables[4][sum >> 24] ^
          tables[3][byte(4)] ^ tables[2][byte(5)] ^ tables[1][byte(6)] ^ tables[0][byte(7)];
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) sum = (sum >> 8) ^ tables[0][(sum ^ byte(i)) & 0xffu];
  return ~sum;
}

}  // namespace mynah
