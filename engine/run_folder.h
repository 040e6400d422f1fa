#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "engine/demonstrations.h"
#include "engine/safetensors.h"

namespace mynah {

/// A training run on disk:
///
///   RUN/config.toml                       everything needed to repeat the run; what makes a folder a run
///   RUN/linear_tuning.json                the measured kernels it trains with, if it does (engine/linear_tuning.h)
///   RUN/metrics.jsonl                     one JSON object a line             (engine/metrics.h)
///   RUN/events.out.tfevents.*             the same for TensorBoard           (engine/metrics.h)
///   RUN/checkpoints/latest.safetensors    all that is needed to go on training
///   RUN/checkpoints/best.safetensors      the best so far, for people; resuming does not need it
///   RUN/policy.safetensors                the result
///   RUN/members/000.safetensors, ...      the policies of a population; the result is the best of them
///   RUN/data/iteration_000.npz, ...       what the expert labelled in each iteration of DAgger, and before it
///   RUN/.lock                             held by the process that writes the run
///
/// A process may be killed at any moment and the folder stays readable, because every file but the metrics appears
/// whole or not at all (written aside, synced, renamed, folder synced), and because the order is fixed: create() makes
/// the folders first and puts config.toml in last, so a folder without it is no run yet; metrics are written before the
/// checkpoint that follows them (MetricsWriter::sync, then save_checkpoint), so a checkpoint never knows of more steps
/// than the metrics, and resuming cuts the metrics back to the checkpoint; latest.safetensors alone holds the
/// whole state to resume from, so no two files can disagree; policy.safetensors is written after the last checkpoint.
class RunFolder {
 public:
  enum class Existing { refuse, overwrite };
  enum class Access { read, write };

  /// Makes the folder (and its parents) a run with this configuration, and locks it for writing. If it holds a run
  /// already: Error (input), or with Existing::overwrite the earlier run's files are removed, and no others.
  static RunFolder create(const std::filesystem::path& path, std::string_view config_toml,
                          Existing existing = Existing::refuse);

  /// An existing run; Access::write locks it. Throws Error (input) if `path` is no run, or is being written by another
  /// process. Reading needs no lock and may be done while a run is being written.
  static RunFolder open(const std::filesystem::path& path, Access access);

  /// Whether `path` is a folder with a run in it.
  static bool is_run(const std::filesystem::path& path);

  RunFolder(RunFolder&& other) noexcept;
  RunFolder& operator=(RunFolder&&) = delete;
  ~RunFolder();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path config_path() const { return path_ / "config.toml"; }
  std::filesystem::path tuning_path() const { return path_ / "linear_tuning.json"; }
  std::filesystem::path metrics_path() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path policy_path() const { return path_ / "policy.safetensors"; }
  std::filesystem::path latest_path() const { return path_ / "checkpoints" / "latest.safetensors"; }
  std::filesystem::path best_path() const { return path_ / "checkpoints" / "best.safetensors"; }

  /// The text of config.toml.
  std::string config() const;
  /// Replaces config.toml.
  void save_config(std::string_view config_toml) const;

  /// Replaces checkpoints/latest.safetensors. A checksum of the whole content goes with it (metadata "crc32c").
  void save_checkpoint(const SafetensorsFile& checkpoint) const;
  /// The latest checkpoint, or nothing if none was saved yet. Throws Error (input) if it is damaged.
  std::optional<SafetensorsFile> load_checkpoint() const;

  /// The same for checkpoints/best.safetensors.
  void save_best(const SafetensorsFile& checkpoint) const;
  std::optional<SafetensorsFile> load_best() const;

  /// Where member number `member` of a population's run is.
  static std::filesystem::path member_path(const std::filesystem::path& run, Index member);
  /// Replaces a member's policy.
  void save_member(Index member, const SafetensorsFile& policy) const;

  /// Where the data of an iteration are; `partial`: of one that failed.
  std::filesystem::path data_path(Index iteration, bool partial = false) const;
  /// Replaces them. The whole data of an iteration take the place of its partial ones.
  void save_data(Index iteration, const Demonstrations& data, bool partial = false) const;

  /// Replaces policy.safetensors.
  void save_policy(const SafetensorsFile& policy) const;

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  void lock();
  void remove_earlier_run() const;
  void check_writer() const;

  std::filesystem::path path_;
  int lock_ = -1;  ///< Descriptor of .lock, whose flock the system gives back when the process ends in whatever way.
};

}  // namespace mynah
