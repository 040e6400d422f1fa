#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "engine/file_bytes.h"
#include "engine/safetensors.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// The format's own limit on the header.
constexpr std::uint64_t largest_header = 100'000'000;

constexpr const char* damaged = "the file is damaged or cut short: write it again, or take another copy";

std::optional<TensorType> type_of_name(std::string_view name) {
  for (int type = 0; type <= static_cast<int>(TensorType::boolean); ++type) {
    if (type_name(static_cast<TensorType>(type)) == name) return static_cast<TensorType>(type);
  }
  return std::nullopt;
}

/// What the header says of one tensor, before it is checked against the data.
struct HeaderEntry {
  std::string name;
  std::optional<TensorType> type;
  std::optional<std::vector<std::uint64_t>> shape;
  std::optional<std::vector<std::uint64_t>> offsets;
};

/// Takes the header's JSON event by event, so that a duplicate name is seen (a map would swallow it), nesting deeper
/// than the format's is refused at once, and no tree is built.
///
///   {"__metadata__": {KEY: TEXT, ...}, NAME: {"dtype": TYPE, "shape": [SIZE, ...], "data_offsets": [BEGIN, END]}, ...}
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::map<std::string, std::string> metadata;
  std::vector<HeaderEntry> entries;
  std::string problem;       ///< Why reading stopped.
  std::string problem_name;  ///< The tensor in which it stopped, if in one.

  bool start_object(std::size_t) override {
    if (level_ == Level::outside) return enter(Level::header);
    if (level_ == Level::header && key_ == "__metadata__") return enter(Level::metadata);
    if (level_ == Level::header) {
      entries.push_back({key_, {}, {}, {}});
      keys_inside_.clear();
      return enter(Level::entry);
    }
    return refuse("has an object where the format has none");
  }
  bool end_object() override {
    if (level_ == Level::entry && !(entries.back().type && entries.back().shape && entries.back().offsets)) {
      return refuse("lacks one of dtype, shape and data_offsets");
    }
    return enter(level_ == Level::header ? Level::outside : Level::header);
  }
  bool key(std::string& name) override {
    key_ = name;
    if (level_ == Level::header && !names_.insert(name).second) return refuse("stands twice in the header", name);
    if (level_ == Level::entry && !keys_inside_.insert(name).second) return refuse("has '" + name + "' twice");
    if (level_ == Level::metadata && metadata.contains(name)) return refuse("has '" + name + "' twice", "__metadata__");
    return true;
  }
  bool string(std::string& text) override {
    if (level_ == Level::metadata) {
      metadata.emplace(key_, text);
      return true;
    }
    if (level_ != Level::entry || key_ != "dtype") return refuse("has text where the format has none");
    entries.back().type = type_of_name(text);
    return entries.back().type ? true : refuse(fmt::format("is of type '{}', which mynah does not read", text));
  }
  bool start_array(std::size_t) override {
    if (level_ != Level::entry || (key_ != "shape" && key_ != "data_offsets")) {
      return refuse("has an array where the format has none");
    }
    auto& numbers = key_ == "shape" ? entries.back().shape : entries.back().offsets;
    numbers_ = &numbers.emplace();
    return enter(Level::numbers);
  }
  bool end_array() override { return enter(Level::entry); }
  bool number_unsigned(number_unsigned_t value) override {
    if (level_ != Level::numbers) return refuse("has a number where the format has none");
    numbers_->push_back(value);
    return true;
  }
  bool number_integer(number_integer_t value) override {
    return refuse(fmt::format("has the negative size {}", value));
  }
  bool number_float(number_float_t, const std::string& text) override {
    return refuse(fmt::format("has '{}', which is no size", text));
  }
  bool null() override { return refuse("has 'null', which the format has not"); }
  bool boolean(bool) override { return refuse("has a truth value, which the format has not"); }
  bool binary(nlohmann::json::binary_t&) override { return refuse("has binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    problem = fmt::format("the header is not JSON at byte {}", 8 + position);
    return false;
  }

 private:
  enum class Level { outside, header, metadata, entry, numbers };

  bool enter(Level level) {
    level_ = level;
    return true;
  }
  bool refuse(std::string why) {
    const bool inside = level_ == Level::entry || level_ == Level::numbers;
    return refuse(std::move(why), inside ? entries.back().name : level_ == Level::metadata ? "__metadata__" : key_);
  }
  bool refuse(std::string why, std::string name) {
    problem = std::move(why);
    problem_name = std::move(name);
    return false;
  }

  Level level_ = Level::outside;
  std::string key_;
  std::set<std::string> names_;
  std::set<std::string> keys_inside_;
  std::vector<std::uint64_t>* numbers_ = nullptr;
};

HeaderReader read_header(std::string_view text, std::string_view name) {
  if (text.empty() || text.front() != '{')
    throw input_error(std::string(name), "its header does not begin with '{'", "take a safetensors file");
  // The parser takes a zero byte for the end of the text, and would not see what stands behind it.
  if (text.find('\0') != std::string_view::npos) {
    throw input_error(std::string(name), "its header has a zero byte in it", damaged);
  }
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader)) {
    throw input_error(
        reader.problem_name.empty() ? std::string(name) : fmt::format("{}: tensor '{}'", name, reader.problem_name),
        reader.problem, damaged);
  }
  return reader;
}

/// elements * element size of an entry, checked against overflow and against its own range; sets tensor.shape.
void check_entry(const HeaderEntry& entry, std::uint64_t data_size, std::string_view file, NamedTensor& tensor) {
  const auto refuse = [&](std::string problem) {
    return input_error(fmt::format("{}: tensor '{}'", file, entry.name), std::move(problem), damaged);
  };
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<Index>::max());
  auto bytes = static_cast<std::uint64_t>(element_size(tensor.type));
  for (const std::uint64_t size : *entry.shape) {
    if (size > largest || (size != 0 && bytes > largest / size)) {
      throw refuse(fmt::format("its shape [{}] is larger than memory can be", fmt::join(*entry.shape, ", ")));
    }
    bytes *= size;
    tensor.shape.push_back(static_cast<Index>(size));
  }
  if (entry.offsets->size() != 2)
    throw refuse(fmt::format("data_offsets has {} numbers, not 2", entry.offsets->size()));
  const std::uint64_t begin = (*entry.offsets)[0];
  const std::uint64_t end = (*entry.offsets)[1];
  if (begin > end || end > data_size) {
    throw refuse(fmt::format("its range [{}, {}) leaves the file's {} bytes of data", begin, end, data_size));
  }
  if (end - begin != bytes) {
    throw refuse(fmt::format("shape [{}] of {} is {} bytes, and its range [{}, {}) is {}",
                             fmt::join(*entry.shape, ", "), type_name(tensor.type), bytes, begin, end, end - begin));
  }
}

/// Every byte of the data belongs to exactly one tensor.
void check_contiguous(const std::vector<HeaderEntry>& entries, std::uint64_t data_size, std::string_view file) {
  std::vector<const HeaderEntry*> by_offset;
  by_offset.reserve(entries.size());
  for (const HeaderEntry& entry : entries) by_offset.push_back(&entry);
  std::sort(by_offset.begin(), by_offset.end(),
            [](const HeaderEntry* a, const HeaderEntry* b) { return *a->offsets < *b->offsets; });
  std::uint64_t position = 0;
  for (const HeaderEntry* entry : by_offset) {
    const std::uint64_t begin = (*entry->offsets)[0];
    if (begin != position) {
      throw input_error(
          fmt::format("{}: tensor '{}'", file, entry->name),
          begin < position
              ? fmt::format("its range begins at {}, inside another tensor's, which ends at {}", begin, position)
              : fmt::format("{} bytes before its range belong to no tensor", begin - position),
          damaged);
    }
    position = (*entry->offsets)[1];
  }
  if (position != data_size) {
    throw input_error(std::string(file), fmt::format("its last {} bytes belong to no tensor", data_size - position),
                      damaged);
  }
}

}  // namespace

SafetensorsFile parse_safetensors(std::span<const std::byte> image, std::string_view name) {
  std::uint64_t header_size = 0;
  if (image.size() < sizeof(header_size)) {
    throw input_error(std::string(name), fmt::format("its {} bytes are no safetensors file", image.size()), damaged);
  }
  std::memcpy(&header_size, image.data(), sizeof(header_size));
  const std::uint64_t rest = image.size() - sizeof(header_size);
  if (header_size > largest_header) {
    throw input_error(std::string(name),
                      fmt::format("its header claims {} bytes, and the format allows {}", header_size, largest_header),
                      "take a safetensors file");
  }
  if (header_size > rest) {
    throw input_error(std::string(name), fmt::format("its header claims {} bytes, and {} are left", header_size, rest),
                      damaged);
  }
  const char* const text = reinterpret_cast<const char*>(image.data()) + sizeof(header_size);
  HeaderReader header = read_header({text, static_cast<std::size_t>(header_size)}, name);

  const std::span<const std::byte> data = image.subspan(sizeof(header_size) + header_size);
  SafetensorsFile file;
  file.origin = name;
  file.metadata = std::move(header.metadata);
  file.tensors.reserve(header.entries.size());
  for (const HeaderEntry& entry : header.entries) {
    NamedTensor& tensor = file.tensors.emplace_back();
    tensor.name = entry.name;
    tensor.type = *entry.type;
    check_entry(entry, data.size(), name, tensor);
  }
  check_contiguous(header.entries, data.size(), name);
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    const std::vector<std::uint64_t>& offsets = *header.entries[i].offsets;
    const auto range = data.subspan(offsets[0], offsets[1] - offsets[0]);
    file.tensors[i].bytes.assign(range.begin(), range.end());
  }
  return file;
}

SafetensorsFile load_safetensors(const std::filesystem::path& path) {
  const std::string image = read_file_bytes(path);
  return parse_safetensors(std::as_bytes(std::span(image)), path.string());
}

}  // namespace mynah
