#pragma once

#include "kernels/view.h"

namespace mynah {

/// Height and width; one number is both.
struct Extent2d {
  Index height = 1, width = 1;

  constexpr Extent2d(Index both) : height(both), width(both) {}
  constexpr Extent2d(Index height_, Index width_) : height(height_), width(width_) {}
};

}  // namespace mynah
