#pragma once

#include "kernels/eigen/vectorized/team.h"
#include "kernels/eigen/vectorized/tile.h"

/// C = A B, blocked and packed after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008,
/// in the loop order of Van Zee and van de Geijn, "BLIS", 2015.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// Columns of B and tiles of rows of A that are packed at a time, so that both stay in the second-level cache.
constexpr Size block_columns = 512;
constexpr Size block_row_tiles = tile_rows >= 14 ? 8 : 24;
/// Where steps are no further apart than this, tiles read B, and Columns of A, where they lie: the processor follows
/// such strides from the second-level cache, and packing would cost more than it saves.
constexpr Size direct_stride = 512;
/// Small tiles read more of A for each multiplication: below so many elements only.
constexpr Size direct_elements = tile_rows >= 14 ? 1 << 20 : 8192;

/// Packing asks for memory so many steps before it is read: rows of a large matrix are pages of their own, over which
/// the processor does not look ahead.
constexpr Size steps_ahead = 8;

struct Product {
  Size rows, columns, steps;  ///< C [rows, columns] = Σ over steps
  const float* a;
  Size a_stride;
  bool a_transposed;  ///< A(r, k) = a[k * a_stride + r] rather than a[r * a_stride + k].
  const float* b;
  Size b_stride;
  bool b_transposed;  ///< B(k, c) = b[c * b_stride + k] rather than b[k * b_stride + c].
  float* c;
  Size c_stride;
  Finish finish;
};

/// to[k * tile_columns + c] = B(first_step + k, first + c), zeros behind its last column.
MYNAH_INLINE void pack_rows_of_b(const Product& p, Size first, Size columns, Size first_step, Size steps, float* to) {
  const float* from = p.b + first_step * p.b_stride + first;
  for (Size k = 0; k < steps; ++k, from += p.b_stride, to += tile_columns) {
    __builtin_prefetch(from + steps_ahead * p.b_stride);
    for (Size c = 0; c < tile_columns; c += lanes) {
      const Size left = columns - c;
      store(to + c, left >= lanes ? load(from + c) : left > 0 ? load(from + c, First(left)) : Vec{});
    }
  }
}

/// The same where B is transposed: squares of lanes x lanes are turned in registers.
MYNAH_INLINE void pack_columns_of_b(const Product& p, Size first, Size columns, Size first_step, Size steps,
                                    float* to) {
  for (Size c = 0; c < columns; c += lanes) {
    const Size width = smaller(lanes, columns - c);
    const float* from = p.b + (first + c) * p.b_stride + first_step;
    Size k = 0;
    for (; k < steps; k += lanes) {
      const Size depth = smaller(lanes, steps - k);
      if (depth <= 2) break;
      Vec square[lanes];
      if (depth == lanes && width == lanes) {
#pragma GCC unroll 16
        for (int i = 0; i < lanes; ++i) square[i] = load(from + i * p.b_stride + k);
      } else {
        const First some(depth);
#pragma GCC unroll 16
        for (int i = 0; i < lanes; ++i) square[i] = i < width ? load(from + i * p.b_stride + k, some) : Vec{};
      }
      transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        if (i < depth) store(to + (k + i) * tile_columns + c, square[i]);
      }
    }
    for (; k < steps; ++k) {
      float* row = to + k * tile_columns + c;
      for (Size i = 0; i < width; ++i) row[i] = from[i * p.b_stride + k];
      for (Size i = width; i < lanes; ++i) row[i] = 0.0f;
    }
  }
}

void pack_b(const Product& p, Size first, Size columns, Size first_step, Size steps, float* to) {
  for (Size c = 0; c < columns; c += tile_columns, to += steps * tile_columns) {
    const Size width = smaller(tile_columns, columns - c);
    if (p.b_transposed) {
      pack_columns_of_b(p, first + c, width, first_step, steps, to);
    } else {
      pack_rows_of_b(p, first + c, width, first_step, steps, to);
    }
  }
}

/// Rows of A one after the other, packed_row_stride apart.
void pack_rows_of_a(const Product& p, Size first, Size rows, Size first_step, Size steps, float* to) {
  for (Size r = 0; r < rows; ++r, to += packed_row_stride) {
    const float* from = p.a + (first + r) * p.a_stride + first_step;
    Size k = 0;
    for (; k + lanes <= steps; k += lanes) store(to + k, load(from + k));
    if (k < steps) store(to + k, load(from + k, First(steps - k)));
  }
}

/// A split of `rows` into tiles that differ by one row at most, so that none is small; as many for each member.
struct RowTiles {
  Size count, size, larger;  ///< The first `larger` tiles have size + 1 rows.

  explicit RowTiles(Size rows, Size members = 1)
      : count(smaller(divided_up(rows, tile_rows * members) * members, rows)),
        size(count == 0 ? 0 : rows / count),
        larger(rows - count * size) {}
  Size first(Size tile) const { return tile * size + smaller(tile, larger); }
  Size rows(Size tile) const { return size + (tile < larger ? 1 : 0); }
};

/// Tiles [begin, end) of A, packed; a tile of Columns begins at first(tile) * steps + tile * lanes, one of PackedRows
/// at its row.
void pack_a(const Product& p, const RowTiles& split, Size begin, Size end, Size first_step, Size steps, float* to) {
  if (!p.a_transposed) {
    pack_rows_of_a(p, split.first(begin), split.first(end) - split.first(begin), first_step, steps, to);
    return;
  }
  const float* from = p.a + first_step * p.a_stride;
  for (Size k = 0; k < steps; ++k, from += p.a_stride) {
    float* panel = to;
    for (Size tile = begin; tile < end; ++tile) {
      const Size rows = split.rows(tile);
      const Size row = split.first(tile);
      __builtin_prefetch(from + row + steps_ahead * p.a_stride);
      // A whole vector: what reaches beyond the tile's rows is overwritten by the next step, or lies between panels.
      store(panel + k * rows, row + lanes <= p.rows ? load(from + row) : load(from + row, First(rows)));
      panel += rows * steps + lanes;
    }
  }
}

/// How the tiles get at A.
enum class Access {
  packed,         ///< Packed before, as PackedRows or Columns.
  direct_rows,    ///< Where it lies.
  direct_columns  ///< Where it lies.
};

/// The choice depends on shapes and strides alone; sums are the same, bit for bit.
MYNAH_INLINE Access access_to_a(const Product& p, Size steps) {
  if (p.a_transposed) {
    const bool direct = p.rows * steps <= direct_elements && (p.a_stride <= direct_stride || tile_rows < 14);
    return direct ? Access::direct_columns : Access::packed;
  }
  // At multiples of 2048 bytes the rows of a tile would take the same few places of the first-level cache.
  return p.a_stride % 512 != 0 || p.rows == 1 ? Access::direct_rows : Access::packed;
}

/// Everything of one block of steps and columns: B is ready, A is packed as needed.
struct Block {
  Size first_column, columns, first_step, steps;
  const float* b;
  Size b_stride;                      ///< Between steps,
  Size b_panel_stride;                ///< and between panels of tile_columns columns.
  const float* last_panel = nullptr;  ///< Packed, where B lies as it is and its last columns are no whole vectors.
  Finish finish;
};

/// The function for a tile of so many rows and vectors.
MYNAH_INLINE Tile tile_of(const Product& p, Access access, Size rows, Size vectors) {
  if (access == Access::direct_rows) return tiles<RowsInPlace>.of[rows - 1][vectors - 1];
  return p.a_transposed ? tiles<Columns>.of[rows - 1][vectors - 1] : tiles<PackedRows>.of[rows - 1][vectors - 1];
}

/// Tiles [begin, end) of rows.
void multiply_tiles(const Product& p, const RowTiles& split, const Block& block, Size begin, Size end, Access access,
                    const float* packed_a) {
  for (Size c = 0; c < block.columns; c += tile_columns) {
    const Size width = smaller(tile_columns, block.columns - c);
    const Size vectors = divided_up(width, lanes);
    const Size column = block.first_column + c;
    const bool apart = block.last_panel != nullptr && width % lanes != 0;
    for (Size tile = begin; tile < end; ++tile) {
      const Size rows = split.rows(tile), row = split.first(tile), packed_row = row - split.first(begin);
      TileArguments t;
      t.steps = block.steps;
      t.b = apart ? block.last_panel : block.b + c / tile_columns * block.b_panel_stride;
      t.b_stride = apart ? tile_columns : block.b_stride;
      t.c = p.c + row * p.c_stride + column;
      t.c_stride = p.c_stride;
      t.last_columns = width - (vectors - 1) * lanes;
      t.finish = block.finish;
      if (t.finish.bias != nullptr) t.finish.bias += column;
      if (t.finish.row_bias != nullptr) t.finish.row_bias += row;
      if (t.finish.gate != nullptr) t.finish.gate += row * t.finish.gate_stride + column;
      t.a_stride = p.a_stride;
      switch (access) {
        case Access::direct_rows:
          t.a = p.a + row * p.a_stride + block.first_step;
          break;
        case Access::direct_columns:
          t.a = p.a + block.first_step * p.a_stride + row;
          break;
        case Access::packed:
          t.a = packed_a +
                (p.a_transposed ? packed_row * block.steps + (tile - begin) * lanes : packed_row * packed_row_stride);
          t.a_stride = rows;
          break;
      }
      tile_of(p, access, rows, vectors)(t);
    }
  }
}

void multiply_row_tiles(const Product& p, const RowTiles& split, const Block& block, Size begin, Size end,
                        float* packed_a) {
  const Access access = access_to_a(p, block.steps);
  if (access == Access::packed) pack_a(p, split, begin, end, block.first_step, block.steps, packed_a);
  multiply_tiles(p, split, block, begin, end, access, packed_a);
}

/// Floats of packed A, for each member, and of packed B.
MYNAH_INLINE Size packed_a_floats(Size rows) {
  return smaller(divided_up(rows, tile_rows) + 1, block_row_tiles) * tile_rows * packed_row_stride;
}
MYNAH_INLINE Size packed_b_floats(Size columns, Size steps) {
  return smaller(steps, most_steps) * divided_up(smaller(columns, block_columns), tile_columns) * tile_columns;
}

/// Columns of C for each member, where it has columns of its own.
MYNAH_INLINE Size columns_of_member(Size columns, Size members) {
  return divided_up(divided_up(columns, tile_columns), members) * tile_columns;
}

/// Floats that multiply() needs as scratch: members that share packed B have two of them, so that the next one is
/// packed while others still read the last; members that do not share it have one each.
MYNAH_INLINE Size product_scratch(Size rows, Size columns, Size steps, Size members) {
  const Size shared = (members == 1 ? 1 : 2) * packed_b_floats(columns, steps);
  const Size own = members * packed_b_floats(columns_of_member(columns, members), steps);
  return members * packed_a_floats(rows) + (shared > own ? shared : own);
}

/// Where one member works.
struct ProductMemory {
  float* packed_a;
  float* packed_b;  ///< Two of them, `b_floats` apart, where members share it.
  Size b_floats;
};

/// C by all members of `team` together: each packs its share of B, and has its own tiles of rows.
void multiply_rows(const Product& p, const ProductMemory& memory, const Team& team) {
  const RowTiles split(p.rows, team.members);
  const Part own = part_of(split.count, team);
  // One tile of rows meets each element of B once.
  const bool direct_b = !p.b_transposed && (split.count == 1 || p.steps <= 32 || p.b_stride <= direct_stride);
  const Size block_steps = divided_up(p.steps, divided_up(p.steps, most_steps));
  Size number = 0;
  for (Size first = 0; first < p.columns; first += block_columns) {
    const Size columns = smaller(block_columns, p.columns - first);
    for (Size step = 0; step < p.steps; step += block_steps, ++number) {
      Block block;
      block.first_column = first;
      block.columns = columns;
      block.first_step = step;
      block.steps = smaller(block_steps, p.steps - step);
      float* const packed_b = memory.packed_b + (team.members > 1 ? number % 2 : 0) * memory.b_floats;
      if (direct_b) {
        block.b = p.b + step * p.b_stride + first;
        block.b_stride = p.b_stride;
        block.b_panel_stride = tile_columns;
        if (columns % lanes != 0) {
          const Size last = (columns - 1) / tile_columns * tile_columns;
          if (team.member == 0) pack_b(p, first + last, columns - last, step, block.steps, packed_b);
          meet(team);
          block.last_panel = packed_b;
        }
      } else {
        const Part mine = part_of(columns, tile_columns, team);
        pack_b(p, first + mine.begin, mine.end - mine.begin, step, block.steps, packed_b + mine.begin * block.steps);
        meet(team);
        block.b = packed_b;
        block.b_stride = tile_columns;
        block.b_panel_stride = tile_columns * block.steps;
      }
      block.finish = p.finish;
      block.finish.accumulate = p.finish.accumulate || step > 0;
      if (step + block_steps < p.steps) {  // The rest is done to whole sums.
        block.finish.bias = nullptr;
        block.finish.relu = false;
        block.finish.gate = nullptr;
      }
      for (Size tile = own.begin; tile < own.end; tile += block_row_tiles) {
        multiply_row_tiles(p, split, block, tile, smaller(tile + block_row_tiles, own.end), memory.packed_a);
      }
    }
  }
}

/// The columns of C that are this member's, without the others.
void multiply_columns(const Product& p, float* scratch, const Team& team) {
  const Part columns = part_of(p.columns, tile_columns, team);
  if (columns.begin >= columns.end) return;
  Product own = p;
  own.columns = columns.end - columns.begin;
  own.b += p.b_transposed ? columns.begin * p.b_stride : columns.begin;
  own.c += columns.begin;
  if (own.finish.bias != nullptr) own.finish.bias += columns.begin;
  if (own.finish.gate != nullptr) own.finish.gate += columns.begin;
  const Size a = packed_a_floats(p.rows);
  float* const memory =
      scratch + team.member * (a + packed_b_floats(columns_of_member(p.columns, team.members), p.steps));
  multiply_rows(own, {memory, memory + a, 0}, {});
}

/// A product is shared from so many multiplications on: about 7 microseconds of one processor, in which threads can
/// meet several times.
constexpr Size least_shared_product = 400000;

/// steps >= 1. Sums run over the steps in order, block by block, whoever computes them. Called by all members, who have
/// to meet before the next one uses the scratch again.
void multiply(const Product& p, float* scratch, const Team& team) {
  const bool shared = team.members > 1 && p.rows * p.columns * p.steps >= least_shared_product;
  if (!shared) {
    if (team.member == 0) multiply_rows(p, {scratch, scratch + packed_a_floats(p.rows), 0}, {});
    return;
  }
  const Size panels = divided_up(p.columns, tile_columns);
  if (p.rows < 2 * team.members * tile_rows && panels >= team.members) return multiply_columns(p, scratch, team);
  float* const packed_b = scratch + team.members * packed_a_floats(p.rows);
  multiply_rows(p, {scratch + team.member * packed_a_floats(p.rows), packed_b, packed_b_floats(p.columns, p.steps)},
                team);
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
