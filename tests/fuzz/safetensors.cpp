#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "engine/safetensors.h"
#include "kernels/error.h"

/// Any bytes are read or refused with an Error of the input; what is read is written and read again unchanged.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mynah;
  SafetensorsFile file;
  try {
    file = parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz");
  } catch (const Error& error) {
    if (error.cause() != Error::Cause::input || error.problem().empty()) std::abort();
    return 0;
  }
  for (const NamedTensor& tensor : file.tensors) {
    if (static_cast<Index>(tensor.bytes.size()) != tensor.elements() * element_size(tensor.type)) std::abort();
    try {
      file.floats(tensor.name);
    } catch (const Error&) {
      // Of another type: refused in words.
    }
    try {
      file.int64s(tensor.name);
    } catch (const Error&) {
    }
  }
  const SafetensorsFile again = parse_safetensors(serialize_safetensors(file), "again");
  if (again.tensors != file.tensors || again.metadata != file.metadata) std::abort();
  return 0;
}
