#pragma once

#include "kernels/eigen/vectorized/folded_packing.h"

/// Convolutions as products of tiles (product.h). What the taps of a kernel meet, the matrix [depth, places], is packed
/// out of folded images (folded_image.h) straight into the panels or rows that the tiles read, a block of places at a
/// time, and never stored whole.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// What all operations need: offsets of taps, runs, folded images.
struct FoldedBlock {
  Folding folding;
  PlaceSplit split;
  Size* offsets;
  Run* runs;
  Piece* pieces;
  float* images;
  mutable PlaceBlock cut_for{0, 0, 0};  ///< What `pieces` are for; `cut` is their number.
  mutable Size cut = 0;

  FoldedBlock(const ConvolutionSizes& s, Size joined, Size most, Parts& parts)
      : folding(s),
        split(s, joined, most),
        offsets(parts.numbers(depth_of(s))),
        runs(parts.runs(most_runs(s, split))),
        pieces(parts.pieces(most_pieces(split, most_runs(s, split)))),
        images(parts.floats(folded_size())) {}
  Size columns() const { return split.images * split.places; }
  Size folded_size() const { return split.images * folding.image + 2 * lanes; }
  void begin(const ConvolutionSizes& s) const {
    tap_offsets(s, folding, offsets);
    fill(folded_size(), images, 0.0f);
  }
};

Size places_of(const ConvolutionSizes& s) {
  return s.out_height * s.out_width;
}
Size in_group(const ConvolutionSizes& s) {
  return s.inputs * s.in_height * s.in_width;
}
Size out_group(const ConvolutionSizes& s) {
  return s.outputs * places_of(s);
}

/// Weights that are no more floats than this are packed once for all images, all blocks of steps of them.
constexpr Size whole_weights = Size{1} << 20;

MYNAH_INLINE Size whole_a_size(Size rows, Size steps) {
  return divided_up(steps, steps_of_block(steps)) * rows * packed_row_stride + lanes;
}
MYNAH_INLINE bool packs_whole_a(Size rows, Size steps) {
  return rows * steps <= whole_weights;
}

/// Every block of steps of A, one after another.
void pack_whole_a(const Product& p, float* to) {
  const RowTiles split(p.rows);
  const Size block_steps = steps_of_block(p.steps);
  for (Size step = 0; step < p.steps; step += block_steps, to += p.rows * packed_row_stride) {
    pack_a(p, split, 0, split.count, step, smaller(block_steps, p.steps - step), to);
  }
}

/// C = A B, where panels(first step, steps) makes B ready and tells where it lies. whole_a: A as pack_whole_a leaves
/// it, or null, in which case packed_a is for a part of it.
template <class Panels>
void multiply_panels(const Product& p, const float* row_bias, const float* whole_a, float* packed_a,
                     const Panels& panels) {
  const RowTiles split(p.rows);
  const Size block_steps = steps_of_block(p.steps);
  for (Size step = 0; step < p.steps; step += block_steps) {
    Block block;
    block.first_column = 0;
    block.columns = p.columns;
    block.first_step = step;
    block.steps = smaller(block_steps, p.steps - step);
    block.b = panels(step, block.steps);
    block.b_stride = tile_columns;
    block.b_panel_stride = panel_stride(block_steps);
    block.finish.accumulate = p.finish.accumulate || step > 0;
    block.finish.bias = nullptr;
    block.finish.relu = false;
    block.finish.row_bias = step + block_steps >= p.steps ? row_bias : nullptr;
    if (whole_a != nullptr) {
      multiply_packed_tiles(p, split, block, 0, split.count, false,
                            whole_a + step / block_steps * p.rows * packed_row_stride);
      continue;
    }
    for (Size tile = 0; tile < split.count; tile += block_row_tiles) {
      multiply_row_tiles(p, split, block, tile, smaller(tile + block_row_tiles, split.count), packed_a);
    }
  }
}

/// Whether the pieces of a block are to be cut anew: not where the last block was like it.
bool is_other_block(const FoldedBlock& block, const PlaceBlock& places) {
  const PlaceBlock last = block.cut_for;
  block.cut_for = places;
  return last.images != places.images || last.first != places.first || last.places != places.places;
}

/// Pieces of a block of places, for packed B; returns how many.
Size panel_pieces(const ConvolutionSizes& s, const FoldedBlock& block, const PlaceBlock& places, Size stride) {
  if (!is_other_block(block, places)) return block.cut;
  Size count = 0;
  for_each_folded_run(s, block.folding, places, [&](Size from, Size column, Size width) {
    count += cut_into_panels(from, column, width, stride, block.runs + count);
  });
  block.cut = cut_into_halves(block.runs, count, block.pieces);
  return block.cut;
}

/// Runs of a block of places, to their columns.
Size row_runs(const ConvolutionSizes& s, const FoldedBlock& block, const PlaceBlock& places) {
  Size count = 0;
  for_each_folded_run(s, block.folding, places, [&](Size from, Size column, Size width) {
    block.runs[count++] = {from, column, width};
  });
  return count;
}

/// Pieces of a block of places, for packed rows.
Size row_pieces(const ConvolutionSizes& s, const FoldedBlock& block, const PlaceBlock& places) {
  if (!is_other_block(block, places)) return block.cut;
  block.cut = cut_into_halves(block.runs, row_runs(s, block, places), block.pieces);
  return block.cut;
}

struct ForwardMemory {
  FoldedBlock block;
  float *panels, *packed_a, *whole_a, *joined;

  ForwardMemory(const ConvolutionSizes& s, Parts& parts)
      : block(s, joined_places, most_places, parts),
        panels(parts.floats(panels_size(block.columns(), steps_of_block(depth_of(s))))),
        packed_a(parts.floats(packed_a_size(s.outputs))),
        whole_a(whole(s) ? parts.floats(s.groups * whole_size(s)) : nullptr),
        joined(block.split.images == 1 ? nullptr : parts.floats(s.outputs * block.columns())) {}
  static bool whole(const ConvolutionSizes& s) { return packs_whole_a(s.groups * s.outputs, depth_of(s)); }
  static Size whole_size(const ConvolutionSizes& s) { return whole_a_size(s.outputs, depth_of(s)); }
};

/// The product of one group: y = w times what the taps meet.
Product forward_product(const ConvolutionSizes& s, ConstRows w, Size group) {
  Product p{};
  p.rows = s.outputs;
  p.steps = depth_of(s);
  p.a = w.data + group * s.outputs * w.stride;
  p.a_stride = w.stride;
  return p;
}

/// y(image, o, place) = joined(o, (image, place)), or added.
void separate(const ConvolutionSizes& s, Size images, const float* joined, bool add, Rows y) {
  const Size places = places_of(s);
  for (Size image = 0; image < images; ++image) {
    float* to = y.data + image * y.stride;
    const float* from = joined + image * places;
    for (Size o = 0; o < s.outputs; ++o, to += places, from += images * places) {
      for_each_vector(places, [&](Size i, auto... some) { put(to + i, load(from + i, some...), add, some...); });
    }
  }
}

/// One block of images and places of one group, its images being folded.
void forward_block(const ConvolutionSizes& s, const ForwardMemory& memory, const PlaceBlock& places, Product p,
                   const float* whole_a, const float* b, bool add, Rows y) {
  const bool joins = places.images > 1;
  p.columns = places.columns();
  p.c = joins ? memory.joined : y.data + places.first;
  p.c_stride = joins ? p.columns : places_of(s);
  p.finish.accumulate = add && !joins;
  const Size pieces = panel_pieces(s, memory.block, places, panel_stride(steps_of_block(p.steps)));
  multiply_panels(p, b, whole_a, memory.packed_a, [&](Size step, Size steps) {
    pack_folded(memory.block.images, memory.block.offsets + step, steps, memory.block.pieces, pieces, tile_columns,
                memory.panels);
    return memory.panels;
  });
  if (joins) separate(s, places.images, memory.joined, add, y);
}

void convolution_forward(const ConvolutionSizes& s, ConstRows x, ConstRows w, const float* b, bool add, Rows y,
                         float* scratch) {
  Parts parts(scratch);
  const ForwardMemory memory(s, parts);
  const FoldedBlock& block = memory.block;
  block.begin(s);
  const bool whole = ForwardMemory::whole(s);
  for (Size group = 0; whole && group < s.groups; ++group) {
    pack_whole_a(forward_product(s, w, group), memory.whole_a + group * ForwardMemory::whole_size(s));
  }
  for (Size image = 0; image < s.images; image += block.split.images) {
    const Size images = smaller(block.split.images, s.images - image);
    for (Size group = 0; group < s.groups; ++group) {
      for (Size i = 0; i < images; ++i) {
        fold(s, block.folding, x.data + (image + i) * x.stride + group * in_group(s),
             block.images + i * block.folding.image);
      }
      const Product p = forward_product(s, w, group);
      const float* packed = whole ? memory.whole_a + group * ForwardMemory::whole_size(s) : nullptr;
      const Rows to{y.data + image * y.stride + group * out_group(s), y.stride};
      for (Size part = 0; part < block.split.parts; ++part) {
        forward_block(s, memory, block.split.part(s, images, part), p, packed,
                      b == nullptr ? nullptr : b + group * s.outputs, add, to);
      }
    }
  }
}

/// Channels of the input whose taps are multiplied together.
Size channels_at_once(const ConvolutionSizes& s) {
  const Size fit = block_row_tiles * tile_rows / (s.kernel_height * s.kernel_width);
  return fit < 1 ? 1 : smaller(fit, s.inputs);
}

struct TransposedMemory {
  FoldedBlock block;
  float *panels, *packed_a, *whole_a, *taps;
  Run* panel_runs;

  TransposedMemory(const ConvolutionSizes& s, Parts& parts)
      : block(s, joined_places, most_places, parts),
        panels(parts.floats(divided_up(s.outputs, steps_of_block(s.outputs)) *
                            panels_size(block.columns(), steps_of_block(s.outputs)))),
        packed_a(parts.floats(packed_a_size(tap_rows(s)))),
        whole_a(whole(s) ? parts.floats(s.groups * chunks(s) * whole_size(s)) : nullptr),
        taps(parts.floats(tap_rows(s) * block.columns())),
        panel_runs(parts.runs(most_runs(s, block.split))) {}
  static Size tap_rows(const ConvolutionSizes& s) { return channels_at_once(s) * s.kernel_height * s.kernel_width; }
  static Size chunks(const ConvolutionSizes& s) { return divided_up(s.inputs, channels_at_once(s)); }
  static Size whole_size(const ConvolutionSizes& s) { return whole_a_size(tap_rows(s), s.outputs); }
  static bool whole(const ConvolutionSizes& s) { return packs_whole_a(s.groups * depth_of(s), s.outputs); }
};

/// The product of one group and some channels of its input from c on: what goes back to taps = wᵀ times dy.
Product transposed_product(const ConvolutionSizes& s, ConstRows w, Size group, Size c) {
  const Size taps = s.kernel_height * s.kernel_width;
  Product p{};
  p.rows = smaller(channels_at_once(s), s.inputs - c) * taps;
  p.steps = s.outputs;
  p.a = w.data + group * s.outputs * w.stride + c * taps;
  p.a_stride = w.stride;
  p.a_transposed = true;
  return p;
}

/// Gradients of what taps met, [rows, columns], added where they met it.
void add_taps(const float* taps, Size rows, Size columns, const Size* offsets, const Run* runs, Size count,
              float* images) {
  for (Size k = 0; k < rows; ++k, taps += columns) {
    float* to = images + offsets[k];
    for (Size i = 0; i < count; ++i) {
      add_run(taps + runs[i].to, runs[i].width, to + runs[i].from);
    }
  }
}

/// One block of images and places of one group, added to the folded images.
void transposed_block(const ConvolutionSizes& s, const TransposedMemory& memory, const PlaceBlock& places, Size group,
                      ConstRows dy, ConstRows w) {
  const Size columns = places.columns(), block_steps = steps_of_block(s.outputs);
  const Size size = panels_size(columns, block_steps), stride = panel_stride(block_steps);
  Size count = 0;
  for (Size image = 0; image < places.images; ++image) {
    count += cut_into_panels(image * dy.stride + places.first, image * places.places, places.places, stride,
                             memory.panel_runs + count);
  }
  for (Size step = 0, number = 0; step < s.outputs; step += block_steps, ++number) {
    pack_exactly(dy.data + step * places_of(s), places_of(s), smaller(block_steps, s.outputs - step), memory.panel_runs,
                 count, tile_columns, memory.panels + number * size);
  }
  const Size taps = s.kernel_height * s.kernel_width, at_once = channels_at_once(s);
  const Size runs = row_runs(s, memory.block, places);
  const float* whole_a = memory.whole_a == nullptr
                             ? nullptr
                             : memory.whole_a + group * TransposedMemory::chunks(s) * TransposedMemory::whole_size(s);
  for (Size c = 0; c < s.inputs; c += at_once) {
    Product p = transposed_product(s, w, group, c);
    p.columns = columns;
    p.c = memory.taps;
    p.c_stride = columns;
    multiply_panels(p, nullptr, whole_a, memory.packed_a,
                    [&](Size step, Size) { return memory.panels + step / block_steps * size; });
    if (whole_a != nullptr) whole_a += TransposedMemory::whole_size(s);
    add_taps(memory.taps, p.rows, columns, memory.block.offsets + c * taps, memory.block.runs, runs,
             memory.block.images);
  }
}

void convolution_transposed(const ConvolutionSizes& s, ConstRows dy, ConstRows w, const float* b, bool add, Rows dx,
                            float* scratch) {
  const DenormalsAreZeros scope;
  Parts parts(scratch);
  const TransposedMemory memory(s, parts);
  const FoldedBlock& block = memory.block;
  tap_offsets(s, block.folding, block.offsets);
  if (TransposedMemory::whole(s)) {
    float* to = memory.whole_a;
    for (Size group = 0; group < s.groups; ++group) {
      for (Size c = 0; c < s.inputs; c += channels_at_once(s), to += TransposedMemory::whole_size(s)) {
        pack_whole_a(transposed_product(s, w, group, c), to);
      }
    }
  }
  for (Size image = 0; image < s.images; image += block.split.images) {
    const Size images = smaller(block.split.images, s.images - image);
    for (Size group = 0; group < s.groups; ++group) {
      fill(images * block.folding.image, block.images, 0.0f);
      const ConstRows from{dy.data + image * dy.stride + group * out_group(s), dy.stride};
      for (Size part = 0; part < block.split.parts; ++part) {
        transposed_block(s, memory, block.split.part(s, images, part), group, from, w);
      }
      for (Size i = 0; i < images; ++i) {
        unfold(s, block.folding, block.images + i * block.folding.image, b == nullptr ? nullptr : b + group * s.inputs,
               add, dx.data + (image + i) * dx.stride + group * in_group(s));
      }
    }
  }
}

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
    multiply_packed_tiles(p, split, block, tile, end, false, packed_a);
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

void convolution_weight_gradient(const ConvolutionSizes& s, ConstRows x, ConstRows dy, Rows dw, float* scratch) {
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

Size convolution_scratch(const ConvolutionSizes& s) {
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
