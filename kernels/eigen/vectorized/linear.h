#pragma once

#include "kernels/eigen/vectorized/dot_products.h"
#include "kernels/eigen/vectorized/operations.h"
#include "kernels/eigen/vectorized/product.h"

/// The three products of a linear layer, each by the way that suits its shape. The choice depends on the shape alone.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// Whether x wᵀ is faster by dot products than by packing w: estimates in tenths of a cycle, from measurements.
bool prefers_dots(const LinearSizes& s) {
  const Size input_vectors = divided_up(s.inputs, lanes), output_vectors = divided_up(s.outputs, lanes);
  const bool w_streams = s.rows > 2 && s.outputs * s.inputs > 8192;
  const Size dots = s.rows * s.outputs * (input_vectors * (w_streams ? 12 : 6) + 30);
  const Size packing = output_vectors * input_vectors * 50 * lanes;
  return dots < packing + s.rows * s.inputs * output_vectors * 6;
}

/// The last columns of dw, where they are few, are computed as rows of dwᵀ; where all are few, all of them are, which
/// saves packing dy by columns (see linear_weight_gradient).
Size turned_columns(const LinearSizes& s) {
  if (s.inputs <= 2 * tile_rows && s.outputs >= 4 * tile_columns) return s.inputs;
  const Size tail = s.inputs % lanes;
  const Size turned = tail * divided_up(s.outputs, lanes) * s.rows + 3 * tail * s.outputs;
  // By a fifth at least: what is left may then end in a tile of one vector.
  return tail > 0 && 5 * turned < 4 * s.outputs * s.rows ? tail : 0;
}

/// So many columns of dy are summed at a time for db.
constexpr Size bias_block = 4 * lanes;

/// Dot products overwrite.
bool takes_dots(const LinearSizes& s, bool add) {
  return !add && (s.inputs == 0 || prefers_dots(s));
}

Size linear_forward_scratch(const LinearSizes& s, bool add, Size members) {
  return s.inputs == 0 || takes_dots(s, add) ? 0 : product_scratch(s.rows, s.outputs, s.inputs, members);
}

/// dwᵀ of the turned columns lies before the scratch of the products.
Size turned_floats(const LinearSizes& s) {
  return turned_columns(s) * divided_up(s.outputs, lanes) * lanes;
}

Size linear_backward_scratch(const LinearSizes& s, Size members) {
  const Size input = product_scratch(s.rows, s.inputs, s.outputs, members);
  const Size weight = product_scratch(s.outputs, s.inputs, s.rows, members);
  const Size turned = product_scratch(turned_columns(s), s.outputs, s.rows, members);
  const Size other = turned_floats(s) + (weight > turned ? weight : turned);
  return input > other ? input : other;
}

/// Rows of y that are this member's, `lanes` at a time: single rows are summed in another order.
void multiply_shared_dots(const LinearSizes& s, const DotArguments& all, const Team& team) {
  if (s.rows < team.members * 2 * lanes || s.rows * s.inputs * s.outputs < least_shared_product) {
    if (team.member == 0) multiply_by_dots(s.rows, s.outputs, all);
    return;
  }
  Part own = part_of(s.rows / lanes, team);
  own = {own.begin * lanes, team.member + 1 == team.members ? s.rows : own.end * lanes};
  DotArguments t = all;
  t.x += own.begin * t.x_stride;
  t.y += own.begin * t.y_stride;
  multiply_by_dots(own.end - own.begin, s.outputs, t);
}

void linear_forward(const LinearSizes& s, ConstRows x, ConstRows w, const float* b, bool add, bool relu, Rows y,
                    float* scratch, const Team& team) {
  if (add && s.inputs == 0) {
    if (team.member != 0) return;
    for (Size m = 0; b != nullptr && m < s.rows; ++m) {
      for (Size o = 0; o < s.outputs; ++o) y.data[m * y.stride + o] += b[o];
    }
    return;
  }
  if (takes_dots(s, add)) {
    multiply_shared_dots(s, {s.inputs, x.data, x.stride, w.data, w.stride, b, relu, y.data, y.stride}, team);
    return;
  }
  multiply(
      {s.rows, s.outputs, s.inputs, x.data, x.stride, false, w.data, w.stride, true, y.data, y.stride, {add, b, relu}},
      scratch, team);
}

/// dx = dy w, where gate is above 0 or is not given; 0 elsewhere.
void linear_input_gradient(const LinearSizes& s, ConstRows w, ConstRows dy, ConstRows gate, Rows dx, bool add,
                           float* scratch, const Team& team) {
  const DenormalsAreZeros scope;
  if (s.inputs == 0) return;
  if (s.outputs > 0) {
    multiply({s.rows,
              s.inputs,
              s.outputs,
              dy.data,
              dy.stride,
              false,
              w.data,
              w.stride,
              false,
              dx.data,
              dx.stride,
              {add, nullptr, false, nullptr, gate.data, gate.stride}},
             scratch, team);
  } else if (!add && team.member == 0) {
    for (Size m = 0; m < s.rows; ++m) {
      for (Size i = 0; i < s.inputs; ++i) dx.data[m * dx.stride + i] = 0.0f;
    }
  }
}

/// The last columns of dw, as rows of dwᵀ = xᵀ dy, and put where they belong: outputs of this member's.
void multiply_turned_columns(const LinearSizes& s, ConstRows x, ConstRows dy, Rows dw, bool add, float* turned,
                             float* scratch, const Team& team) {
  const Size tail = turned_columns(s), columns = s.inputs - tail;
  const Size stride = divided_up(s.outputs, lanes) * lanes;
  const Part own = part_of(s.outputs, tile_columns, team);
  const Size outputs = own.end - own.begin;
  if (outputs == 0) return;
  const Size a = packed_a_floats(tail);
  float* const memory =
      scratch + team.member * (a + packed_b_floats(columns_of_member(s.outputs, team.members), s.rows));
  multiply_rows({tail,
                 outputs,
                 s.rows,
                 x.data + columns,
                 x.stride,
                 true,
                 dy.data + own.begin,
                 dy.stride,
                 false,
                 turned + own.begin,
                 stride,
                 {false, nullptr, false}},
                {memory, memory + a, 0}, {});
  for (Size o = own.begin; o < own.end; ++o) {
    float* const row = dw.data + o * dw.stride + columns;
    for (Size i = 0; i < tail; ++i) row[i] = (add ? row[i] : 0.0f) + turned[i * stride + o];
  }
}

/// db = Σ over rows of dy, or added to db, for outputs [begin, end), `lanes` columns at a time.
void sum_bias_gradient(Size rows, Part outputs, ConstRows dy, float* db, bool add) {
  constexpr int width = bias_block / lanes;
  Size o = outputs.begin;
  for (; o + width * lanes <= outputs.end; o += width * lanes) {
    Vec sum[width] = {};
    for (Size m = 0; m < rows; ++m) {
      for (int v = 0; v < width; ++v) sum[v] += load(dy.data + m * dy.stride + o + v * lanes);
    }
    for (int v = 0; v < width; ++v) {
      float* const to = db + o + v * lanes;
      store(to, add ? load(to) + sum[v] : sum[v]);
    }
  }
  for (; o < outputs.end; o += lanes) {
    const First some(smaller(lanes, outputs.end - o));
    Vec even = {}, odd = {};
    Size m = 0;
    for (; m + 1 < rows; m += 2) {
      even += load(dy.data + m * dy.stride + o, some);
      odd += load(dy.data + (m + 1) * dy.stride + o, some);
    }
    if (m < rows) even += load(dy.data + m * dy.stride + o, some);
    store(db + o, (add ? load(db + o, some) : Vec{}) + (even + odd), some);
  }
}

/// dw = dyᵀ x, db = Σ dy, or added to what they hold. A last vector of few columns wastes most of its lanes; those
/// columns of dw are computed as rows of dwᵀ instead, along the outputs.
void linear_weight_gradient(const LinearSizes& s, ConstRows x, ConstRows dy, Rows dw, float* db, bool add,
                            float* scratch, const Team& team) {
  const DenormalsAreZeros scope;
  const bool shared = s.rows * s.inputs * s.outputs >= least_shared_product;
  if (team.members > 1 && !shared) {
    if (team.member == 0) linear_weight_gradient(s, x, dy, dw, db, add, scratch, {});
    return;
  }
  if (db != nullptr) sum_bias_gradient(s.rows, part_of(s.outputs, bias_block, team), dy, db, add);
  if (dw.data == nullptr || s.outputs == 0 || s.inputs == 0) return;
  const Size tail = turned_columns(s), columns = s.inputs - tail;
  float* const turned = scratch;
  float* const memory = scratch + turned_floats(s);
  if (columns > 0) {
    multiply({s.outputs,
              columns,
              s.rows,
              dy.data,
              dy.stride,
              true,
              x.data,
              x.stride,
              false,
              dw.data,
              dw.stride,
              {add, nullptr, false}},
             memory, team);
  }
  if (tail == 0) return;
  if (columns > 0) meet(team);
  multiply_turned_columns(s, x, dy, dw, add, turned, memory, team);
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
