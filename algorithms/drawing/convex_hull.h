#pragma once

#include <vector>

#include "algorithms/drawing/canvas.h"

namespace mynah {

/// The corners of the smallest convex polygon around points, counter-clockwise, without those on its edges; fewer than
/// three where the points lie on a line. (Andrew, "Another efficient algorithm for convex hulls in two dimensions",
/// Information Processing Letters 1979.)
std::vector<Point> convex_hull(std::vector<Point> points);

}  // namespace mynah
