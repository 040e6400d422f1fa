#pragma once

#include "kernels/eigen/vectorized/folded_packing.h"
#include "kernels/eigen/vectorized/winograd_transforms.h"

/// How images are cut into the tiles of minimal filtering (winograd_transforms.h), and where what they become lies.
///
/// With a stride of 2 the pixels of an image fall into phases, by the remainders of their padded rows and columns, and
/// a convolution is a sum over phases of convolutions of stride 1, whose kernels have every other tap: phases are
/// further channels. A vector holds neighbouring channels of one pixel.
namespace mynah::kernels::eigen::vectorized {
namespace {

constexpr Size all_points = large_points * large_points;

/// The places of the kernel along one axis, cut into large tiles and then small ones, of the fewest points together.
struct TiledAxis {
  Size taps;          ///< Of a phase.
  Size large, small;  ///< Tiles.

  TiledAxis(Size places, Size taps_) : taps(taps_), large(0), small(divided_up(places, small_points - taps_ + 1)) {
    const Size most = divided_up(places, large_points - taps + 1);
    for (Size l = 1; l <= most; ++l) {
      const Size left = places - l * (large_points - taps + 1);
      const Size s = left > 0 ? divided_up(left, small_points - taps + 1) : 0;
      if (l * large_points + s * small_points >= points()) continue;
      large = l;
      small = s;
    }
  }
  Size tiles() const { return large + small; }
  /// Of all tiles.
  Size points() const { return large * large_points + small * small_points; }
  Size points_of(Size tile) const { return tile < large ? large_points : small_points; }
  /// The points that any tile has.
  Size most_points() const { return large > 0 ? large_points : small_points; }
  /// The place at which a tile begins; that of tiles() is the end of all.
  Size first(Size tile) const {
    const Size larger = smaller(tile, large);
    return larger * (large_points - taps + 1) + (tile - larger) * (small_points - taps + 1);
  }
  /// Of tiles [begin, end), those that have a point.
  Size with_point(Size point, Size begin, Size end) const {
    if (point < small_points) return end - begin;
    return begin < large ? smaller(end, large) - begin : 0;
  }
};

/// Images [first_image, first_image + images), and of each the rows of tiles [begin, end).
struct TileBlock {
  Size first_image, images, begin, end;
};

/// The places of a convolution in tiles.
struct Tiling {
  TiledAxis down, across;

  explicit Tiling(const ConvolutionSizes& s)
      : down(s.out_height, divided_up(s.kernel_height, s.stride_height)),
        across(s.out_width, divided_up(s.kernel_width, s.stride_width)) {}
  /// Of one image's tiles: what the products of a pair of channels come to.
  Size points() const { return down.points() * across.points(); }
  /// Tiles of a block that have point (p, q).
  Size rows(const TileBlock& block, Size p, Size q) const {
    return block.images * down.with_point(p, block.begin, block.end) * across.with_point(q, 0, across.tiles());
  }
  /// The number of one of them.
  Size row(const TileBlock& block, Size image, Size a, Size b, Size p, Size q) const {
    return (image * down.with_point(p, block.begin, block.end) + a - block.begin) *
               across.with_point(q, 0, across.tiles()) +
           b;
  }
};

/// The images at one end of a convolution, `in` or `out`, and their planes: those of one group of channels, as many as
/// a vector has lanes, are an array [phases, rows, columns] of vectors, with zeros for what pads the image.
struct Side {
  Size channels, height, width, stride_height, stride_width, padding_height, padding_width;
  Size rows, columns;  ///< Of a plane.

  static Side in(const ConvolutionSizes& s, const Tiling& t) {
    return {s.inputs,
            s.in_height,
            s.in_width,
            s.stride_height,
            s.stride_width,
            s.padding_height,
            s.padding_width,
            extent(t.down, s.in_height, s.stride_height, s.padding_height),
            extent(t.across, s.in_width, s.stride_width, s.padding_width)};
  }
  static Side out(const ConvolutionSizes& s, const Tiling& t) {
    return {s.outputs,
            s.out_height,
            s.out_width,
            1,
            1,
            0,
            0,
            t.down.first(t.down.tiles()),
            t.across.first(t.across.tiles())};
  }
  Size phases() const { return stride_height * stride_width; }
  Size groups() const { return divided_up(channels, lanes); }
  Size channels_of(Size group) const { return smaller(lanes, channels - group * lanes); }
  Size pixels() const { return height * width; }
  /// Channels and phases, in whole vectors, and the place of one of them in a row.
  Size row_size() const { return groups() * phases() * lanes; }
  Size place(Size group, Size phase) const { return (group * phases() + phase) * lanes; }
  /// So much of a row is a block of steps of a sum.
  Size steps() const { return divided_up(row_size() / lanes, divided_up(row_size(), most_steps)) * lanes; }
  Size plane() const { return rows * columns * lanes; }
  Size planes() const { return phases() * plane(); }
  /// Where pixel (h, v) lies.
  Size offset(Size h, Size v) const {
    const Size i = h + padding_height, j = v + padding_width;
    const Size phase = i % stride_height * stride_width + j % stride_width;
    return phase * plane() + (i / stride_height * columns + j / stride_width) * lanes;
  }
  /// Rows of pixels that lie in rows of planes before this one.
  Size pixel_rows(Size row) const {
    const Size h = row * stride_height - padding_height;
    return h < 0 ? 0 : smaller(h, height);
  }

 private:
  /// Room for what tiles cover and for every pixel.
  static Size extent(const TiledAxis& axis, Size in, Size stride, Size padding) {
    const Size covered = axis.first(axis.tiles()) + axis.taps - 1, held = (in - 1 + padding) / stride + 1;
    return covered > held ? covered : held;
  }
};

/// For each point a matrix whose rows are tiles, or channels; columns come in blocks, one matrix of each point after
/// another in each.
struct PointRows {
  float* data;
  Size block, stride, block_size;
  Size begins[all_points];

  /// rows(p, q): of each point.
  template <class RowsOf>
  PointRows(Size columns, Size columns_of_block, Size stride_, Parts& parts, const RowsOf& rows)
      : block(columns_of_block), stride(stride_), block_size(0) {
    // Not a multiple of 4096 bytes apart, so that points do not fall on each other in the cache.
    constexpr Size apart = 80;
    for (Size p = 0; p < large_points; ++p) {
      for (Size q = 0; q < large_points; ++q) {
        begins[p * large_points + q] = block_size;
        block_size += rows(p, q) * stride + apart;
      }
    }
    data = parts.floats(divided_up(columns, block) * block_size);
  }
  Size column(Size k) const { return k / block * block_size + k % block; }
  float* at(Size point, Size row, Size k) const { return data + column(k) + begins[point] + row * stride; }
};

/// Rows of tiles as the tiles of a product read them (PackedRows), in blocks of steps.
template <class RowsOf>
PointRows packed_points(const Side& side, Parts& parts, const RowsOf& rows) {
  return {side.row_size(), side.steps(), packed_row_stride, parts, rows};
}
/// Rows that products are written to.
template <class RowsOf>
PointRows product_points(const Side& side, Parts& parts, const RowsOf& rows) {
  return {side.row_size(), side.row_size(), side.row_size() + 16, parts, rows};
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
