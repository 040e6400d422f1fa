#include "engine/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <type_traits>

#include "engine/atomic_file.h"
#include "kernels/error.h"

namespace mynah {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian, and so is their memory");

struct TypeFact {
  std::string_view name;
  Index size;
};

/// In the order of TensorType.
constexpr std::array<TypeFact, 15> type_facts = {{{"F64", 8},
                                                  {"F32", 4},
                                                  {"F16", 2},
                                                  {"BF16", 2},
                                                  {"F8_E4M3", 1},
                                                  {"F8_E5M2", 1},
                                                  {"I64", 8},
                                                  {"I32", 4},
                                                  {"I16", 2},
                                                  {"I8", 1},
                                                  {"U64", 8},
                                                  {"U32", 4},
                                                  {"U16", 2},
                                                  {"U8", 1},
                                                  {"BOOL", 1}}};

std::string tensor_place(const SafetensorsFile& file, std::string_view name) {
  return fmt::format("{}: tensor '{}'", file.origin, name);
}

float from_half(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  const std::uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24 is exact in float
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  return std::bit_cast<float>(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// Reads the tensor's elements as `Stored` and turns each into a `Value`.
template <class Stored, class Value, class Convert>
std::vector<Value> converted(const NamedTensor& tensor, Convert convert) {
  std::vector<Value> values(tensor.bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, tensor.bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert(stored);
  }
  return values;
}

template <class Stored, class Value>
std::vector<Value> converted(const NamedTensor& tensor) {
  return converted<Stored, Value>(tensor, [](Stored stored) { return static_cast<Value>(stored); });
}

template <class Value>
void add(SafetensorsFile& file, std::string name, TensorType type, std::vector<Index> shape,
         std::span<const Value> values) {
  NamedTensor tensor{std::move(name), type, std::move(shape), {}};
  if (tensor.elements() != static_cast<Index>(values.size())) {
    throw Error(Error::Cause::internal, tensor_place(file, tensor.name),
                fmt::format("{} values given for shape [{}]", values.size(), fmt::join(tensor.shape, ", ")));
  }
  if (file.find(tensor.name) != nullptr) {
    throw Error(Error::Cause::internal, tensor_place(file, tensor.name), "added twice");
  }
  const auto bytes = std::as_bytes(values);
  tensor.bytes.assign(bytes.begin(), bytes.end());
  file.tensors.push_back(std::move(tensor));
}

/// Tensor numbers in the order in which their data lies in the file.
std::vector<std::size_t> data_order(const SafetensorsFile& file) {
  std::vector<std::size_t> order(file.tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return element_size(file.tensors[a].type) > element_size(file.tensors[b].type);
  });
  return order;
}

void check_writable(const SafetensorsFile& file) {
  for (const NamedTensor& tensor : file.tensors) {
    if (tensor.name == "__metadata__" || file.find(tensor.name) != &tensor) {
      throw Error(Error::Cause::internal, tensor_place(file, tensor.name), "this name cannot be written, or not twice");
    }
    if (static_cast<Index>(tensor.bytes.size()) != tensor.elements() * element_size(tensor.type)) {
      throw Error(Error::Cause::internal, tensor_place(file, tensor.name),
                  fmt::format("{} bytes held for shape [{}] of {}", tensor.bytes.size(), fmt::join(tensor.shape, ", "),
                              type_name(tensor.type)));
    }
  }
}

std::string header_text(const SafetensorsFile& file, const std::vector<std::size_t>& order) {
  std::vector<std::array<std::size_t, 2>> offsets(file.tensors.size());
  std::size_t position = 0;
  for (const std::size_t i : order) {
    offsets[i] = {position, position + file.tensors[i].bytes.size()};
    position = offsets[i][1];
  }
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  // A member is appended without a look-up of its name: check_writable has seen to duplicates.
  auto& members = header.get_ref<nlohmann::ordered_json::object_t&>();
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    const NamedTensor& tensor = file.tensors[i];
    nlohmann::ordered_json entry;
    entry["dtype"] = type_name(tensor.type);
    entry["shape"] = tensor.shape;
    entry["data_offsets"] = offsets[i];
    members.push_back({tensor.name, std::move(entry)});
  }
  try {
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
  } catch (const nlohmann::json::type_error&) {
    throw input_error(file.origin, "a tensor name or a metadata entry is not UTF-8 text", "rename it");
  }
}

}  // namespace

Index element_size(TensorType type) {
  return type_facts[static_cast<std::size_t>(type)].size;
}

std::string_view type_name(TensorType type) {
  return type_facts[static_cast<std::size_t>(type)].name;
}

Index NamedTensor::elements() const {
  return std::accumulate(shape.begin(), shape.end(), Index{1}, std::multiplies<>());
}

const NamedTensor* SafetensorsFile::find(std::string_view name) const {
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

const NamedTensor& SafetensorsFile::at(std::string_view name) const {
  if (const NamedTensor* tensor = find(name)) return *tensor;
  std::string names;
  for (std::size_t i = 0; i < std::min<std::size_t>(tensors.size(), 12); ++i) {
    names += fmt::format("{}{}", i == 0 ? "" : ", ", tensors[i].name);
  }
  if (tensors.size() > 12) names += fmt::format(", ... ({} in all)", tensors.size());
  throw input_error(tensor_place(*this, name), "there is no such tensor",
                    tensors.empty() ? "the file holds no tensors" : "the file holds: " + names);
}

const NamedTensor& SafetensorsFile::at(std::string_view name, const std::vector<Index>& shape) const {
  const NamedTensor& tensor = at(name);
  if (tensor.shape != shape) {
    throw input_error(
        tensor_place(*this, name),
        fmt::format("its shape is [{}], and [{}] is needed", fmt::join(tensor.shape, ", "), fmt::join(shape, ", ")),
        "take a file that was written for a network of this shape");
  }
  return tensor;
}

std::vector<float> SafetensorsFile::floats(std::string_view name) const {
  const NamedTensor& tensor = at(name);
  switch (tensor.type) {
    case TensorType::f32:
      return converted<float, float>(tensor);
    case TensorType::f64:
      return converted<double, float>(tensor);
    case TensorType::f16:
      return converted<std::uint16_t, float>(tensor, from_half);
    case TensorType::bf16:
      return converted<std::uint16_t, float>(tensor, from_bfloat16);
    default:
      throw input_error(tensor_place(*this, name),
                        fmt::format("its type is {}, and a floating-point type is needed", type_name(tensor.type)),
                        "store it as F32, F64, F16 or BF16");
  }
}

std::vector<double> SafetensorsFile::doubles(std::string_view name) const {
  const NamedTensor& tensor = at(name);
  if (tensor.type == TensorType::f64) return converted<double, double>(tensor);
  if (tensor.type == TensorType::f32) return converted<float, double>(tensor);
  throw input_error(tensor_place(*this, name),
                    fmt::format("its type is {}, and F64 or F32 is needed", type_name(tensor.type)), "store it as F64");
}

std::vector<std::int64_t> SafetensorsFile::int64s(std::string_view name) const {
  const NamedTensor& tensor = at(name);
  switch (tensor.type) {
    case TensorType::i64:
      return converted<std::int64_t, std::int64_t>(tensor);
    case TensorType::i32:
      return converted<std::int32_t, std::int64_t>(tensor);
    case TensorType::i16:
      return converted<std::int16_t, std::int64_t>(tensor);
    case TensorType::i8:
      return converted<std::int8_t, std::int64_t>(tensor);
    case TensorType::u32:
      return converted<std::uint32_t, std::int64_t>(tensor);
    case TensorType::u16:
      return converted<std::uint16_t, std::int64_t>(tensor);
    case TensorType::u8:
      return converted<std::uint8_t, std::int64_t>(tensor);
    case TensorType::boolean:
      return converted<std::uint8_t, std::int64_t>(tensor, [](std::uint8_t value) { return value != 0 ? 1 : 0; });
    case TensorType::u64:
      return converted<std::uint64_t, std::int64_t>(tensor, [&](std::uint64_t value) {
        if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
          throw input_error(tensor_place(*this, name), fmt::format("the value {} does not fit 64 signed bits", value));
        }
        return static_cast<std::int64_t>(value);
      });
    default:
      throw input_error(tensor_place(*this, name),
                        fmt::format("its type is {}, and an integer type is needed", type_name(tensor.type)),
                        "store it as I64");
  }
}

const std::string& SafetensorsFile::metadata_at(const std::string& key) const {
  const auto entry = metadata.find(key);
  if (entry == metadata.end()) {
    throw input_error(origin, fmt::format("its metadata has no entry '{}'", key),
                      "take a file that mynah wrote, or add the entry");
  }
  return entry->second;
}

void SafetensorsFile::add_floats(std::string name, std::vector<Index> shape, std::span<const float> values) {
  add(*this, std::move(name), TensorType::f32, std::move(shape), values);
}
void SafetensorsFile::add_doubles(std::string name, std::vector<Index> shape, std::span<const double> values) {
  add(*this, std::move(name), TensorType::f64, std::move(shape), values);
}
void SafetensorsFile::add_int64(std::string name, std::vector<Index> shape, std::span<const std::int64_t> values) {
  add(*this, std::move(name), TensorType::i64, std::move(shape), values);
}
void SafetensorsFile::add_int32(std::string name, std::vector<Index> shape, std::span<const std::int32_t> values) {
  add(*this, std::move(name), TensorType::i32, std::move(shape), values);
}
void SafetensorsFile::add_bytes(std::string name, std::vector<Index> shape, std::span<const std::uint8_t> values) {
  add(*this, std::move(name), TensorType::u8, std::move(shape), values);
}

std::vector<std::byte> serialize_safetensors(const SafetensorsFile& file) {
  check_writable(file);
  const std::vector<std::size_t> order = data_order(file);
  const std::string header = header_text(file, order);
  const std::uint64_t header_size = header.size();
  std::size_t size = sizeof(header_size) + header.size();
  for (const NamedTensor& tensor : file.tensors) size += tensor.bytes.size();

  std::vector<std::byte> image(size);
  std::byte* out = image.data();
  const auto append = [&out](const void* data, std::size_t bytes) {
    if (bytes != 0) std::memcpy(out, data, bytes);
    out += bytes;
  };
  append(&header_size, sizeof(header_size));
  append(header.data(), header.size());
  for (const std::size_t i : order) append(file.tensors[i].bytes.data(), file.tensors[i].bytes.size());
  return image;
}

void save_safetensors(const std::filesystem::path& path, const SafetensorsFile& file) {
  const std::vector<std::byte> image = serialize_safetensors(file);
  write_file_atomically(path, {reinterpret_cast<const char*>(image.data()), image.size()});
}

}  // namespace mynah
