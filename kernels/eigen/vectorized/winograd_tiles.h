#pragma once

#include "kernels/eigen/vectorized/winograd_layout.h"

/// Between images and the points of their tiles.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// One end of a convolution with the memory of its planes, of all groups of channels or of one at a time.
struct End {
  Side side;
  bool all;
  Size* offsets;  ///< Of pixels.
  float* memory;

  End(const Side& side_, bool all_groups, Parts& parts)
      : side(side_), all(all_groups), offsets(parts.numbers(side.pixels())), memory(parts.floats(planes_size())) {}
  Size planes_size() const { return (all ? side.groups() : 1) * side.planes(); }
  float* planes(Size group) const { return memory + (all ? group : 0) * side.planes(); }
  void begin() const {
    Size* to = offsets;
    for (Size h = 0; h < side.height; ++h) {
      for (Size v = 0; v < side.width; ++v) *to++ = side.offset(h, v);
    }
    fill(planes_size(), memory, 0.0f);
  }
};

/// Pixels [begin, end) of some channels into planes: squares of channels and pixels are turned in registers.
void fold_channels(const End& end, Size channels, const float* image, Size first, Size last, float* planes) {
  const Size pixels = end.side.pixels();
  const Size* offsets = end.offsets;
  for (Size i = first; i < last; i += lanes) {
    const Size width = smaller(lanes, last - i);
    const First some(width);
    Vec square[lanes];
#pragma GCC unroll 16
    for (int c = 0; c < lanes; ++c) {
      const float* from = image + c * pixels + i;
      square[c] = c < channels ? load(from, some) : Vec{};
      __builtin_prefetch(from + lanes * pixels, 0, 2);
    }
    transpose(square);
#pragma GCC unroll 16
    for (int j = 0; j < lanes; ++j) {
      if (j < width) store(planes + offsets[i + j], square[j]);
    }
  }
}

/// All pixels of some channels out of planes, plus a bias for each (null: none).
void unfold_channels(const End& end, Size channels, const float* planes, const float* b, bool add, float* image) {
  const Size pixels = end.side.pixels();
  const Size* offsets = end.offsets;
  const Vec bias = b == nullptr ? Vec{} : load(b, First(channels));
  for (Size i = 0; i < pixels; i += lanes) {
    const Size width = smaller(lanes, pixels - i);
    const First some(width);
    Vec square[lanes];
#pragma GCC unroll 16
    for (int j = 0; j < lanes; ++j) square[j] = j < width ? load(planes + offsets[i + j]) + bias : Vec{};
    transpose(square);
#pragma GCC unroll 16
    for (int c = 0; c < lanes; ++c) {
      float* to = image + c * pixels + i;
      if (c < channels) put(to, square[c], add, some);
      __builtin_prefetch(to + lanes * pixels, 1, 2);
    }
  }
}

/// A tile of a block's image: where each of its points has its row, and where it begins in a plane.
struct PlacedTile {
  Size down_points, across_points, place;
  float* rows[all_points];

  PlacedTile(const Tiling& t, const TileBlock& block, const Side& side, const PointRows& points, Size image, Size a,
             Size b)
      : down_points(t.down.points_of(a)),
        across_points(t.across.points_of(b)),
        place((t.down.first(a) * side.columns + t.across.first(b)) * lanes) {
    // Points that all tiles have count the same rows.
    Size offsets[2][2];
    for (int p = 0; p < 2; ++p) {
      for (int q = 0; q < 2; ++q) {
        offsets[p][q] = t.row(block, image, a, b, p * small_points, q * small_points) * points.stride;
      }
    }
    for (Size p = 0; p < down_points; ++p) {
      for (Size q = 0; q < across_points; ++q) {
        const Size point = p * large_points + q;
        rows[point] = points.data + points.begins[point] + offsets[p / small_points][q / small_points];
      }
    }
  }
};

/// Calls operation(tile) for each tile of an image.
template <class Operation>
MYNAH_INLINE void for_each_tile(const Tiling& t, const TileBlock& block, const Side& side, const PointRows& points,
                                Size image, const Operation& operation) {
  for (Size a = block.begin; a < block.end; ++a) {
    for (Size b = 0; b < t.across.tiles(); ++b) operation(PlacedTile(t, block, side, points, image, a, b));
  }
}

/// The tiles of a block of images at their points; Axis: InPoints or OutPoints. x: the images of a group.
template <class Axis>
void images_to_points(const Tiling& t, const TileBlock& block, const End& end, ConstRows x, const PointRows& points) {
  const Side& side = end.side;
  const Size columns = side.columns * lanes, plane = side.plane();
  const Size last_row = t.down.first(block.end - 1) + Axis{t.down.points_of(block.end - 1), t.down.taps}.inputs();
  const Size first = side.pixel_rows(t.down.first(block.begin)) * side.width;
  const Size last = side.pixel_rows(last_row) * side.width;
  for (Size image = 0; image < block.images; ++image) {
    const float* channels = x.data + (block.first_image + image) * x.stride;
    for (Size group = 0; group < side.groups(); ++group) {
      float* planes = end.planes(group);
      fold_channels(end, side.channels_of(group), channels + group * lanes * side.pixels(), first, last, planes);
      for_each_tile(t, block, side, points, image, [&](const PlacedTile& tile) {
        for (Size phase = 0; phase < side.phases(); ++phase) {
          const float* from = planes + phase * plane + tile.place;
          const Size column = points.column(side.place(group, phase));
          map_tile(
              Axis{tile.down_points, t.down.taps}, Axis{tile.across_points, t.across.taps},
              [&](Size i, Size j) __attribute__((always_inline)) { return load(from + i * columns + j * lanes); },
              [&](Size p, int q, Vec value)
                  __attribute__((always_inline)) { store(tile.rows[p * large_points + q] + column, value); });
        }
      });
    }
  }
}

/// The way back, Axis being the same: added up where tiles overlap, and then put, or added, to y with a bias.
template <class Axis>
void points_to_images(const Tiling& t, const TileBlock& block, const End& end, const PointRows& points, const float* b,
                      bool add, Rows y) {
  const Side& side = end.side;
  const Size columns = side.columns * lanes, plane = side.plane();
  for (Size image = 0; image < block.images; ++image) {
    float* channels = y.data + (block.first_image + image) * y.stride;
    for (Size group = 0; group < side.groups(); ++group) {
      float* planes = end.planes(group);
      if (block.begin == 0) fill(side.planes(), planes, 0.0f);
      for_each_tile(t, block, side, points, image, [&](const PlacedTile& tile) {
        for (Size phase = 0; phase < side.phases(); ++phase) {
          float* to = planes + phase * plane + tile.place;
          const Size column = points.column(side.place(group, phase));
          map_tile(
              FromPoints<Axis>{{tile.down_points, t.down.taps}}, FromPoints<Axis>{{tile.across_points, t.across.taps}},
              [&](Size p, Size q)
                  __attribute__((always_inline)) { return load(tile.rows[p * large_points + q] + column); },
              [&](Size i, int j, Vec value) __attribute__((always_inline)) {
                float* at = to + i * columns + j * lanes;
                store(at, load(at) + value);
              });
        }
      });
      if (block.end == t.down.tiles()) {
        unfold_channels(end, side.channels_of(group), planes, b == nullptr ? nullptr : b + group * lanes, add,
                        channels + group * lanes * side.pixels());
      }
    }
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
