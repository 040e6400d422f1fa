#include <cstdint>
#include <cstdlib>

#include "engine/npy.h"
#include "kernels/error.h"

// The header parser on its own: behind a zip file's checksums the fuzzer of whole files hardly reaches it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mynah;
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const NpyHeader header = parse_npy_header(bytes, "FILE");
    if (size - header.data_offset != header.data_bytes) return 0;  // NpzReader refuses it
    const auto items = bytes.subspan(header.data_offset);
    const NpyArray array = make_npy_array(header, "x", {items.begin(), items.end()});
    if (array.kind == NpyArray::Kind::text) {
      static_cast<void>(npy_to_text(array, "FILE"));
    } else {
      static_cast<void>(npy_to_floats(array, "FILE"));
      static_cast<void>(npy_to_flags(array, "FILE"));
      static_cast<void>(npy_to_integers(array, "FILE"));
    }
  } catch (const Error& error) {
    if (error.cause() != Error::Cause::input || error.remedy().empty()) std::abort();
  }
  return 0;
}
