#include <cstdint>

#include "demonstrations_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  mynah::read_or_refuse(
      [&](const mynah::LoadOptions& options) { return mynah::parse_demonstrations_csv(text, "FILE", options); });
  return 0;
}
