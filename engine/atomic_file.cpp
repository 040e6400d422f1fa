#include "engine/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "kernels/error.h"

namespace mynah {
namespace fs = std::filesystem;
namespace {

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

fs::path resolve_links(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_symlink(path, ignored)) return path;
  std::error_code failed;
  fs::path resolved = fs::weakly_canonical(path, failed);
  return failed ? path : resolved;
}

/// Removes what killed processes left aside for this target. A living writer holds a lock on its partial file, and the
/// system gives the lock back when a process dies in whatever way.
void remove_abandoned(const fs::path& target) {
  const std::string prefix = "." + target.filename().string() + ".";
  const std::string suffix = ".partial";
  std::error_code failed;
  for (fs::directory_iterator it(folder_of(target), failed), end; !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename().string();
    if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    const std::string middle = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    if (middle.find_first_not_of("0123456789-") != std::string::npos) continue;
    const int descriptor = ::open(it->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(it->path().c_str());
    ::close(descriptor);
  }
}

void sync_folder(const fs::path& folder) {
  // Some file systems cannot sync a folder; the rename is atomic all the same, so a failure here is no error.
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : path_(path), target_(resolve_links(path)) {
  if (target_.filename().empty()) {
    throw input_error(path_.string(), "is not a file name", "give the name of a file to write");
  }
  struct stat status {};
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    throw input_error(path_.string(), S_ISDIR(status.st_mode) ? "is a folder, not a file" : "is not a regular file",
                      "give the name of a file to write");
  }
  remove_abandoned(target_);
  open_partial();
  if (exists) ::fchmod(descriptor_, status.st_mode & 07777);
}

AtomicFile::~AtomicFile() {
  if (!partial_.empty()) ::unlink(partial_.c_str());
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AtomicFile::open_partial() {
  static std::atomic<unsigned> counter{0};
  while (true) {
    const fs::path candidate =
        folder_of(target_) / fmt::format(".{}.{}-{}.partial", target_.filename().string(), ::getpid(), counter++);
    descriptor_ = ::open(candidate.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      if (errno == EEXIST) continue;
      fail("cannot be created", errno);
    }
    partial_ = candidate;
    ::flock(descriptor_, LOCK_EX | LOCK_NB);
    // Between the creation and the lock another writer may have taken the file for abandoned.
    struct stat status {};
    if (::fstat(descriptor_, &status) == 0 && status.st_nlink > 0) return;
    ::close(descriptor_);
    descriptor_ = -1;
    partial_.clear();
  }
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      fail("could not be written", errno);
    }
    if (count == 0) fail("could not be written", ENOSPC);
    written_ += static_cast<std::uintmax_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail("could not be written", errno);
  if (::rename(partial_.c_str(), target_.c_str()) != 0) fail("could not be put in its place", errno);
  partial_.clear();
  const int descriptor = std::exchange(descriptor_, -1);
  ::close(descriptor);
  sync_folder(folder_of(target_));
}

void AtomicFile::fail(const char* action, int error_number) const {
  const std::string folder = folder_of(target_).string();
  std::string reason = std::system_category().message(error_number);
  std::string remedy = "choose another place for it";
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      reason = fmt::format("the folder '{}' does not exist", folder);
      remedy = fmt::format("make the folder with `mkdir -p '{}'`, or choose another place", folder);
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      reason = fmt::format("the folder '{}' is not writable ({})", folder, reason);
      remedy = fmt::format("choose another place, or allow writing to it with `chmod u+w '{}'`", folder);
      break;
    case ENOSPC:
    case EDQUOT:
      reason = fmt::format("the disk is full after {} bytes ({})", written_, reason);
      remedy = fmt::format("free some space (`df -h '{}'` shows it) or choose another place; an earlier file is intact",
                           folder);
      break;
    case EFBIG:
      reason = fmt::format("the file-size limit is reached after {} bytes ({})", written_, reason);
      remedy = "raise the limit (`ulimit -f` shows it) or choose another place; an earlier file is intact";
      break;
    default:
      break;
  }
  throw input_error(path_.string(), fmt::format("{}: {}", action, reason), remedy);
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace mynah
