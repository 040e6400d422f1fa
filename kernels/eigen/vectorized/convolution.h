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
  Size* group_cuts;  ///< The pieces of each group of columns begin there.

  FoldedBlock(const ConvolutionSizes& s, Size joined, Size most, Parts& parts)
      : folding(s),
        split(s, joined, most),
        offsets(parts.numbers(depth_of(s))),
        runs(parts.runs(most_runs(s, split))),
        pieces(parts.pieces(most_pieces(split, most_runs(s, split)))),
        images(parts.floats(folded_size())),
        group_cuts(parts.numbers(divided_up(columns(), group_columns) + 1)) {}
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

/// Weights that take no more floats than this when packed are packed once for all images, all blocks of steps of them.
constexpr Size whole_weights = Size{1} << 20;

MYNAH_INLINE Size whole_a_size(Size rows, Size steps) {
  return divided_up(steps, steps_of_block(steps)) * rows * packed_row_stride + lanes;
}
MYNAH_INLINE bool packs_whole_a(Size rows, Size steps) {
  return whole_a_size(rows, steps) <= whole_weights;
}

/// Every block of steps of A, one after another.
void pack_whole_a(const Product& p, float* to) {
  const RowTiles split(p.rows);
  const Size block_steps = steps_of_block(p.steps);
  for (Size step = 0; step < p.steps; step += block_steps, to += p.rows * packed_row_stride) {
    pack_a(p, split, 0, split.count, step, smaller(block_steps, p.steps - step), to);
  }
}

/// C = A B, where panels(first step, steps, first column) makes `at_once` columns of B ready and tells where they lie.
/// whole_a: A as pack_whole_a leaves it, or null, in which case packed_a is for a part of it.
template <class Panels>
void multiply_panels(const Product& p, Size at_once, const float* row_bias, const float* whole_a, float* packed_a,
                     const Panels& panels) {
  const RowTiles split(p.rows);
  const Size block_steps = steps_of_block(p.steps);
  for (Size step = 0; step < p.steps; step += block_steps) {
    Block block;
    block.first_step = step;
    block.steps = smaller(block_steps, p.steps - step);
    block.b_stride = tile_columns;
    block.b_panel_stride = panel_stride(block_steps);
    block.finish.accumulate = p.finish.accumulate || step > 0;
    block.finish.bias = nullptr;
    block.finish.relu = false;
    block.finish.row_bias = step + block_steps >= p.steps ? row_bias : nullptr;
    for (Size first = 0; first < p.columns; first += at_once) {
      block.first_column = first;
      block.columns = smaller(at_once, p.columns - first);
      block.b = panels(step, block.steps, first);
      if (whole_a != nullptr) {
        multiply_tiles(p, split, block, 0, split.count, Access::packed,
                       whole_a + step / block_steps * p.rows * packed_row_stride);
        continue;
      }
      for (Size tile = 0; tile < split.count; tile += block_row_tiles) {
        multiply_row_tiles(p, split, block, tile, smaller(tile + block_row_tiles, split.count), packed_a);
      }
    }
  }
}

/// Whether the pieces of a block are to be cut anew: not where the last block was like it.
bool is_other_block(const FoldedBlock& block, const PlaceBlock& places) {
  const PlaceBlock last = block.cut_for;
  block.cut_for = places;
  return last.images != places.images || last.first != places.first || last.places != places.places;
}

/// Pieces of a block of places, for packed B, group by group.
void cut_panel_pieces(const ConvolutionSizes& s, const FoldedBlock& block, const PlaceBlock& places, Size stride) {
  if (!is_other_block(block, places)) return;
  Size number = 0, end = 0, group = 0, pieces = 0;
  for_each_folded_run(s, block.folding, places, [&](Size from, Size column, Size width) {
    number += cut_into_panels(from, column, width, stride, group_columns, block.runs + number);
  });
  for (Size i = 0; i < number; ++i) {
    if (end % group_columns == 0) block.group_cuts[group++] = pieces;
    pieces += cut_into_halves(block.runs + i, 1, block.pieces + pieces);
    end += block.runs[i].width;
  }
  block.group_cuts[group] = pieces;
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
        panels(parts.floats(panels_size(smaller(block.columns(), group_columns), steps_of_block(depth_of(s))))),
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
  const FoldedBlock& block = memory.block;
  cut_panel_pieces(s, block, places, panel_stride(steps_of_block(p.steps)));
  multiply_panels(p, group_columns, b, whole_a, memory.packed_a, [&](Size step, Size steps, Size first) {
    const Size* cuts = block.group_cuts + first / group_columns;
    pack_folded(block.images, block.offsets + step, steps, block.pieces + cuts[0], cuts[1] - cuts[0], tile_columns,
                memory.panels);
    return memory.panels;
  });
  if (joins) separate(s, places.images, memory.joined, add, y);
}

void folded_forward(const ConvolutionSizes& s, ConstRows x, ConstRows w, const float* b, bool add, Rows y,
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
    count += cut_into_panels(image * dy.stride + places.first, image * places.places, places.places, stride, columns,
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
    multiply_panels(p, columns, nullptr, whole_a, memory.packed_a,
                    [&](Size step, Size, Size) { return memory.panels + step / block_steps * size; });
    if (whole_a != nullptr) whole_a += TransposedMemory::whole_size(s);
    add_taps(memory.taps, p.rows, columns, memory.block.offsets + c * taps, memory.block.runs, runs,
             memory.block.images);
  }
}

void folded_transposed(const ConvolutionSizes& s, ConstRows dy, ConstRows w, const float* b, bool add, Rows dx,
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

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
