#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "engine/npy.h"
#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using Kind = NpyArray::Kind;

constexpr std::size_t most_dimensions = 32;
constexpr const char* write_again = "the file may be damaged; write it again with `numpy.savez`";

/// The header's text: a Python dictionary literal with the keys descr, fortran_order and shape, in any order.
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& place) : text_(text), place_(place) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_type = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!take('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        parse_type(header);
        has_type = true;
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
        has_order = true;
      } else if (key == "shape") {
        header.shape = shape();
        has_shape = true;
      } else {
        fail(fmt::format("has the unknown key {}", excerpt(key)));
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (position_ != text_.size()) fail("goes on after its end");
    if (!has_type) fail("lacks 'descr'");
    if (!has_order) fail("lacks 'fortran_order'");
    if (!has_shape) fail("lacks 'shape'");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw input_error(place_, fmt::format("the .npy header {} (character {})", problem, position_), write_again);
  }
  void skip_space() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n')) ++position_;
  }
  bool take(char wanted) {
    skip_space();
    if (position_ >= text_.size() || text_[position_] != wanted) return false;
    ++position_;
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) fail(fmt::format("has no '{}' where one is due", wanted));
  }
  std::string_view quoted() {
    skip_space();
    if (position_ >= text_.size() || (text_[position_] != '\'' && text_[position_] != '"')) fail("has no quoted text");
    const char quote = text_[position_++];
    const std::size_t end = text_.find(quote, position_);
    if (end == std::string_view::npos) fail("ends inside quoted text");
    const std::string_view result = text_.substr(position_, end - position_);
    position_ = end + 1;
    return result;
  }
  bool boolean() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(position_).starts_with(word)) {
        position_ += word.size();
        return value;
      }
    }
    fail("has a fortran_order that is neither True nor False");
  }
  std::vector<Index> shape() {
    std::vector<Index> result;
    expect('(');
    while (!take(')')) {
      skip_space();
      Index extent = -1;
      const char* begin = text_.data() + position_;
      const auto [end, code] = std::from_chars(begin, text_.data() + text_.size(), extent);
      if (code != std::errc{} || extent < 0) fail("has a shape that is not a tuple of sizes");
      position_ += static_cast<std::size_t>(end - begin);
      if (position_ < text_.size() && text_[position_] == 'L') ++position_;  // Python 2
      result.push_back(extent);
      if (result.size() > most_dimensions) fail("has more than 32 dimensions");
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return result;
  }

  void parse_type(NpyHeader& header) {
    skip_space();
    if (position_ < text_.size() && text_[position_] == '[') {
      refuse_type("is a structure", "save one plain array per field");
    }
    const std::string_view type = quoted();
    const bool has_order = !type.empty() && std::string_view("<>|=").find(type[0]) != std::string_view::npos;
    const std::string_view code = has_order ? type.substr(1) : type;
    if (code.starts_with('O')) {
      refuse_type("holds Python objects (pickle), which are never executed",
                  "save it as a plain array, e.g. `np.asarray(x, dtype=np.float32)`");
    }
    header.big_endian = type.starts_with('>');
    std::int32_t count = -1;
    if (code.size() > 1) {
      const auto [end, error] = std::from_chars(code.data() + 1, code.data() + code.size(), count);
      if (error != std::errc{} || end != code.data() + code.size()) count = -1;
    }
    const std::optional<Kind> kind = supported(code.empty() ? ' ' : code[0], count);
    if (!kind) {
      refuse_type(fmt::format("is of type {}, which is not read", excerpt(type)),
                  "save it as float32, float64, an integer type or bool");
    }
    header.kind = *kind;
    header.item_size = *kind == Kind::text ? Index{4} * count : count;
  }
  static std::optional<Kind> supported(char letter, std::int32_t count) {
    const bool integer_size = count == 1 || count == 2 || count == 4 || count == 8;
    if (letter == 'b' && count == 1) return Kind::boolean;
    if (letter == 'i' && integer_size) return Kind::signed_integer;
    if (letter == 'u' && integer_size) return Kind::unsigned_integer;
    if (letter == 'f' && integer_size && count > 1) return Kind::floating;
    if (letter == 'U' && count > 0 && count < 65536) return Kind::text;
    return std::nullopt;
  }
  [[noreturn]] void refuse_type(const std::string& problem, const std::string& remedy) const {
    throw input_error(place_, problem, remedy);
  }

  std::string_view text_;
  const std::string& place_;
  std::size_t position_ = 0;
};

std::uint64_t byte_count(const NpyHeader& header, const std::string& place) {
  std::uint64_t bytes = static_cast<std::uint64_t>(header.item_size);
  bool empty = false;
  for (const Index extent : header.shape) {
    if (extent == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes) || bytes >> 62 != 0) {
      throw input_error(place, "the .npy header has a shape beyond any memory", write_again);
    }
  }
  return empty ? 0 : bytes;
}

}  // namespace

NpyHeader parse_npy_header(std::span<const std::byte> bytes, const std::string& place) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto byte_at = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  constexpr std::string_view magic = "\x93NUMPY";
  if (!text.starts_with(magic)) {
    throw input_error(place, "is not a NumPy array: the bytes do not start with \\x93NUMPY", write_again);
  }
  const auto cut = [&] { return input_error(place, "the .npy header is cut off", write_again); };
  if (text.size() < 10) throw cut();
  const std::uint32_t version = byte_at(6);
  if (version < 1 || version > 3 || byte_at(7) != 0) {
    throw input_error(place, fmt::format("is of .npy format {}.{}; 1.0, 2.0 and 3.0 are read", version, byte_at(7)),
                      write_again);
  }
  std::size_t offset = 10;
  std::size_t length = byte_at(8) | byte_at(9) << 8;
  if (version > 1) {
    if (text.size() < 12) throw cut();
    offset = 12;
    length |= byte_at(10) << 16 | byte_at(11) << 24;
  }
  if (length > npy_max_header_bytes - offset) {
    throw input_error(place, fmt::format("the .npy header claims {} bytes, more than any array needs", length),
                      write_again);
  }
  if (text.size() - offset < length) throw cut();
  NpyHeader header = HeaderText(text.substr(offset, length), place).parse();
  header.data_offset = offset + length;
  header.data_bytes = byte_count(header, place);
  return header;
}

}  // namespace mynah
