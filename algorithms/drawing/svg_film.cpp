#include <fmt/format.h>

#include <vector>

#include "algorithms/drawing/film.h"
#include "algorithms/drawing/svg_canvas.h"
#include "engine/atomic_file.h"

namespace mynah {
namespace {

/// Every frame is a group that is visible in its turn (SMIL, "visibility"), over and over. A program that does not
/// animate shows the first.
class SvgFilm : public Film {
 public:
  SvgFilm(const std::filesystem::path& path, const Picture& picture, double frames_per_second)
      : path_(path), picture_(&picture), frames_per_second_(frames_per_second) {}

  void add(const Moment& moment, int times) override {
    SvgCanvas canvas(picture_->view());
    picture_->draw(moment, canvas);
    frames_.push_back({canvas.elements(), length_});
    length_ += times;
  }

  void finish() override {
    const View view = picture_->view();
    SvgCanvas background(view);
    picture_->draw_background(background);
    AtomicFile file(path_);
    file.write(
        fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
                    "viewBox=\"0 0 {0} {1}\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"{2}\"/>\n",
                    view.width, view.height(), svg_color(paper)));
    file.write(background.elements());
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      const int end = i + 1 < frames_.size() ? frames_[i + 1].begin : length_;
      file.write(fmt::format("<g visibility=\"{}\">{}\n{}</g>\n", i == 0 ? "visible" : "hidden",
                             animation(frames_[i].begin, end), frames_[i].elements));
    }
    file.write("</svg>\n");
    file.commit();
  }

 private:
  struct Frame {
    std::string elements;
    int begin = 0;
  };

  /// Visible from frame `begin` on, before frame `end`.
  std::string animation(int begin, int end) const {
    std::string values, times;
    const auto change = [&](const char* value, int frame) {
      const char* separator = values.empty() ? "" : ";";
      values += separator + std::string(value);
      times += fmt::format("{}{:.6g}", separator, static_cast<double>(frame) / length_);
    };
    if (begin > 0) change("hidden", 0);
    change("visible", begin);
    if (end < length_) change("hidden", end);
    return fmt::format(
        "<animate attributeName=\"visibility\" calcMode=\"discrete\" values=\"{}\" keyTimes=\"{}\" "
        "dur=\"{:.6g}s\" repeatCount=\"indefinite\"/>",
        values, times, length_ / frames_per_second_);
  }

  std::filesystem::path path_;
  const Picture* picture_;
  double frames_per_second_;
  std::vector<Frame> frames_;
  int length_ = 0;
};

}  // namespace

std::unique_ptr<Film> make_svg_film(const std::filesystem::path& path, const Picture& picture,
                                    double frames_per_second) {
  return std::make_unique<SvgFilm>(path, picture, frames_per_second);
}

}  // namespace mynah
