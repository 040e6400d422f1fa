#include "engine/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>

#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace {

static_assert(std::endian::native == std::endian::little, "mynah reads and writes its files in the host's byte order");

using Kind = NpyArray::Kind;

/// IEEE 754 binary16.
struct Half {
  std::uint16_t bits;

  explicit operator double() const {
    const int exponent = (bits >> 10) & 31;
    const int fraction = bits & 1023;
    double value = 0.0;
    if (exponent == 31) {
      value = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    } else {
      value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    }
    return (bits & 0x8000) != 0 ? -value : value;
  }
};

template <class T>
struct ItemType {
  using type = T;
};

/// Calls f(ItemType<T>) for the C++ type of the array's items.
template <class F>
auto with_item_type(const NpyArray& array, const std::string& place, F f) {
  const Index size = array.item_size;
  switch (array.kind) {
    case Kind::boolean:
      return f(ItemType<std::uint8_t>{});
    case Kind::signed_integer:
      if (size == 1) return f(ItemType<std::int8_t>{});
      if (size == 2) return f(ItemType<std::int16_t>{});
      if (size == 4) return f(ItemType<std::int32_t>{});
      return f(ItemType<std::int64_t>{});
    case Kind::unsigned_integer:
      if (size == 1) return f(ItemType<std::uint8_t>{});
      if (size == 2) return f(ItemType<std::uint16_t>{});
      if (size == 4) return f(ItemType<std::uint32_t>{});
      return f(ItemType<std::uint64_t>{});
    case Kind::floating:
      if (size == 2) return f(ItemType<Half>{});
      if (size == 4) return f(ItemType<float>{});
      return f(ItemType<double>{});
    case Kind::text:
      break;
  }
  throw input_error(place, "holds text where numbers are due", "save numbers in it");
}

template <class T>
T item_at(const NpyArray& array, Index index) {
  T item;
  std::memcpy(&item, array.data.data() + index * static_cast<Index>(sizeof(T)), sizeof(T));
  return item;
}

template <class To>
std::vector<To> convert_items(const NpyArray& array, const std::string& place) {
  std::vector<To> result(static_cast<std::size_t>(array.size()));
  with_item_type(array, place, [&]<class T>(ItemType<T>) {
    if constexpr (std::is_same_v<T, To>) {
      if (!result.empty()) std::memcpy(result.data(), array.data.data(), result.size() * sizeof(To));
    } else {
      using Via = std::conditional_t<std::is_same_v<T, Half>, double, T>;
      for (std::size_t i = 0; i < result.size(); ++i) {
        // NOLINTNEXTLINE(bugprone-signed-char-misuse): an int8 array holds numbers
        result[i] = static_cast<To>(static_cast<Via>(item_at<T>(array, static_cast<Index>(i))));
      }
    }
  });
  return result;
}

template <class T>
NpyArray array_of(std::string name, Kind kind, std::span<const T> values, std::vector<Index> shape) {
  NpyArray array{std::move(name), kind, static_cast<Index>(sizeof(T)), std::move(shape), {}};
  if (array.size() != static_cast<Index>(values.size())) {
    throw Error(Error::Cause::internal, fmt::format("array '{}'", array.name),
                fmt::format("{} values do not make the shape {}", values.size(), array.shape_text()));
  }
  const auto bytes = std::as_bytes(values);
  array.data.assign(bytes.begin(), bytes.end());
  return array;
}

void append_utf8(std::string& text, char32_t point) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6);
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | ((point >> 12) & 0x3f));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

/// Code points of UTF-8 that is_utf8_text() has approved.
std::u32string code_points(std::string_view text) {
  std::u32string points;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    char32_t point = length == 1 ? lead : lead & (0x7fu >> length);
    for (std::size_t k = 1; k < length; ++k) point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3fu);
    points += point;
    i += length;
  }
  return points;
}

}  // namespace

Index NpyArray::size() const {
  return std::accumulate(shape.begin(), shape.end(), Index{1},
                         [](Index product, Index extent) { return product * extent; });
}

std::string NpyArray::shape_text() const {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

std::string NpyArray::dtype() const {
  const Index count = kind == Kind::text ? item_size / 4 : item_size;
  return fmt::format("{}{}{}", item_size == 1 ? '|' : '<', static_cast<char>(kind), count);
}

NpyArray make_npy_array(const NpyHeader& header, std::string name, std::vector<std::byte> items) {
  NpyArray array{std::move(name), header.kind, header.item_size, header.shape, std::move(items)};
  const Index unit = header.kind == Kind::text ? 4 : header.item_size;
  if (header.big_endian && unit > 1) {
    for (auto item = array.data.begin(); item != array.data.end(); item += unit) std::reverse(item, item + unit);
  }
  const std::size_t rank = array.shape.size();
  if (!header.fortran_order || rank < 2 || array.data.empty()) return array;
  // Walks the C order with an odometer; in Fortran order the first index is the one that runs fastest.
  std::vector<std::byte> ordered(array.data.size());
  std::vector<Index> strides(rank, header.item_size);
  for (std::size_t d = 1; d < rank; ++d) strides[d] = strides[d - 1] * array.shape[d - 1];
  std::vector<Index> position(rank, 0);
  Index from = 0;
  for (std::size_t to = 0; to < ordered.size(); to += static_cast<std::size_t>(header.item_size)) {
    std::memcpy(ordered.data() + to, array.data.data() + from, static_cast<std::size_t>(header.item_size));
    for (std::size_t d = rank; d-- > 0;) {
      from += strides[d];
      if (++position[d] < array.shape[d]) break;
      from -= strides[d] * array.shape[d];
      position[d] = 0;
    }
  }
  array.data = std::move(ordered);
  return array;
}

NpyArray npy_array(std::string name, std::span<const float> values, std::vector<Index> shape) {
  return array_of(std::move(name), Kind::floating, values, std::move(shape));
}
NpyArray npy_array(std::string name, std::span<const double> values, std::vector<Index> shape) {
  return array_of(std::move(name), Kind::floating, values, std::move(shape));
}
NpyArray npy_array(std::string name, std::span<const std::int32_t> values, std::vector<Index> shape) {
  return array_of(std::move(name), Kind::signed_integer, values, std::move(shape));
}
NpyArray npy_array(std::string name, std::span<const std::int64_t> values, std::vector<Index> shape) {
  return array_of(std::move(name), Kind::signed_integer, values, std::move(shape));
}
NpyArray npy_array_of_flags(std::string name, std::span<const std::uint8_t> values) {
  return array_of(std::move(name), Kind::boolean, values, {static_cast<Index>(values.size())});
}

NpyArray npy_array_of_text(std::string name, std::span<const std::string> values) {
  std::vector<std::u32string> texts;
  std::size_t longest = 1;
  for (const std::string& value : values) {
    if (!is_utf8_text(value)) {
      throw input_error(fmt::format("array '{}'", name), fmt::format("the name {} is not UTF-8", excerpt(value)),
                        "use UTF-8 for names");
    }
    texts.push_back(code_points(value));
    longest = std::max(longest, texts.back().size());
  }
  std::vector<std::byte> data(values.size() * longest * 4);  // zeros after the end of each text
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i].empty()) std::memcpy(data.data() + i * longest * 4, texts[i].data(), texts[i].size() * 4);
  }
  return {std::move(name),
          Kind::text,
          static_cast<Index>(longest * 4),
          {static_cast<Index>(values.size())},
          std::move(data)};
}

std::string serialize_npy(const NpyArray& array) {
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", array.dtype(), array.shape_text());
  constexpr std::size_t preamble = 10;
  header.append(63 - (preamble + header.size()) % 64, ' ');  // so that the items begin at a multiple of 64 bytes
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(array.data.data()), array.data.size());
  return bytes;
}

std::vector<float> npy_to_floats(const NpyArray& array, const std::string& place) {
  return convert_items<float>(array, place);
}

std::vector<double> npy_to_doubles(const NpyArray& array, const std::string& place) {
  return convert_items<double>(array, place);
}

std::vector<std::int64_t> npy_to_integers(const NpyArray& array, const std::string& place) {
  if (array.kind == Kind::floating) {
    throw input_error(place, fmt::format("is of type {} where integers are due", array.dtype()),
                      "save it as int64, e.g. `x.astype(np.int64)`");
  }
  if (array.kind == Kind::unsigned_integer && array.item_size == 8) {
    for (Index i = 0; i < array.size(); ++i) {
      const auto value = item_at<std::uint64_t>(array, i);
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        throw input_error(place, fmt::format("value {} (item {}) does not fit in int64", value, i), "save it as int64");
      }
    }
  }
  return convert_items<std::int64_t>(array, place);
}

std::vector<std::uint8_t> npy_to_flags(const NpyArray& array, const std::string& place) {
  std::vector<std::uint8_t> result(static_cast<std::size_t>(array.size()));
  const std::vector<double> values = npy_to_doubles(array, place);
  std::transform(values.begin(), values.end(), result.begin(), [](double value) { return value != 0.0 ? 1 : 0; });
  return result;
}

std::vector<std::string> npy_to_text(const NpyArray& array, const std::string& place) {
  if (array.kind != Kind::text) {
    throw input_error(place, fmt::format("is of type {} where text is due", array.dtype()), "save it as `<U`");
  }
  std::vector<std::string> result(static_cast<std::size_t>(array.size()));
  const Index characters = array.item_size / 4;
  for (Index i = 0; i < array.size(); ++i) {
    for (Index k = 0; k < characters; ++k) {
      const auto point = static_cast<char32_t>(item_at<std::uint32_t>(array, i * characters + k));
      if (point == 0) break;
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        throw input_error(place, fmt::format("item {} is not Unicode text", i), "write the file again");
      }
      append_utf8(result[static_cast<std::size_t>(i)], point);
    }
  }
  return result;
}

}  // namespace mynah
