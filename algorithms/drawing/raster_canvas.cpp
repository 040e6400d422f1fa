#include "algorithms/drawing/raster_canvas.h"

#include <algorithm>
#include <cmath>

namespace mynah {
namespace {

constexpr int rows_a_pixel = 4;  ///< Lines of a polygon that are looked at for each row of pixels.
constexpr double shades = 15.0;

/// The pixel that a coordinate lies in, of `size` pixels.
int pixel_of(double coordinate, int size) {
  return static_cast<int>(std::clamp(std::floor(coordinate), 0.0, size - 1.0));
}

/// Where the edges of a polygon cross the horizontal line at y, from left to right.
void find_crossings(std::span<const Point> corners, double y, std::vector<double>& crossings) {
  crossings.clear();
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const Point a = corners[i], b = corners[(i + 1) % corners.size()];
    if ((a.y <= y) != (b.y <= y)) crossings.push_back(a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x));
  }
  std::sort(crossings.begin(), crossings.end());
}

/// Adds to each pixel of a row how much of it lies between two columns.
void add_span(double from, double to, double weight, std::vector<double>& row) {
  const auto size = static_cast<double>(row.size());
  from = std::clamp(from, 0.0, size);
  to = std::clamp(to, 0.0, size);
  for (auto column = static_cast<std::size_t>(from); static_cast<double>(column) < to; ++column) {
    const auto left = static_cast<double>(column);
    row[column] += weight * (std::min(to, left + 1.0) - std::max(from, left));
  }
}

}  // namespace

RasterCanvas::RasterCanvas(const View& view, Color background)
    : Canvas(view),
      pixels_(static_cast<std::size_t>(view.width) * static_cast<std::size_t>(view.height()), background) {}

void RasterCanvas::blend(int column, int row, double coverage, Color color) {
  const double share = std::round(std::clamp(coverage, 0.0, 1.0) * shades) / shades;
  Color& pixel = pixels_[index_of(column, row)];
  const auto mixed = [&](std::uint8_t below, std::uint8_t above) {
    return static_cast<std::uint8_t>(std::lround((1.0 - share) * below + share * above));
  };
  pixel = {mixed(pixel.red, color.red), mixed(pixel.green, color.green), mixed(pixel.blue, color.blue)};
}

template <class Distance>
void RasterCanvas::fill(Point low, Point high, Color color, const Distance& distance) {
  if (high.x < 0.0 || high.y < 0.0 || low.x > width() || low.y > height()) return;
  const int last_row = pixel_of(high.y + 1.0, height()), last_column = pixel_of(high.x + 1.0, width());
  for (int row = pixel_of(low.y - 1.0, height()); row <= last_row; ++row) {
    for (int column = pixel_of(low.x - 1.0, width()); column <= last_column; ++column) {
      blend(column, row, 0.5 - distance(Point{column + 0.5, row + 0.5}), color);
    }
  }
}

void RasterCanvas::circle(Point center, double radius, Color color) {
  const Point c = place(center);
  const double r = pixels(radius);
  fill({c.x - r, c.y - r}, {c.x + r, c.y + r}, color, [&](Point p) { return std::hypot(p.x - c.x, p.y - c.y) - r; });
}

void RasterCanvas::line(Point from, Point to, double thickness, Color color) {
  const Point a = place(from), b = place(to);
  const double r = 0.5 * pixels(thickness);
  const Point along{b.x - a.x, b.y - a.y};
  const double squared_length = along.x * along.x + along.y * along.y;
  fill({std::min(a.x, b.x) - r, std::min(a.y, b.y) - r}, {std::max(a.x, b.x) + r, std::max(a.y, b.y) + r}, color,
       [&](Point p) {
         const double dot = (p.x - a.x) * along.x + (p.y - a.y) * along.y;
         const double share = squared_length > 0.0 ? std::clamp(dot / squared_length, 0.0, 1.0) : 0.0;
         return std::hypot(p.x - a.x - share * along.x, p.y - a.y - share * along.y) - r;
       });
}

void RasterCanvas::polygon(std::span<const Point> corners, Color color) {
  std::vector<Point> placed;
  placed.reserve(corners.size());
  for (const Point& corner : corners) placed.push_back(place(corner));
  const auto [least, most] =
      std::minmax_element(placed.begin(), placed.end(), [](Point a, Point b) { return a.y < b.y; });
  if (most->y < 0.0 || least->y > height()) return;
  std::vector<double> crossings, row(static_cast<std::size_t>(width()));
  const int last = pixel_of(most->y, height());
  for (int r = pixel_of(least->y, height()); r <= last; ++r) {
    std::fill(row.begin(), row.end(), 0.0);
    for (int part = 0; part < rows_a_pixel; ++part) {
      find_crossings(placed, r + (part + 0.5) / rows_a_pixel, crossings);
      for (std::size_t i = 0; i + 1 < crossings.size(); i += 2) {
        add_span(crossings[i], crossings[i + 1], 1.0 / rows_a_pixel, row);
      }
    }
    for (int column = 0; column < width(); ++column) {
      const double coverage = row[static_cast<std::size_t>(column)];
      if (coverage > 0.0) blend(column, r, coverage, color);
    }
  }
}

}  // namespace mynah
