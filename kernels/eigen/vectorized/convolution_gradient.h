#pragma once

#include "kernels/eigen/vectorized/convolution.h"

/// The gradient of a convolution's weights, out of the same folded images.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// Whether dw is multiplied as it lies, taps being turned, rather than as its transpose, dy being turned: the smaller
/// of both is.
bool turns_taps(const ConvolutionSizes& s) {
  return depth_of(s) <= s.outputs;
}

struct WeightGradientMemory {
  FoldedBlock block;
  float *panels, *packed_a, *sums;  ///< sums: dwᵀ or, where taps are turned, what they meet, row by row
  Size sums_stride;
  Run* gradient_runs;

  WeightGradientMemory(const ConvolutionSizes& s, Parts& parts)
      : block(s, most_steps, most_steps, parts),
        panels(parts.floats(panels_size(turns_taps(s) ? depth_of(s) : s.outputs, block.columns()))),
        packed_a(parts.floats(packed_a_size(turns_taps(s) ? s.outputs : depth_of(s)))),
        sums(nullptr),
        sums_stride(turns_taps(s) ? packed_row_stride : divided_up(s.outputs, lanes) * lanes),
        gradient_runs(parts.runs(block.split.images)) {
    sums = parts.floats(depth_of(s) * sums_stride + lanes);
  }
};

/// A block of steps of C = A B whose panels are packed, its rows of A by pack(first row, rows).
template <class PackRows>
void multiply_steps(const Product& p, Size steps, bool accumulate, const float* panels, float* packed_a,
                    const PackRows& pack) {
  const RowTiles split(p.rows);
  Block block;
  block.first_column = 0;
  block.columns = p.columns;
  block.first_step = 0;
  block.steps = steps;
  block.b = panels;
  block.b_stride = tile_columns;
  block.b_panel_stride = panel_stride(steps);
  block.finish.accumulate = accumulate;
  block.finish.bias = nullptr;
  block.finish.relu = false;
  for (Size tile = 0; tile < split.count; tile += block_row_tiles) {
    const Size end = smaller(tile + block_row_tiles, split.count);
    pack(split.first(tile), split.first(end) - split.first(tile));
    multiply_tiles(p, split, block, tile, end, Access::packed, packed_a);
  }
}

/// Panels of a matrix whose columns lie in rows: B(k, c) = from[c * stride + k], at steps [at, at + steps) of `all`.
void pack_turned(const float* from, Size stride, Size columns, Size at, Size steps, Size all, float* panels) {
  Product p{};
  p.b = from;
  p.b_stride = stride;
  for (Size c = 0; c < columns; c += tile_columns) {
    pack_columns_of_b(p, c, smaller(tile_columns, columns - c), 0, steps,
                      panels + c / tile_columns * panel_stride(all) + at * tile_columns);
  }
}

/// dwᵀ [depth, outputs] = taps times dyᵀ.
void transposed_gradient_block(const ConvolutionSizes& s, const WeightGradientMemory& memory, const PlaceBlock& places,
                               bool first, ConstRows dy) {
  const Size steps = places.columns();
  for (Size image = 0; image < places.images; ++image) {
    pack_turned(dy.data + image * dy.stride + places.first, places_of(s), s.outputs, image * places.places,
                places.places, steps, memory.panels);
  }
  Product p{};
  p.rows = depth_of(s);
  p.columns = s.outputs;
  p.c = memory.sums;
  p.c_stride = memory.sums_stride;
  const Size pieces = row_pieces(s, memory.block, places);
  multiply_steps(p, steps, !first, memory.panels, memory.packed_a, [&](Size row, Size rows) {
    pack_folded(memory.block.images, memory.block.offsets + row, rows, memory.block.pieces, pieces, packed_row_stride,
                memory.packed_a);
  });
}

/// dw [outputs, depth] += dy times tapsᵀ.
void gradient_block(const ConvolutionSizes& s, const WeightGradientMemory& memory, const PlaceBlock& places,
                    ConstRows dy, Rows dw) {
  const Size steps = places.columns(), depth = depth_of(s);
  const Size pieces = row_pieces(s, memory.block, places);
  pack_folded(memory.block.images, memory.block.offsets, depth, memory.block.pieces, pieces, memory.sums_stride,
              memory.sums);
  pack_turned(memory.sums, memory.sums_stride, depth, 0, steps, steps, memory.panels);
  for (Size image = 0; image < places.images; ++image) {
    memory.gradient_runs[image] = {image * dy.stride + places.first, image * places.places, places.places};
  }
  Product p{};
  p.rows = s.outputs;
  p.columns = depth;
  p.c = dw.data;
  p.c_stride = dw.stride;
  multiply_steps(p, steps, true, memory.panels, memory.packed_a, [&](Size row, Size rows) {
    pack_exactly(dy.data + row * places_of(s), places_of(s), rows, memory.gradient_runs, places.images,
                 packed_row_stride, memory.packed_a);
  });
}

/// to(c, r) += from(r, c), squares of lanes x lanes turned in registers; from's rows end with whole vectors.
void add_transposed(Size rows, Size columns, const float* from, Size from_stride, Rows to) {
  for (Size c = 0; c < columns; c += lanes) {
    const Size width = smaller(lanes, columns - c);
    for (Size r = 0; r < rows; r += lanes) {
      const Size height = smaller(lanes, rows - r);
      Vec square[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) square[i] = i < height ? load(from + (r + i) * from_stride + c) : Vec{};
      transpose(square);
      const First some(height);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        if (i < width) put(to.data + (c + i) * to.stride + r, square[i], true, some);
      }
    }
  }
}

void folded_weight_gradient(const ConvolutionSizes& s, ConstRows x, ConstRows dy, Rows dw, float* scratch) {
  const DenormalsAreZeros scope;
  Parts parts(scratch);
  const WeightGradientMemory memory(s, parts);
  const FoldedBlock& block = memory.block;
  block.begin(s);
  for (Size group = 0; group < s.groups; ++group) {
    const Rows gradient{dw.data + group * s.outputs * dw.stride, dw.stride};
    for (Size image = 0; image < s.images; image += block.split.images) {
      const Size images = smaller(block.split.images, s.images - image);
      for (Size i = 0; i < images; ++i) {
        fold(s, block.folding, x.data + (image + i) * x.stride + group * in_group(s),
             block.images + i * block.folding.image);
      }
      const ConstRows from{dy.data + image * dy.stride + group * out_group(s), dy.stride};
      for (Size part = 0; part < block.split.parts; ++part) {
        const PlaceBlock places = block.split.part(s, images, part);
        if (turns_taps(s)) {
          gradient_block(s, memory, places, from, gradient);
        } else {
          transposed_gradient_block(s, memory, places, image == 0 && part == 0, from);
        }
      }
    }
    if (!turns_taps(s)) add_transposed(depth_of(s), s.outputs, memory.sums, memory.sums_stride, gradient);
  }
}

Size folded_scratch(const ConvolutionSizes& s) {
  Parts forward(nullptr), transposed(nullptr), gradient(nullptr);
  const ForwardMemory of_forward(s, forward);
  const TransposedMemory of_transposed(s, transposed);
  const WeightGradientMemory of_gradient(s, gradient);
  Size most = forward.used();
  if (transposed.used() > most) most = transposed.used();
  return gradient.used() > most ? gradient.used() : most;
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
