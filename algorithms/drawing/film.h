#pragma once

#include <filesystem>
#include <memory>

#include "algorithms/actor.h"
#include "algorithms/drawing/picture.h"

namespace mynah {

/// Moving pictures in a file. The file appears whole, at finish(), or not at all.
class Film {
 public:
  virtual ~Film() = default;

  /// A frame, shown for `times` frames' time.
  virtual void add(const Moment& moment, int times) = 0;
  virtual void finish() = 0;
};

/// Kind by the end of the name: .gif; .svg (frames as elements that are shown in turn); .mp4 (through the command
/// `ffmpeg`, which has to be installed). picture must outlive the film. Errors: input_error for another name,
/// frames_per_second outside 1 to 100, a missing ffmpeg; and those of AtomicFile.
std::unique_ptr<Film> make_film(const std::filesystem::path& path, const Picture& picture, double frames_per_second);

std::unique_ptr<Film> make_svg_film(const std::filesystem::path& path, const Picture& picture,
                                    double frames_per_second);
std::unique_ptr<Film> make_gif_film(const std::filesystem::path& path, const Picture& picture,
                                    double frames_per_second);
std::unique_ptr<Film> make_video_film(const std::filesystem::path& path, const Picture& picture,
                                      double frames_per_second);

struct FilmOptions {
  Index episodes = 1;
  std::uint64_t seed = 0;
  /// A step is a frame. 0: the task's own time, of which so many steps are left out that there are 50 frames a second
  /// or fewer: programs that show GIFs slow down above that.
  double frames_per_second = 0.0;
};

/// Films episodes 0 ... episodes - 1, the same that run_episodes runs, and each one's last state for half a second.
/// Errors: as make_picture and make_film, before an episode runs; input_error where a state is no longer a number.
void film_episodes(Stream& stream, const Task& task, Actor& actor, const std::filesystem::path& path,
                   const FilmOptions& options);

}  // namespace mynah
