#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/view.h"

namespace mynah {

/// One array of NumPy's `.npy` format in host memory: C order, little-endian.
struct NpyArray {
  enum class Kind : char { boolean = 'b', signed_integer = 'i', unsigned_integer = 'u', floating = 'f', text = 'U' };

  std::string name;
  Kind kind = Kind::floating;
  Index item_size = 4;       ///< Bytes of one item: 1, 2, 4 or 8; of text: 4 times the characters.
  std::vector<Index> shape;  ///< Empty for a scalar.
  std::vector<std::byte> data;

  /// Number of items: the product of the shape.
  Index size() const;
  /// As Python writes it, e.g. "(2000, 11)".
  std::string shape_text() const;
  /// As NumPy writes it, e.g. "<f4".
  std::string dtype() const;
  bool is_integer() const { return kind == Kind::signed_integer || kind == Kind::unsigned_integer; }
};

/// What the header of a `.npy` file says.
struct NpyHeader {
  NpyArray::Kind kind = NpyArray::Kind::floating;
  Index item_size = 0;
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<Index> shape;
  std::uint64_t data_offset = 0;  ///< Where the items begin.
  std::uint64_t data_bytes = 0;   ///< Bytes of all items; never overflows.
};

/// Most bytes a header may take (as NumPy's own limit for untrusted files, generously).
inline constexpr std::size_t npy_max_header_bytes = 65536;

/// Parses the header of format 1.0, 2.0 or 3.0 (numpy.lib.format) at the start of `bytes`, which holds at least the
/// whole header or all there is. `place` begins every error message. Object arrays (pickles), structures, complex
/// numbers and dates are refused with the reason.
NpyHeader parse_npy_header(std::span<const std::byte> bytes, const std::string& place);

/// Puts raw items into C order and little-endian.
NpyArray make_npy_array(const NpyHeader& header, std::string name, std::vector<std::byte> items);

/// Arrays from values, to be written. `shape` multiplies to the number of values.
NpyArray npy_array(std::string name, std::span<const float> values, std::vector<Index> shape);
NpyArray npy_array(std::string name, std::span<const double> values, std::vector<Index> shape);
NpyArray npy_array(std::string name, std::span<const std::int32_t> values, std::vector<Index> shape);
NpyArray npy_array(std::string name, std::span<const std::int64_t> values, std::vector<Index> shape);
/// As bool (|b1): every value is 0 or 1.
NpyArray npy_array_of_flags(std::string name, std::span<const std::uint8_t> values);
/// As fixed-width Unicode (<U): NumPy reads it without pickle. Names are UTF-8.
NpyArray npy_array_of_text(std::string name, std::span<const std::string> values);

/// The bytes of a `.npy` file, format 1.0.
std::string serialize_npy(const NpyArray& array);

/// Values of an array, converted; text is an input error at `place`, and so is a value that does not fit.
std::vector<float> npy_to_floats(const NpyArray& array, const std::string& place);
std::vector<double> npy_to_doubles(const NpyArray& array, const std::string& place);
/// Integers and booleans only: a floating-point array is an error, even where its values are whole.
std::vector<std::int64_t> npy_to_integers(const NpyArray& array, const std::string& place);
/// 0 or 1 for each item of any numeric type: whether it is not zero.
std::vector<std::uint8_t> npy_to_flags(const NpyArray& array, const std::string& place);
/// UTF-8 strings of a text array.
std::vector<std::string> npy_to_text(const NpyArray& array, const std::string& place);

}  // namespace mynah
