#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "algorithms/drawing/film.h"
#include "algorithms/drawing/raster_canvas.h"
#include "engine/atomic_file.h"
#include "engine/file_bytes.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// A folder for what ffmpeg writes, removed with it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "mynah-film-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw input_error(name, fmt::format("the folder cannot be made: {}", std::strerror(errno)),
                        "name a folder that can be written to in TMPDIR");
    }
    path_ = name;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// A running ffmpeg that takes frames on its standard input: a socket, so that writing to one that has ended is an
/// error and not a signal.
class Ffmpeg {
 public:
  Ffmpeg(const View& view, double frames_per_second, const std::string& out, const std::string& log) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      throw Error(Error::Cause::internal, "ffmpeg", fmt::format("no socket: {}", std::strerror(errno)));
    }
    input_ = ends[0];
    std::vector<std::string> words{"ffmpeg",    "-nostdin",
                                   "-loglevel", "error",
                                   "-f",        "rawvideo",
                                   "-pix_fmt",  "rgb24",
                                   "-s",        fmt::format("{}x{}", view.width, view.height()),
                                   "-r",        fmt::format("{:g}", frames_per_second),
                                   "-i",        "pipe:0",
                                   "-pix_fmt",  "yuv420p",
                                   "-movflags", "+faststart",
                                   "-y",        out};
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int failure = ::posix_spawnp(&child_, "ffmpeg", &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (failure != 0) {
      ::close(input_);
      const bool missing = failure == ENOENT;
      throw input_error(
          "--record",
          fmt::format("an .mp4 is made by the command ffmpeg, which {}",
                      missing ? "is not installed" : fmt::format("cannot be started: {}", std::strerror(failure))),
          missing ? "install the package ffmpeg (apt-get install ffmpeg), or record a .gif or .svg"
                  : "run `ffmpeg -version` by hand, or record a .gif or .svg");
    }
  }
  Ffmpeg(const Ffmpeg&) = delete;
  Ffmpeg& operator=(const Ffmpeg&) = delete;
  ~Ffmpeg() {
    if (input_ >= 0) wait();
  }

  /// False when it has ended.
  bool write(const char* bytes, std::size_t size) const {
    while (size > 0) {
      const ssize_t sent = ::send(input_, bytes, size, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return false;
      bytes += sent;
      size -= static_cast<std::size_t>(sent);
    }
    return true;
  }

  /// Ends its input and waits; whether it succeeded.
  bool wait() {
    ::close(input_);
    input_ = -1;
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  int input_ = -1;
  pid_t child_ = -1;
};

class VideoFilm : public Film {
 public:
  VideoFilm(const std::filesystem::path& path, const Picture& picture, double frames_per_second)
      : path_(path),
        picture_(&picture),
        background_(picture.view(), paper),
        ffmpeg_(picture.view(), frames_per_second, folder_ / "film.mp4", folder_ / "log") {
    picture.draw_background(background_);
  }

  void add(const Moment& moment, int times) override {
    RasterCanvas canvas = background_;
    picture_->draw(moment, canvas);
    std::string bytes;
    bytes.reserve(3 * canvas.pixels_drawn().size());
    for (const Color& color : canvas.pixels_drawn()) {
      bytes += {static_cast<char>(color.red), static_cast<char>(color.green), static_cast<char>(color.blue)};
    }
    for (int i = 0; i < times; ++i) {
      if (ffmpeg_.write(bytes.data(), bytes.size())) continue;
      ffmpeg_.wait();
      fail();
    }
  }

  void finish() override {
    if (!ffmpeg_.wait()) fail();
    write_file_atomically(path_, read_file_bytes(folder_ / "film.mp4"));
  }

 private:
  [[noreturn]] void fail() const {
    std::string said = read_file_bytes(folder_ / "log");
    while (!said.empty() && said.back() == '\n') said.pop_back();
    throw input_error("--record " + path_.string(), "ffmpeg failed" + (said.empty() ? "" : ": " + said),
                      "check that `ffmpeg` can write .mp4 files, or record a .gif or .svg");
  }

  ScratchFolder folder_;
  std::filesystem::path path_;
  const Picture* picture_;
  RasterCanvas background_;
  Ffmpeg ffmpeg_;
};

}  // namespace

std::unique_ptr<Film> make_video_film(const std::filesystem::path& path, const Picture& picture,
                                      double frames_per_second) {
  return std::make_unique<VideoFilm>(path, picture, frames_per_second);
}

}  // namespace mynah
