#pragma once

#include <vector>

#include "algorithms/drawing/canvas.h"

namespace mynah {

/// Draws into pixels. Edges are smoothed in 16 steps: fewer colours than 256, so that they fit a GIF.
class RasterCanvas : public Canvas {
 public:
  RasterCanvas(const View& view, Color background);

  void line(Point from, Point to, double thickness, Color color) override;
  void circle(Point center, double radius, Color color) override;
  void polygon(std::span<const Point> corners, Color color) override;

  int width() const { return view().width; }
  int height() const { return view().height(); }
  /// Row by row from the top, [height * width].
  const std::vector<Color>& pixels_drawn() const { return pixels_; }
  Color at(int column, int row) const { return pixels_[index_of(column, row)]; }

 private:
  /// Colours pixels around the box of two points, each as far as distance(center of the pixel) is below 0.
  template <class Distance>
  void fill(Point low, Point high, Color color, const Distance& distance);
  std::size_t index_of(int column, int row) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(width()) + static_cast<std::size_t>(column);
  }
  void blend(int column, int row, double coverage, Color color);

  std::vector<Color> pixels_;
};

}  // namespace mynah
