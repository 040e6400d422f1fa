#include "algorithms/drawing/svg_canvas.h"

#include <fmt/format.h>

namespace mynah {

std::string svg_color(Color color) {
  return fmt::format("#{:02x}{:02x}{:02x}", color.red, color.green, color.blue);
}

void SvgCanvas::line(Point from, Point to, double thickness, Color color) {
  const Point a = place(from), b = place(to);
  elements_ += fmt::format(
      R"(<line x1="{:.2f}" y1="{:.2f}" x2="{:.2f}" y2="{:.2f}" stroke="{}" stroke-width="{:.2f}" stroke-linecap="round"/>)"
      "\n",
      a.x, a.y, b.x, b.y, svg_color(color), pixels(thickness));
}

void SvgCanvas::circle(Point center, double radius, Color color) {
  const Point c = place(center);
  elements_ += fmt::format(R"(<circle cx="{:.2f}" cy="{:.2f}" r="{:.2f}" fill="{}"/>)"
                           "\n",
                           c.x, c.y, pixels(radius), svg_color(color));
}

void SvgCanvas::polygon(std::span<const Point> corners, Color color) {
  elements_ += R"(<polygon points=")";
  const char* separator = "";
  for (const Point& corner : corners) {
    const Point p = place(corner);
    elements_ += fmt::format("{}{:.2f},{:.2f}", separator, p.x, p.y);
    separator = " ";
  }
  elements_ += fmt::format(R"(" fill-rule="evenodd" fill="{}"/>)"
                           "\n",
                           svg_color(color));
}

}  // namespace mynah
