#pragma once

#include "kernels/eigen/vectorized/convolution.h"
#include "kernels/eigen/vectorized/winograd_tiles.h"
#include "kernels/eigen/vectorized/winograd_weights.h"

/// Convolutions by minimal filtering: for each point one product of matrices, [tiles, channels of one end] times
/// [channels of one end, channels of the other]; the gradient of the weights is one of [channels of out, tiles] times
/// [tiles, channels of in]. Per axis, small and large tiles need 4 and 5 products for 3 and 4 places with two taps,
/// which written out need 6 and 8; for 2 and 3 places with three taps, 6 and 9. So 7x7 places of a kernel of 4x4 and
/// stride 2 take 81 products a phase and not 196.
///
/// Rounding: for 64 channels of 14x14 to 128 of 7x7 with that kernel, standard normal values and 16 images, the root
/// mean square of the errors, divided by that of the exact values, is 7.4e-7, 7.4e-7 and 6.3e-7 (forward, transposed,
/// gradient of the weights); by sums written out (folded_forward and so on) it is 2.7e-7, 2.1e-7 and 2.6e-7.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// So many floats at the points of tiles are made at a time, in the second- and last-level cache. (Of 2^18 to 2^21 the
/// first three are equally fast.)
constexpr Size block_floats = Size{1} << 19;

/// Steps that are summed at a time. Differences of large sums at points lose more digits than sums written out do, and
/// sums of sums lose less: with 256 steps the errors above are 1.4e-6, for 3 % less time.
constexpr Size summed_steps = 64;

/// A split of all tiles into blocks: of several whole images, or of rows of tiles of one.
struct TileSplit {
  Size images, rows;  ///< Of a block.

  TileSplit(const ConvolutionSizes& s, const Tiling& t, Size image_floats) {
    const Size fit = block_floats / image_floats, all = t.down.tiles();
    images = fit < 1 ? 1 : divided_up(s.images, divided_up(s.images, fit));
    rows = fit < 1 ? divided_up(all, divided_up(image_floats, block_floats)) : all;
  }
};

/// What the operations of one convolution have in common.
struct Winograd {
  Tiling tiling;
  Side in_side, out_side;
  TileSplit split;
  End in, out;

  Winograd(const ConvolutionSizes& s, Parts& parts)
      : tiling(s),
        in_side(Side::in(s, tiling)),
        out_side(Side::out(s, tiling)),
        split(s, tiling, tiling.points() * (in_side.row_size() + out_side.row_size())),
        in(in_side, split.rows < tiling.down.tiles(), parts),
        out(out_side, split.rows < tiling.down.tiles(), parts) {}
  /// Rows of each point in the largest block.
  auto most_rows() const {
    return [this](Size p, Size q) { return tiling.rows({0, split.images, 0, split.rows}, p, q); };
  }
  template <class Operation>
  void for_each_block(const ConvolutionSizes& s, const Operation& operation) const {
    for (Size image = 0; image < s.images; image += split.images) {
      for (Size row = 0; row < tiling.down.tiles(); row += split.rows) {
        operation(TileBlock{image, smaller(split.images, s.images - image), row,
                            smaller(row + split.rows, tiling.down.tiles())});
      }
    }
  }
};

/// Calls operation(point, rows) for each point of a block.
template <class Operation>
void for_each_point(const Tiling& t, const TileBlock& block, const Operation& operation) {
  for (Size p = 0; p < large_points; ++p) {
    for (Size q = 0; q < large_points; ++q) {
      const Size rows = t.rows(block, p, q);
      if (rows > 0) operation(p * large_points + q, rows);
    }
  }
}

/// From one end to the other.
struct WinogradMapMemory {
  PointPanels weights;
  PointRows from, to;

  WinogradMapMemory(const Winograd& all, const Side& from_side, const Side& to_side, Parts& parts)
      : weights(from_side, to_side, parts),
        from(packed_points(from_side, parts, all.most_rows())),
        to(product_points(to_side, parts, all.most_rows())) {}
};

/// C(tile, k) = Σ_steps A(tile, step) weights(step, k) of one point.
void multiply_point(Size point, Size rows, Size steps, Size columns, const WinogradMapMemory& memory) {
  Product p{};
  p.rows = rows;
  p.columns = columns;
  p.c = memory.to.at(point, 0, 0);
  p.c_stride = memory.to.stride;
  const RowTiles split(rows);
  Block block{};
  block.columns = columns;
  block.b_stride = tile_columns;
  block.b_panel_stride = memory.weights.panel;
  for (Size step = 0; step < steps; step += block.steps) {
    const Size left = memory.weights.block - step % memory.weights.block;
    block.steps = smaller(smaller(summed_steps, left), steps - step);
    block.b = memory.weights.at(point, step, 0);
    block.finish.accumulate = step > 0;
    multiply_tiles(p, split, block, 0, split.count, Access::packed, memory.from.at(point, 0, step));
  }
}

/// One group of a convolution (From: InPoints, To: OutPoints) or of a transposed one (the other way around), its
/// weights being at their points.
template <class From, class To>
void winograd_map(const ConvolutionSizes& s, const Winograd& all, const WinogradMapMemory& memory, const End& from,
                  const End& to, ConstRows x, const float* b, bool add, Rows y) {
  all.for_each_block(s, [&](const TileBlock& block) {
    images_to_points<From>(all.tiling, block, from, x, memory.from);
    for_each_point(all.tiling, block, [&](Size point, Size rows) {
      multiply_point(point, rows, from.side.row_size(), to.side.row_size(), memory);
    });
    points_to_images<To>(all.tiling, block, to, memory.to, b, add, y);
  });
}

void winograd_forward(const ConvolutionSizes& s, ConstRows x, ConstRows w, const float* b, bool add, Rows y,
                      float* scratch) {
  const DenormalsAreZeros scope;
  Parts parts(scratch);
  const Winograd all(s, parts);
  const WinogradMapMemory memory(all, all.in_side, all.out_side, parts);
  all.in.begin();
  all.out.begin();
  for (Size group = 0; group < s.groups; ++group) {
    weights_to_points(s, all.tiling, w.data + group * s.outputs * w.stride, all.in_side,
                      s.kernel_height * s.kernel_width, all.out_side, w.stride, memory.weights);
    winograd_map<InPoints, OutPoints>(s, all, memory, all.in, all.out, {x.data + group * in_group(s), x.stride},
                                      b == nullptr ? nullptr : b + group * s.outputs, add,
                                      {y.data + group * out_group(s), y.stride});
  }
}

void winograd_transposed(const ConvolutionSizes& s, ConstRows dy, ConstRows w, const float* b, bool add, Rows dx,
                         float* scratch) {
  const DenormalsAreZeros scope;
  Parts parts(scratch);
  const Winograd all(s, parts);
  const WinogradMapMemory memory(all, all.out_side, all.in_side, parts);
  all.in.begin();
  all.out.begin();
  for (Size group = 0; group < s.groups; ++group) {
    weights_to_points(s, all.tiling, w.data + group * s.outputs * w.stride, all.out_side, w.stride, all.in_side,
                      s.kernel_height * s.kernel_width, memory.weights);
    winograd_map<OutPoints, InPoints>(s, all, memory, all.out, all.in, {dy.data + group * out_group(s), dy.stride},
                                      b == nullptr ? nullptr : b + group * s.inputs, add,
                                      {dx.data + group * in_group(s), dx.stride});
  }
}

struct WinogradGradientMemory {
  PointRows in, out, sums;

  WinogradGradientMemory(const ConvolutionSizes& s, const Winograd& all, Parts& parts)
      : in(packed_points(all.in_side, parts, all.most_rows())),
        out(packed_points(all.out_side, parts, all.most_rows())),
        sums(product_points(all.in_side, parts, [&](Size, Size) { return s.outputs; })) {}
};

/// sums(o, k) = Σ_tiles out(tile, o) in(tile, k) of one point, or added.
void multiply_tiles_of_point(Size point, Size rows, bool accumulate, const Winograd& all,
                             const WinogradGradientMemory& memory) {
  const Size inputs = all.in_side.row_size(), outputs = all.out_side.channels;
  for (Size o = 0; o < outputs; o += memory.out.block) {
    const RowTiles split(smaller(memory.out.block, outputs - o));
    for (Size k = 0; k < inputs; k += memory.in.block) {
      Product p{};
      p.rows = smaller(memory.out.block, outputs - o);
      p.a = memory.out.at(point, 0, o);
      p.a_stride = memory.out.stride;
      p.a_transposed = true;
      p.c = memory.sums.at(point, o, k);
      p.c_stride = memory.sums.stride;
      Block block{};
      block.columns = smaller(memory.in.block, inputs - k);
      block.b_stride = memory.in.stride;
      block.b_panel_stride = tile_columns;
      for (Size step = 0; step < rows; step += summed_steps) {
        block.first_step = step;
        block.steps = smaller(summed_steps, rows - step);
        block.b = memory.in.at(point, step, k);
        block.finish.accumulate = accumulate || step > 0;
        multiply_tiles(p, split, block, 0, split.count, Access::direct_columns, nullptr);
      }
    }
  }
}

void winograd_weight_gradient(const ConvolutionSizes& s, ConstRows x, ConstRows dy, Rows dw, float* scratch) {
  const DenormalsAreZeros scope;
  Parts parts(scratch);
  const Winograd all(s, parts);
  const WinogradGradientMemory memory(s, all, parts);
  all.in.begin();
  all.out.begin();
  for (Size group = 0; group < s.groups; ++group) {
    all.for_each_block(s, [&](const TileBlock& block) {
      images_to_points<InPoints>(all.tiling, block, all.in, {x.data + group * in_group(s), x.stride}, memory.in);
      images_to_points<OutPoints>(all.tiling, block, all.out, {dy.data + group * out_group(s), dy.stride}, memory.out);
      for_each_point(all.tiling, block, [&](Size point, Size rows) {
        multiply_tiles_of_point(point, rows, block.first_image > 0 || block.begin > 0, all, memory);
      });
    });
    points_to_weights(s, all.tiling, all.in_side, memory.sums, {dw.data + group * s.outputs * dw.stride, dw.stride});
  }
}

Size winograd_scratch(const ConvolutionSizes& s) {
  Parts forward(nullptr), transposed(nullptr), gradient(nullptr);
  const Winograd of_forward(s, forward), of_transposed(s, transposed), of_gradient(s, gradient);
  const WinogradMapMemory forward_memory(of_forward, of_forward.in_side, of_forward.out_side, forward);
  const WinogradMapMemory transposed_memory(of_transposed, of_transposed.out_side, of_transposed.in_side, transposed);
  const WinogradGradientMemory gradient_memory(s, of_gradient, gradient);
  Size most = forward.used();
  if (transposed.used() > most) most = transposed.used();
  return gradient.used() > most ? gradient.used() : most;
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
