#pragma once

#include <string>

#include "algorithms/drawing/canvas.h"

namespace mynah {

/// Draws as elements of an SVG, one a line.
class SvgCanvas : public Canvas {
 public:
  using Canvas::Canvas;

  void line(Point from, Point to, double thickness, Color color) override;
  void circle(Point center, double radius, Color color) override;
  void polygon(std::span<const Point> corners, Color color) override;

  const std::string& elements() const { return elements_; }

 private:
  std::string elements_;
};

/// "#rrggbb"
std::string svg_color(Color color);

}  // namespace mynah
