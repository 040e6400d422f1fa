#include "engine/metrics.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

#include "engine/atomic_file.h"
#include "engine/file_bytes.h"
#include "kernels/error.h"

namespace mynah {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view event_prefix = "events.out.tfevents.";

double wall_time_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

[[noreturn]] void fail(const fs::path& path, const char* action, int error_number) {
  throw input_error(path.string(), fmt::format("{}: {}", action, std::system_category().message(error_number)),
                    error_number == ENOSPC || error_number == EFBIG || error_number == EDQUOT
                        ? "free some space, then go on with `mynah resume`"
                        : "check who may write there, or choose another `--out`");
}

/// The step of a line of metrics.jsonl, or nothing if it is no such line.
std::optional<Index> step_of_line(std::string_view line) {
  const auto json = nlohmann::json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto step = json.find("step");
  if (step == json.end() || !step->is_number_integer()) return std::nullopt;
  return step->get<Index>();
}

/// Removes the lines after `last_step`, and a torn last line.
void cut_lines(const fs::path& path, Index last_step) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return;
  const std::string text = read_file_bytes(path);
  std::string kept;
  std::size_t number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // a kill tore this line
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    const std::optional<Index> step = step_of_line(line);
    if (!step) {
      throw input_error(fmt::format("{}:{}", path.string(), number), "this line is no JSON object with a step",
                        "remove the line, then try again");
    }
    if (*step <= last_step) kept.append(line).push_back('\n');
    begin = end + 1;
  }
  if (kept != text) write_file_atomically(path, kept);
}

/// A name that sorts after those of the files that are there, as readers take the files in the order of their names.
fs::path next_event_file(const fs::path& folder) {
  auto seconds = static_cast<std::int64_t>(wall_time_now());
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    std::int64_t other = 0;
    if (!name.starts_with(event_prefix)) continue;
    std::from_chars(name.data() + event_prefix.size(), name.data() + name.size(), other);
    if (other >= seconds && other < seconds + 1000) seconds = other + 1;
  }
  char host[256] = "localhost";
  if (::gethostname(host, sizeof(host) - 1) != 0) host[0] = 'h';
  return folder / fmt::format("{}{:010}.{}.{}", event_prefix, seconds, host, ::getpid());
}

bool is_metric_name(std::string_view name) {
  return !name.empty() && name != "step" && name != "epoch" && name != "wall_time" &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

}  // namespace

MetricsWriter::MetricsWriter(const fs::path& folder) {
  open_files(folder, std::nullopt);
}

MetricsWriter::MetricsWriter(const fs::path& folder, Index last_step) {
  cut_lines(folder / "metrics.jsonl", last_step);
  open_files(folder, last_step);
}

MetricsWriter::~MetricsWriter() {
  try {
    flush();
  } catch (const std::exception&) {
    // The disk is full or gone; whoever needed to know has called flush.
    errno = 0;
  }
  ::close(lines_.descriptor);
  ::close(events_.descriptor);
}

void MetricsWriter::open_files(const fs::path& folder, std::optional<Index> last_step) {
  lines_.open(folder / "metrics.jsonl", last_step ? O_APPEND : O_APPEND | O_TRUNC);
  try {
    events_.open(next_event_file(folder), O_APPEND | O_EXCL);
  } catch (...) {
    ::close(lines_.descriptor);
    throw;
  }
  append_version_event(events_.pending, wall_time_now());
  // Without a step to go on after, the files of a run that was killed before its first checkpoint are forgotten.
  append_restart_event(events_.pending, wall_time_now(), last_step ? *last_step + 1 : 0);
}

void MetricsWriter::write(Index step, Index epoch, std::span<const Metric> metrics) {
  for (const Metric& metric : metrics) {
    if (!is_metric_name(metric.name)) {
      throw Error(Error::Cause::internal, fmt::format("metric '{}'", metric.name), "this name cannot be written");
    }
  }
  const double wall_time = wall_time_now();
  auto line = std::back_inserter(lines_.pending);
  fmt::format_to(line, R"({{"step":{},"epoch":{})", step, epoch);
  for (const Metric& metric : metrics) {
    if (std::isfinite(metric.value)) {
      fmt::format_to(line, R"(,"{}":{})", metric.name, metric.value);
    } else {
      fmt::format_to(line, R"(,"{}":null)", metric.name);
    }
  }
  fmt::format_to(line, ",\"wall_time\":{:.3f}}}\n", wall_time);
  append_metrics_event(events_.pending, wall_time, step, metrics);
  if (std::chrono::steady_clock::now() - last_flush_ > std::chrono::seconds(1)) flush();
}

void MetricsWriter::flush() {
  last_flush_ = std::chrono::steady_clock::now();
  lines_.flush();
  events_.flush();
}

void MetricsWriter::sync() {
  flush();
  lines_.sync();
  events_.sync();
}

void MetricsWriter::Output::open(fs::path file, int flags) {
  path = std::move(file);
  descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
  if (descriptor < 0) fail(path, "it cannot be opened", errno);
}

void MetricsWriter::Output::flush() {
  std::size_t written = 0;
  while (written < pending.size()) {
    const ssize_t count = ::write(descriptor, pending.data() + written, pending.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error_number = errno;
      pending.erase(0, written);  // what is written is not written again
      fail(path, "it could not be written", error_number);
    }
    written += static_cast<std::size_t>(count);
  }
  pending.clear();
}

void MetricsWriter::Output::sync() const {
  if (::fdatasync(descriptor) != 0 && errno != EINVAL) fail(path, "it could not be written", errno);
}

}  // namespace mynah
