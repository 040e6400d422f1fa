#include "engine/event_file.h"

#include <bit>
#include <cstring>

#include "engine/crc32c.h"

namespace mynah {
namespace {

static_assert(std::endian::native == std::endian::little, "records and fixed-size fields are little-endian");

enum class WireType : std::uint32_t { varint = 0, fixed64 = 1, length_delimited = 2, fixed32 = 5 };

template <class T>
void append_bytes_of(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

/// Seven bits a byte, least significant first; the top bit says that more follow.
void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void append_tag(std::string& out, std::uint32_t field, WireType type) {
  append_varint(out, field << 3 | static_cast<std::uint32_t>(type));
}

void append_double(std::string& out, std::uint32_t field, double value) {
  append_tag(out, field, WireType::fixed64);
  append_bytes_of(out, value);
}

void append_float(std::string& out, std::uint32_t field, float value) {
  append_tag(out, field, WireType::fixed32);
  append_bytes_of(out, value);
}

void append_integer(std::string& out, std::uint32_t field, std::int64_t value) {
  append_tag(out, field, WireType::varint);
  append_varint(out, static_cast<std::uint64_t>(value));
}

void append_text(std::string& out, std::uint32_t field, std::string_view text) {
  append_tag(out, field, WireType::length_delimited);
  append_varint(out, text.size());
  out.append(text);
}

void append_record(std::string& out, std::string_view data) {
  const std::uint64_t length = data.size();
  char bytes[sizeof(length)];
  std::memcpy(bytes, &length, sizeof(length));
  out.append(bytes, sizeof(length));
  append_bytes_of(out, masked_crc32c({bytes, sizeof(length)}));
  out.append(data);
  append_bytes_of(out, masked_crc32c(data));
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(std::as_bytes(std::span(bytes))), 15) + 0xa282ead8u;
}

void append_version_event(std::string& out, double wall_time) {
  std::string event;
  append_double(event, 1, wall_time);
  append_text(event, 3, "brain.Event:2");
  append_record(out, event);
}

void append_restart_event(std::string& out, double wall_time, Index step) {
  std::string session_log;
  append_integer(session_log, 1, 1);
  std::string event;
  append_double(event, 1, wall_time);
  append_integer(event, 2, step);
  append_text(event, 7, session_log);
  append_record(out, event);
}

void append_metrics_event(std::string& out, double wall_time, Index step, std::span<const Metric> metrics) {
  std::string summary;
  for (const Metric& metric : metrics) {
    std::string value;
    append_text(value, 1, metric.name);
    append_float(value, 2, static_cast<float>(metric.value));
    append_text(summary, 1, value);
  }
  std::string event;
  append_double(event, 1, wall_time);
  append_integer(event, 2, step);
  append_text(event, 5, summary);
  append_record(out, event);
}

}  // namespace mynah
