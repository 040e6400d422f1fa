#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "engine/event_file.h"
#include "kernels/view.h"

namespace mynah {

/// Writes what is measured while training into a run folder: metrics.jsonl, one object a line,
///
///   {"step":1200,"epoch":3,"train_loss":0.0123,"validation_loss":0.0145,"wall_time":1767225600.25}
///
/// and a TensorBoard event file beside it. wall_time is in seconds since 1970 and is the only field in which a repeated
/// or resumed run differs. NaN and infinities, which JSON does not have, are null there (TensorBoard gets the value).
///
/// Lines are gathered in memory and written at most once a second, and by flush, sync and the destructor.
/// Not safe to call from two threads at once.
class MetricsWriter {
 public:
  /// Starts afresh: metrics.jsonl is emptied.
  explicit MetricsWriter(const std::filesystem::path& folder);

  /// Goes on after `last_step`: lines of later steps, and a last line torn by a kill, are cut off (metrics.jsonl is
  /// replaced whole), and TensorBoard is told to forget those steps. Throws Error (input) for a line that is none of
  /// ours.
  MetricsWriter(const std::filesystem::path& folder, Index last_step);

  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;
  /// Writes what is gathered; an error then is lost, so flush() first where it matters.
  ~MetricsWriter();

  /// One line. Names are printable ASCII without quotes and backslashes, and not step, epoch or wall_time.
  /// Throws Error (input) if the disk is full.
  void write(Index step, Index epoch, std::span<const Metric> metrics);
  void write(Index step, Index epoch, std::initializer_list<Metric> metrics) {
    write(step, epoch, std::span(metrics.begin(), metrics.size()));
  }

  /// Hands everything to the system: it survives the end of this process, in whatever way.
  void flush();
  /// flush(), and everything is on the disk: it survives a power cut. To be called before a checkpoint is saved.
  void sync();

 private:
  struct Output {
    std::filesystem::path path;
    int descriptor = -1;
    std::string pending;

    void open(std::filesystem::path file, int flags);
    void flush();
    void sync() const;
  };

  void open_files(const std::filesystem::path& folder, std::optional<Index> last_step);

  Output lines_;
  Output events_;
  std::chrono::steady_clock::time_point last_flush_ = std::chrono::steady_clock::now();
};

}  // namespace mynah
