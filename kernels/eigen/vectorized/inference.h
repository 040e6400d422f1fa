#pragma once

#include "kernels/eigen/vectorized/vector.h"

/// A linear layer for a few rows, with weights that were laid out for it once. With so few rows every weight is used a
/// few times only: what counts is that weights are read in order, in whole vectors, and that enough sums are on the way
/// at a time (eight, for units that take four or five cycles and two products a cycle).
///
/// Wide layers lie in panels of 8, 4, 2 and 1 vectors of outputs, input by input: the inputs are broadcast, and a sum
/// belongs to one output. Narrow ones, of one vector of outputs at most, lie in vectors of inputs: a sum has to be
/// added up over its lanes at the end, but nothing is broadcast.
///
/// A row's sums do not depend on how many rows come with it.
namespace mynah::kernels::eigen::vectorized {
namespace {

constexpr int sums_at_a_time = 8;

MYNAH_INLINE bool is_narrow(Size inputs, Size outputs) {
  return outputs <= lanes && inputs >= lanes;
}

/// Sums of a narrow layer are computed for so many outputs, the ones that are not there being zero.
MYNAH_INLINE Size narrow_outputs(Size outputs) {
  Size count = 1;
  while (count < outputs) count *= 2;
  return count;
}

/// Vectors of outputs in the panel that begins when `left` of them are left.
MYNAH_INLINE Size panel_vectors(Size left) {
  return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/// The bias comes first, up to a whole vector.
Size inference_packed_size(Size inputs, Size outputs) {
  const Size padded = divided_up(outputs, lanes) * lanes;
  if (!is_narrow(inputs, outputs)) return padded + padded * inputs;
  return padded + narrow_outputs(outputs) * divided_up(inputs, lanes) * lanes;
}

void pack_inference(Size inputs, Size outputs, ConstRows w, const float* bias, float* packed) {
  const Size padded = divided_up(outputs, lanes) * lanes;
  for (Size o = 0; o < padded; ++o) *packed++ = bias != nullptr && o < outputs ? bias[o] : 0.0f;
  if (is_narrow(inputs, outputs)) {
    const Size count = narrow_outputs(outputs);
    for (Size k = 0; k < inputs; k += lanes) {
      for (Size o = 0; o < count; ++o, packed += lanes) {
        for (Size i = 0; i < lanes; ++i) {
          packed[i] = o < outputs && k + i < inputs ? w.data[o * w.stride + k + i] : 0.0f;
        }
      }
    }
    return;
  }
  for (Size first = 0; first < padded;) {
    const Size width = panel_vectors((padded - first) / lanes) * lanes;
    // Output by output, so that w is read in order.
    for (Size o = 0; o < width; ++o) {
      const float* row = w.data + (first + o) * w.stride;
      for (Size k = 0; k < inputs; ++k) packed[k * width + o] = first + o < outputs ? row[k] : 0.0f;
    }
    packed += inputs * width;
    first += width;
  }
}

/// Vectors [0, Vectors) of a panel of `Panel`, for `Count` rows; several sums for one output where there are few.
template <int Panel, int Count>
MYNAH_INLINE void multiply_panel(Size inputs, const float* w, const float* bias, ConstRows x, bool relu, Rows y) {
  constexpr int vectors = Panel / Count, shares = sums_at_a_time / Panel, width = Panel * lanes;
  for (int part = 0; part < Count; ++part) {
    const float* weights = w + part * vectors * lanes;
    Vec sums[shares][Count][vectors] = {};
    Size k = 0;
    for (; k + shares <= inputs; k += shares, weights += shares * width) {
#pragma GCC unroll 8
      for (int s = 0; s < shares; ++s) {
        Vec at[vectors];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) at[v] = load(weights + s * width + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < Count; ++r) {
          const Vec value = broadcast(x.data[r * x.stride + k + s]);
#pragma GCC unroll 8
          for (int v = 0; v < vectors; ++v) sums[s][r][v] += value * at[v];
        }
      }
    }
    for (; k < inputs; ++k, weights += width) {
#pragma GCC unroll 8
      for (int r = 0; r < Count; ++r) {
        const Vec value = broadcast(x.data[r * x.stride + k]);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sums[0][r][v] += value * load(weights + v * lanes);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Count; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
        Vec z = load(bias + (part * vectors + v) * lanes);
#pragma GCC unroll 8
        for (int s = 0; s < shares; ++s) z += sums[s][r][v];
        store(y.data + r * y.stride + (part * vectors + v) * lanes, relu ? rectified(z) : z);
      }
    }
  }
}

template <int Count>
struct RowCount {
  static constexpr int value = Count;
};

template <int Panel>
void multiply_panel_rows(Size inputs, const float* w, const float* bias, Size rows, ConstRows x, bool relu, Rows y) {
  Size done = 0;
  const auto step = [&](auto count) __attribute__((always_inline)) {
    constexpr int rows_at_a_time = decltype(count)::value;
    for (; done + rows_at_a_time <= rows; done += rows_at_a_time) {
      multiply_panel<Panel, rows_at_a_time>(inputs, w, bias, {x.data + done * x.stride, x.stride}, relu,
                                            {y.data + done * y.stride, y.stride});
    }
  };
  if constexpr (Panel >= 4) step(RowCount<4>{});
  if constexpr (Panel >= 2) step(RowCount<2>{});
  step(RowCount<1>{});
}

/// A narrow layer of `Outputs` outputs, for one row.
template <int Outputs>
MYNAH_INLINE void multiply_narrow(Size inputs, const float* w, const float* bias, const float* x, bool relu, float* y) {
  constexpr int shares = Outputs < sums_at_a_time ? sums_at_a_time / Outputs : 1;
  Vec sums[shares][Outputs] = {};
  Size k = 0;
  for (; k + shares * lanes <= inputs; k += shares * lanes, w += shares * Outputs * lanes) {
#pragma GCC unroll 8
    for (int s = 0; s < shares; ++s) {
      const Vec value = load(x + k + s * lanes);
#pragma GCC unroll 16
      for (int o = 0; o < Outputs; ++o) sums[s][o] += value * load(w + (s * Outputs + o) * lanes);
    }
  }
  for (; k < inputs; k += lanes, w += Outputs * lanes) {
    // Behind the last input x is zero.
    const Vec value = load(x + k);
#pragma GCC unroll 16
    for (int o = 0; o < Outputs; ++o) sums[0][o] += value * load(w + o * lanes);
  }
  Vec all[lanes] = {};
#pragma GCC unroll 16
  for (int o = 0; o < Outputs; ++o) {
    all[o] = sums[0][o];
#pragma GCC unroll 8
    for (int s = 1; s < shares; ++s) all[o] += sums[s][o];
  }
  const Vec z = sums_of_lanes(all) + load(bias);
  store(y, relu ? rectified(z) : z);
}

template <int Outputs = 1>
void multiply_narrow_rows(Size inputs, Size outputs, const float* w, const float* bias, Size rows, ConstRows x,
                          bool relu, Rows y) {
  if constexpr (Outputs < lanes) {
    if (outputs > Outputs) {
      return multiply_narrow_rows<2 * Outputs>(inputs, outputs, w, bias, rows, x, relu, y);
    }
  }
  for (Size r = 0; r < rows; ++r) {
    multiply_narrow<Outputs>(inputs, w, bias, x.data + r * x.stride, relu, y.data + r * y.stride);
  }
}

void infer_linear(Size inputs, Size outputs, const float* packed, Size rows, ConstRows x, bool relu, Rows y) {
  const Size vectors = divided_up(outputs, lanes);
  const float* bias = packed;
  packed += vectors * lanes;
  if (is_narrow(inputs, outputs)) {
    multiply_narrow_rows(inputs, outputs, packed, bias, rows, x, relu, y);
    return;
  }
  for (Size first = 0; first < vectors;) {
    const Size panel = panel_vectors(vectors - first);
    const Rows to{y.data + first * lanes, y.stride};
    const float* panel_bias = bias + first * lanes;
    switch (panel) {
      case 8:
        multiply_panel_rows<8>(inputs, packed, panel_bias, rows, x, relu, to);
        break;
      case 4:
        multiply_panel_rows<4>(inputs, packed, panel_bias, rows, x, relu, to);
        break;
      case 2:
        multiply_panel_rows<2>(inputs, packed, panel_bias, rows, x, relu, to);
        break;
      default:
        multiply_panel_rows<1>(inputs, packed, panel_bias, rows, x, relu, to);
    }
    packed += inputs * panel * lanes;
    first += panel;
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
