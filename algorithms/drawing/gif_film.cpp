#include <cmath>

#include "algorithms/drawing/film.h"
#include "algorithms/drawing/gif_writer.h"
#include "algorithms/drawing/raster_canvas.h"
#include "engine/atomic_file.h"

namespace mynah {
namespace {

class GifFilm : public Film {
 public:
  GifFilm(const std::filesystem::path& path, const Picture& picture, double frames_per_second)
      : path_(path),
        picture_(&picture),
        frames_per_second_(frames_per_second),
        background_(picture.view(), paper),
        writer_(background_.width(), background_.height()) {
    picture.draw_background(background_);
  }

  void add(const Moment& moment, int times) override {
    RasterCanvas canvas = background_;
    picture_->draw(moment, canvas);
    const long begin = hundredths();
    frames_ += times;
    writer_.add(canvas.pixels_drawn(), static_cast<int>(hundredths() - begin));
  }

  void finish() override { write_file_atomically(path_, writer_.bytes()); }

 private:
  /// When the next frame begins: rounded there, so that rounding does not add up.
  long hundredths() const { return std::lround(100.0 * frames_ / frames_per_second_); }

  std::filesystem::path path_;
  const Picture* picture_;
  double frames_per_second_;
  RasterCanvas background_;
  GifWriter writer_;
  int frames_ = 0;
};

}  // namespace

std::unique_ptr<Film> make_gif_film(const std::filesystem::path& path, const Picture& picture,
                                    double frames_per_second) {
  return std::make_unique<GifFilm>(path, picture, frames_per_second);
}

}  // namespace mynah
