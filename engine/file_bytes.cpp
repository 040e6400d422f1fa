#include "engine/file_bytes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "kernels/error.h"

namespace mynah {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int error_number) {
  const std::string reason = std::system_category().message(error_number);
  if (error_number == ENOENT) throw input_error(path.string(), "there is no such file", "check the path");
  throw input_error(path.string(), fmt::format("it cannot be read: {}", reason),
                    "check what it is and who may read it");
}

struct CloseAtEnd {
  int descriptor;
  ~CloseAtEnd() { ::close(descriptor); }
};

}  // namespace

std::string read_file_bytes(const std::filesystem::path& path, std::size_t largest) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path, errno);
  const CloseAtEnd close_at_end{descriptor};
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail(path, errno);
  if (S_ISDIR(status.st_mode)) fail(path, EISDIR);

  // The size is a hint: a pipe has none, and a file may grow while it is read.
  std::string bytes;
  std::size_t used = 0;
  bytes.resize(S_ISREG(status.st_mode) ? std::min(static_cast<std::size_t>(status.st_size), largest) + 1 : 65536);
  while (true) {
    const ssize_t count = ::read(descriptor, bytes.data() + used, bytes.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, errno);
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
    if (used > largest) {
      throw input_error(path.string(), fmt::format("it is larger than {} bytes", largest), "check what it is");
    }
    if (used == bytes.size()) bytes.resize(2 * bytes.size());
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace mynah
