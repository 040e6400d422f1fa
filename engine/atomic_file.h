#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace mynah {

/// A file that appears whole or not at all.
///
/// The bytes go to a hidden file in the same folder (`.NAME.PID-N.partial`). commit() syncs it and renames it over the
/// target, so that a reader, a crash or a full disk sees either the earlier file or the new one. Without commit() the
/// destructor removes what was written and the earlier file stays as it was. What a killed process left aside for the
/// same target is removed by the next writer. An existing file keeps its permissions, and a symbolic link stays a link.
///
/// Errors (mynah::Error, cause input): a missing or unwritable folder, a full disk, an exceeded file-size limit, or a
/// target that is a folder or a device. Each names the file and a remedy.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends all of `bytes`. After an error the object can only be destroyed.
  void write(std::string_view bytes);

  /// Makes the file visible under its name and durable. Called once, last.
  void commit();

 private:
  void open_partial();
  [[noreturn]] void fail(const char* action, int error_number) const;

  std::filesystem::path path_;     ///< As the caller named it, for messages.
  std::filesystem::path target_;   ///< With symbolic links resolved.
  std::filesystem::path partial_;  ///< The file being written; empty once committed.
  int descriptor_ = -1;
  std::uintmax_t written_ = 0;
};

/// Replaces the file `path` by `bytes` through AtomicFile, with its errors.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace mynah
