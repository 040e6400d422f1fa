#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/view.h"

namespace mynah {

/// The element types of the safetensors format that mynah reads and writes.
enum class TensorType { f64, f32, f16, bf16, f8_e4m3, f8_e5m2, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

/// Bytes of one element.
Index element_size(TensorType type);
/// The format's name of the type: "F32", "BF16", "BOOL", ...
std::string_view type_name(TensorType type);

/// One tensor of a file: row-major, little-endian, owned.
struct NamedTensor {
  std::string name;
  TensorType type = TensorType::f32;
  std::vector<Index> shape;      ///< Empty for a scalar.
  std::vector<std::byte> bytes;  ///< elements() * element_size(type)

  /// Product of the shape: 1 for a scalar.
  Index elements() const;
  bool operator==(const NamedTensor&) const = default;
};

/// The content of one safetensors file: an ordered list of named tensors, and strings beside it.
///
/// Format: https://huggingface.co/docs/safetensors. Files written here are read by the Python package of that name and
/// the other way round. The same content gives the same bytes: metadata is sorted by key, tensors are listed as given.
struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  std::vector<NamedTensor> tensors;
  /// Where the content was read from: what errors are named after. Not part of the content.
  std::string origin = "safetensors";

  /// The tensor of this name, or null.
  const NamedTensor* find(std::string_view name) const;
  /// The tensor of this name. Throws Error (input) with the names that are there.
  const NamedTensor& at(std::string_view name) const;
  /// The same, and its shape must be `shape`. Throws Error (input) that gives both shapes.
  const NamedTensor& at(std::string_view name, const std::vector<Index>& shape) const;

  /// The values of a tensor of any floating-point type, rounded to float (F64) or widened (F16, BF16).
  /// Throws Error (input) if there is no such tensor or if its type is no floating-point type.
  std::vector<float> floats(std::string_view name) const;
  /// The values of an F64 or F32 tensor. Throws as floats() does.
  std::vector<double> doubles(std::string_view name) const;
  /// The values of a tensor of any integer type, or BOOL (0, 1). U64 values above 2^63 - 1 are refused.
  std::vector<std::int64_t> int64s(std::string_view name) const;
  /// The metadata entry of this name. Throws Error (input) if there is none.
  const std::string& metadata_at(const std::string& key) const;

  /// Each adds a tensor at the end. `values.size()` is the product of `shape`, and the name is new; anything else is a
  /// defect of the caller (Error, internal).
  void add_floats(std::string name, std::vector<Index> shape, std::span<const float> values);
  void add_doubles(std::string name, std::vector<Index> shape, std::span<const double> values);
  void add_int64(std::string name, std::vector<Index> shape, std::span<const std::int64_t> values);
  void add_int32(std::string name, std::vector<Index> shape, std::span<const std::int32_t> values);
  void add_bytes(std::string name, std::vector<Index> shape, std::span<const std::uint8_t> values);
};

/// Reads a file image. `name` stands in error messages. Refused with Error (input): a header that is longer than the
/// file or 100 MB, is no JSON of the format's form, names a tensor twice, or has an unknown type; ranges that disagree
/// with the shape, leave the data, overlap, or leave holes.
SafetensorsFile parse_safetensors(std::span<const std::byte> image, std::string_view name);

/// Reads a file. Throws Error (input) as parse_safetensors does, and if the file cannot be read.
SafetensorsFile load_safetensors(const std::filesystem::path& path);

/// The image of a file. Data lies in order of falling element size, so that every tensor is aligned to its elements;
/// it begins at a multiple of 8 bytes.
std::vector<std::byte> serialize_safetensors(const SafetensorsFile& file);

/// Writes a file whole or not at all. Throws Error (input): the earlier file, if any, is intact then.
void save_safetensors(const std::filesystem::path& path, const SafetensorsFile& file);

}  // namespace mynah
