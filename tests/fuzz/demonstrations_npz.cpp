#include <cstdint>

#include "demonstrations_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mynah::read_or_refuse([&](const mynah::LoadOptions& options) {
    return mynah::parse_demonstrations_npz(std::as_bytes(std::span(data, size)), "FILE", options);
  });
  return 0;
}
