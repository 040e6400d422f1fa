#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kernels/view.h"

namespace mynah {

/// One named number, as it goes to metrics.jsonl and to TensorBoard.
struct Metric {
  std::string_view name;
  double value = 0;
};

/// TensorBoard's event file is a sequence of TFRecords, each one `Event` message of protocol buffers.
///
///   TFRecord   length: 8 bytes, masked crc32c of these: 4 bytes, data, masked crc32c of the data: 4 bytes
///   Event      1 wall_time: double    2 step: int64    3 file_version: string    5 summary    7 session_log
///   Summary    1 value: repeated { 1 tag: string    2 simple_value: float }
///   SessionLog 1 status: 1 is START
///
/// Sources: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto and
/// tensorflow/core/framework/summary.proto (their documentation); https://protobuf.dev/programming-guides/encoding.
/// Each function appends one record to `out`. wall_time is in seconds since 1970.

/// The first record of every file: file_version "brain.Event:2".
void append_version_event(std::string& out, double wall_time);

/// Says that training goes on at `step`: readers drop what earlier files have of this step and later ones.
void append_restart_event(std::string& out, double wall_time, Index step);

/// The metrics of one step.
void append_metrics_event(std::string& out, double wall_time, Index step, std::span<const Metric> metrics);

/// The record's rotated and shifted checksum: a sum of data that holds sums is not a sum of itself.
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace mynah
