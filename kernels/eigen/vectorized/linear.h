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

/// The last columns of dw, where they are few, are computed as rows of dwᵀ (see add_weight_gradient).
Size turned_columns(const LinearSizes& s) {
  const Size tail = s.inputs % lanes;
  const Size turned = tail * divided_up(s.outputs, lanes) * s.rows + 3 * tail * s.outputs;
  return tail > 0 && turned < s.outputs * s.rows ? tail : 0;
}

/// Dot products overwrite.
bool takes_dots(const LinearSizes& s, bool add) {
  return !add && (s.inputs == 0 || prefers_dots(s));
}

Size linear_forward_scratch(const LinearSizes& s, bool add) {
  return s.inputs == 0 || takes_dots(s, add) ? 0 : product_scratch(s.rows, s.outputs, s.inputs);
}

Size linear_backward_scratch(const LinearSizes& s) {
  const Size input = product_scratch(s.rows, s.inputs, s.outputs);
  const Size weight = product_scratch(s.outputs, s.inputs, s.rows);
  const Size tail = turned_columns(s);
  const Size turned = tail * divided_up(s.outputs, lanes) * lanes + product_scratch(tail, s.outputs, s.rows);
  const Size other = weight > turned ? weight : turned;
  return input > other ? input : other;
}

void linear_forward(const LinearSizes& s, ConstRows x, ConstRows w, const float* b, bool add, bool relu, Rows y,
                    float* scratch) {
  if (add && s.inputs == 0) {
    for (Size m = 0; b != nullptr && m < s.rows; ++m) {
      for (Size o = 0; o < s.outputs; ++o) y.data[m * y.stride + o] += b[o];
    }
    return;
  }
  if (takes_dots(s, add)) {
    multiply_by_dots(s.rows, s.outputs, {s.inputs, x.data, x.stride, w.data, w.stride, b, relu, y.data, y.stride});
    return;
  }
  multiply(
      {s.rows, s.outputs, s.inputs, x.data, x.stride, false, w.data, w.stride, true, y.data, y.stride, {add, b, relu}},
      scratch);
}

/// dw += dyᵀ x. A last vector of few columns wastes most of its lanes; those columns are computed as rows of
/// dwᵀ = xᵀ dy instead, along the outputs, and added where they belong.
void add_weight_gradient(const LinearSizes& s, ConstRows x, ConstRows dy, Rows dw, float* scratch) {
  const Size tail = turned_columns(s);
  const Size columns = s.inputs - tail;
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
              {true, nullptr, false}},
             scratch);
  }
  if (tail == 0) return;
  const Size stride = divided_up(s.outputs, lanes) * lanes;
  multiply({tail,
            s.outputs,
            s.rows,
            x.data + columns,
            x.stride,
            true,
            dy.data,
            dy.stride,
            false,
            scratch,
            stride,
            {false, nullptr, false}},
           scratch + tail * stride);
  for (Size o = 0; o < s.outputs; ++o) {
    for (Size i = 0; i < tail; ++i) dw.data[o * dw.stride + columns + i] += scratch[i * stride + o];
  }
}

/// db += Σ over rows of dy, `lanes` columns at a time.
void add_bias_gradient(const LinearSizes& s, ConstRows dy, float* db) {
  constexpr int width = 4;
  Size o = 0;
  for (; o + width * lanes <= s.outputs; o += width * lanes) {
    Vec sum[width] = {};
    for (Size m = 0; m < s.rows; ++m) {
      for (int v = 0; v < width; ++v) sum[v] += load(dy.data + m * dy.stride + o + v * lanes);
    }
    for (int v = 0; v < width; ++v) store(db + o + v * lanes, load(db + o + v * lanes) + sum[v]);
  }
  for (; o < s.outputs; o += lanes) {
    const First some(smaller(lanes, s.outputs - o));
    Vec even = {}, odd = {};
    Size m = 0;
    for (; m + 1 < s.rows; m += 2) {
      even += load(dy.data + m * dy.stride + o, some);
      odd += load(dy.data + (m + 1) * dy.stride + o, some);
    }
    if (m < s.rows) even += load(dy.data + m * dy.stride + o, some);
    store(db + o, load(db + o, some) + (even + odd), some);
  }
}

void linear_backward(const LinearSizes& s, ConstRows x, ConstRows w, ConstRows dy, Rows dx, bool add, Rows dw,
                     float* db, float* scratch) {
  const DenormalsAreZeros scope;
  if (dx.data != nullptr && s.inputs > 0) {
    if (s.outputs == 0 && add) {
      // nothing to add
    } else if (s.outputs == 0) {
      for (Size m = 0; m < s.rows; ++m) {
        for (Size i = 0; i < s.inputs; ++i) dx.data[m * dx.stride + i] = 0.0f;
      }
    } else {
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
                {add, nullptr, false}},
               scratch);
    }
  }
  if (dw.data != nullptr && s.outputs > 0 && s.inputs > 0) add_weight_gradient(s, x, dy, dw, scratch);
  if (db != nullptr) add_bias_gradient(s, dy, db);
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
