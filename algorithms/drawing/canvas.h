#pragma once

#include <cmath>
#include <cstdint>
#include <span>

namespace mynah {

struct Point {
  double x = 0.0;
  double y = 0.0;
};

struct Color {
  std::uint8_t red = 0, green = 0, blue = 0;

  bool operator==(const Color&) const = default;
};

/// What of the world is in a picture, and how many pixels it has. y points up in the world.
struct View {
  double left = -1.0, bottom = -1.0, right = 1.0, top = 1.0;
  int width = 400;

  double pixels_per_unit() const { return width / (right - left); }
  /// Of pixels; even, as videos need it.
  int height() const { return 2 * static_cast<int>(std::lround((top - bottom) * pixels_per_unit() / 2.0)); }
};

/// Where a picture is drawn, in the world's coordinates and lengths; what comes later lies above. Values must be
/// finite.
class Canvas {
 public:
  explicit Canvas(const View& view) : view_(view) {}
  virtual ~Canvas() = default;

  /// With round ends.
  virtual void line(Point from, Point to, double thickness, Color color) = 0;
  /// Filled.
  virtual void circle(Point center, double radius, Color color) = 0;
  /// Filled by the even-odd rule; three corners or more.
  virtual void polygon(std::span<const Point> corners, Color color) = 0;

  const View& view() const { return view_; }

 protected:
  Canvas(const Canvas&) = default;
  Canvas& operator=(const Canvas&) = default;

  /// In pixels, from the upper left corner of the picture.
  Point place(Point world) const {
    const double scale = view_.pixels_per_unit();
    return {(world.x - view_.left) * scale, (view_.top - world.y) * scale};
  }
  double pixels(double length) const { return length * view_.pixels_per_unit(); }

 private:
  View view_;
};

}  // namespace mynah
