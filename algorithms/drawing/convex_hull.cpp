#include "algorithms/drawing/convex_hull.h"

#include <algorithm>

namespace mynah {
namespace {

/// Above 0: from a, c lies to the left of b.
double turn(Point a, Point b, Point c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

}  // namespace

std::vector<Point> convex_hull(std::vector<Point> points) {
  const auto before = [](Point a, Point b) { return a.x < b.x || (a.x == b.x && a.y < b.y); };
  const auto same = [](Point a, Point b) { return a.x == b.x && a.y == b.y; };
  std::sort(points.begin(), points.end(), before);
  points.erase(std::unique(points.begin(), points.end(), same), points.end());
  if (points.size() < 3) return points;
  // Below from left to right, then above from right to left; each chain turns left only.
  std::vector<Point> hull;
  hull.reserve(points.size() + 1);
  const auto take = [&hull](Point point, std::size_t first) {
    while (hull.size() >= first + 2 && turn(hull[hull.size() - 2], hull.back(), point) <= 0.0) hull.pop_back();
    hull.push_back(point);
  };
  for (const Point& point : points) take(point, 0);
  const std::size_t last = hull.size() - 1;
  for (auto point = points.rbegin() + 1; point != points.rend(); ++point) take(*point, last);
  hull.pop_back();  // where it began
  return hull;
}

}  // namespace mynah
