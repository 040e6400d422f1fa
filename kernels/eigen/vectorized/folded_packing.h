#pragma once

#include "kernels/eigen/vectorized/folded_image.h"

/// Out of folded images into the panels and rows that the tiles of a product read.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// Places of the kernel that are handled at a time: of several images together where one has few, so that the vectors
/// of a tile are full; not so many that packed places leave the second-level cache. (Of 100, 200, 400 and 800 the
/// fastest.)
constexpr Size joined_places = 400;
constexpr Size most_places = 400;

/// Places [first, first + places) of each of `images` images.
struct PlaceBlock {
  Size images, first, places;
  Size columns() const { return images * places; }
};

/// A split of one image's places into parts of at most `most`, and so many images at a time as fit without parts.
struct PlaceSplit {
  Size images, parts, places;  ///< `places`: of every part but the last

  PlaceSplit(const ConvolutionSizes& s, Size joined, Size most) {
    const Size all = s.out_height * s.out_width;
    parts = divided_up(all, most);
    places = divided_up(all, parts);
    const Size fit = joined / all;
    images = parts > 1 || fit < 1 ? 1 : smaller(fit, s.images);
  }
  PlaceBlock part(const ConvolutionSizes& s, Size count, Size number) const {
    const Size all = s.out_height * s.out_width, first = number * places;
    return {count, first, smaller(places, all - first)};
  }
};

/// Floats that are copied together, from a place relative to a tap's first one.
struct Run {
  Size from, to, width;
};
/// Half a vector of them.
struct Piece {
  Size from, to;
};

/// Calls run(from, column, width) for the neighbouring places of a block, `from` being relative to a tap's first place
/// in the folded images, and the columns of the block counting its places.
template <class Operation>
MYNAH_INLINE void for_each_folded_run(const ConvolutionSizes& s, const Folding& folding, const PlaceBlock& block,
                                      const Operation& run) {
  // Planes as wide as the rows of places are one run.
  const bool whole = folding.columns == s.out_width;
  Size column = 0;
  for (Size image = 0; image < block.images; ++image) {
    for (Size place = block.first; place < block.first + block.places;) {
      const Size row = place / s.out_width, across = place % s.out_width, left = block.first + block.places - place;
      const Size width = whole ? left : smaller(s.out_width - across, left);
      run(image * folding.image + row * folding.columns + across, column, width);
      column += width;
      place += width;
    }
  }
}

/// Half vectors that most_runs() may be cut into.
MYNAH_INLINE Size most_pieces(const PlaceSplit& split, Size runs) {
  return split.images * split.places / (lanes / 2) + runs + 1;
}

/// The most runs that a block has, each cut where a panel of B ends.
MYNAH_INLINE Size most_runs(const ConvolutionSizes& s, const PlaceSplit& split) {
  const Size rows = divided_up(split.places, s.out_width) + 1;
  return split.images * rows + divided_up(split.images * split.places, tile_columns) + 1;
}

/// Where element (step, column) of packed B lies: at panel_stride * (column / tile_columns) + tile_columns * step +
/// column % tile_columns. A panel has a few floats more, since whole vectors are written.
MYNAH_INLINE Size panel_stride(Size steps) {
  return tile_columns * steps + lanes;
}
MYNAH_INLINE Size panels_size(Size columns, Size steps) {
  return divided_up(columns, tile_columns) * panel_stride(steps);
}

/// So many columns of B are packed out of folded images at a time, into the same memory, which the second-level cache
/// then holds.
constexpr Size group_columns = 4 * tile_columns;

/// Cuts a run at the ends of panels, of which those of every `group` columns begin anew.
MYNAH_INLINE Size cut_into_panels(Size from, Size column, Size width, Size stride, Size group, Run* runs) {
  Size count = 0;
  while (width > 0) {
    const Size inside = column % tile_columns, now = smaller(width, tile_columns - inside);
    runs[count++] = {from, column % group / tile_columns * stride + inside, now};
    from += now;
    column += now;
    width -= now;
  }
  return count;
}

/// Cuts runs into half vectors, the last of each reaching beyond the run's end.
MYNAH_INLINE Size cut_into_halves(const Run* runs, Size count, Piece* pieces) {
  constexpr Size half = lanes / 2;
  Size number = 0;
  for (Size i = 0; i < count; ++i) {
    for (Size at = 0; at < runs[i].width; at += half) pieces[number++] = {runs[i].from + at, runs[i].to + at};
  }
  return number;
}

typedef float Half __attribute__((vector_size(vector_bytes / 2)));
typedef float UnalignedHalf __attribute__((vector_size(vector_bytes / 2), aligned(4), may_alias));

/// For each step: row `step` of what is packed, to + step * to_stride, from source + offsets[step]. Pieces lie in
/// order, so that what one writes behind its run's end, the next ones overwrite, and the rows after it.
void pack_folded(const float* source, const Size* offsets, Size steps, const Piece* pieces, Size count, Size to_stride,
                 float* to) {
  for (Size k = 0; k < steps; ++k, to += to_stride) {
    const float* from = source + offsets[k];
    for (Size i = 0; i < count; ++i) {
      *reinterpret_cast<UnalignedHalf*>(to + pieces[i].to) =
          *reinterpret_cast<const UnalignedHalf*>(from + pieces[i].from);
    }
  }
}

/// The same without reading behind a run, from rows that are `from_stride` apart.
void pack_exactly(const float* source, Size from_stride, Size steps, const Run* runs, Size count, Size to_stride,
                  float* to) {
  for (Size k = 0; k < steps; ++k, source += from_stride, to += to_stride) {
    for (Size i = 0; i < count; ++i) {
      const float* from = source + runs[i].from;
      float* put = to + runs[i].to;
      for_each_vector(runs[i].width, [&](Size j, auto... some) { store(put + j, load(from + j, some...), some...); });
    }
  }
}

/// to[i] += from[i]; the last ones with half a vector, where there is a mask for it: what they touch decides whether
/// the next row has to wait (see Folding::row_width).
MYNAH_INLINE void add_run(const float* from, Size width, float* to) {
  Size i = 0;
  for (; i + lanes <= width; i += lanes) store(to + i, load(to + i) + load(from + i));
#if defined(__AVX512F__)
  if (width - i >= lanes / 2) {
    *reinterpret_cast<UnalignedHalf*>(to + i) += *reinterpret_cast<const UnalignedHalf*>(from + i);
    i += lanes / 2;
  }
  if (i == width) return;
  const auto some = static_cast<__mmask8>((1u << (width - i)) - 1u);
  const __m256 sum = _mm256_maskz_loadu_ps(some, to + i) + _mm256_maskz_loadu_ps(some, from + i);
  _mm256_mask_storeu_ps(to + i, some, sum);
#else
  if (i < width) {
    const First some(width - i);
    store(to + i, load(to + i, some) + load(from + i, some), some);
  }
#endif
}

/// The parts of the scratch memory, one after another.
class Parts {
 public:
  explicit Parts(float* begin) : begin_(begin) {}
  float* floats(Size count) {
    const Size at = used_;
    used_ += divided_up(count, 64) * 64;  // as aligned as the whole
    return begin_ == nullptr ? nullptr : begin_ + at;
  }
  Size* numbers(Size count) { return reinterpret_cast<Size*>(floats(2 * count)); }
  Run* runs(Size count) { return reinterpret_cast<Run*>(floats(6 * count)); }
  Piece* pieces(Size count) { return reinterpret_cast<Piece*>(floats(4 * count)); }
  Size used() const { return used_; }

 private:
  float* begin_;
  Size used_ = 0;
};

MYNAH_INLINE Size packed_a_size(Size rows) {
  return smaller(divided_up(rows, tile_rows), block_row_tiles) * tile_rows * packed_row_stride + lanes;
}
MYNAH_INLINE Size steps_of_block(Size steps) {
  return divided_up(steps, divided_up(steps, most_steps));
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
