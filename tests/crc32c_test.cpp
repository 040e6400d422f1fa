#include "engine/crc32c.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string_view>
#include <vector>

namespace mynah {
namespace {

std::uint32_t sum_of(std::string_view text) {
  return crc32c(std::as_bytes(std::span(text)));
}

std::uint32_t sum_of(const std::vector<std::uint8_t>& bytes) {
  return crc32c(std::as_bytes(std::span(bytes)));
}

TEST(Crc32c, GivesTheSumsOfRfc3720) {
  EXPECT_EQ(sum_of(std::vector<std::uint8_t>(32, 0x00)), 0x8A9136AAu);
  EXPECT_EQ(sum_of(std::vector<std::uint8_t>(32, 0xff)), 0x62A8AB43u);
  std::vector<std::uint8_t> rising(32);
  std::iota(rising.begin(), rising.end(), std::uint8_t{0});
  EXPECT_EQ(sum_of(rising), 0x46DD794Eu);
  EXPECT_EQ(sum_of(std::vector<std::uint8_t>(rising.rbegin(), rising.rend())), 0x113FDB5Cu);
  EXPECT_EQ(sum_of("123456789"), 0xE3069283u);
  EXPECT_EQ(sum_of(""), 0u);
}

TEST(Crc32c, PartsGiveTheSumOfTheWhole) {
  std::vector<std::uint8_t> bytes(67);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 + 11);
  const auto all = std::as_bytes(std::span(bytes));
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all)) << cut;
  }
}

}  // namespace
}  // namespace mynah
