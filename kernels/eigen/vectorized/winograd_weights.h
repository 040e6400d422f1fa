#pragma once

#include "kernels/eigen/vectorized/winograd_layout.h"

/// Between weights and the points of their kernels.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// Strides that have phases worth their while, and the taps of a kernel then: three on each axis of a phase at most.
constexpr Size most_stride = 2;
constexpr Size most_taps = 9 * most_stride * most_stride;

/// The taps of one kernel for each lane.
struct KernelVectors {
  Vec taps[most_taps + lanes];

  /// Lane i: from + i * stride; those behind `count`: 0.
  MYNAH_INLINE void load_lanes(const float* from, Size stride, Size count, Size kernel_taps) {
    for (Size t = 0; t < kernel_taps; t += lanes) {
      const First some(smaller(lanes, kernel_taps - t));
      Vec square[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) square[i] = i < count ? load(from + i * stride + t, some) : Vec{};
      transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) taps[t + i] = square[i];
    }
  }
  MYNAH_INLINE void add_lanes(float* to, Size stride, Size count, Size kernel_taps) {
    for (Size t = 0; t < kernel_taps; t += lanes) {
      const First some(smaller(lanes, kernel_taps - t));
      Vec square[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) square[i] = taps[t + i];
      transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        if (i < count) put(to + i * stride + t, square[i], true, some);
      }
    }
  }
};

/// The taps of one phase of a kernel.
struct PhaseTaps {
  Size kernel_height, kernel_width, stride_height, stride_width, first_row, first_column;

  PhaseTaps(const ConvolutionSizes& s, Size phase)
      : kernel_height(s.kernel_height),
        kernel_width(s.kernel_width),
        stride_height(s.stride_height),
        stride_width(s.stride_width),
        first_row(phase / s.stride_width),
        first_column(phase % s.stride_width) {}
  /// The number of tap (u, v) of the phase, or -1 where the kernel has none.
  MYNAH_INLINE Size tap(Size u, Size v) const {
    const Size row = u * stride_height + first_row, column = v * stride_width + first_column;
    return row < kernel_height && column < kernel_width ? row * kernel_width + column : -1;
  }
};

/// G of a whole tiling.
struct TapAxes {
  TapPoints down, across;
  explicit TapAxes(const Tiling& t)
      : down{t.down.most_points(), t.down.taps}, across{t.across.most_points(), t.across.taps} {}
};

/// For each point a matrix [steps, columns] in packed panels of columns (see panel_stride), for each block of steps.
struct PointPanels {
  float* data;
  Size block, panel, block_size, point_size;

  PointPanels(const Side& from, const Side& to, Parts& parts)
      : data(nullptr),
        block(from.steps()),
        panel(panel_stride(block)),
        block_size(panels_size(to.row_size(), block)),
        point_size(divided_up(from.row_size(), block) * block_size + 16) {
    data = parts.floats(all_points * point_size);
  }
  float* at(Size point, Size step, Size column) const {
    return data + point * point_size + step / block * block_size + column / tile_columns * panel +
           step % block * tile_columns + column % tile_columns;
  }
};

/// (G g Gᵀ)(point, step, column) of one group: steps are the channels (and phases) of `from`, columns those of `to`,
/// whose weights are from_stride and to_stride apart.
void weights_to_points(const ConvolutionSizes& s, const Tiling& t, const float* w, const Side& from, Size from_stride,
                       const Side& to, Size to_stride, const PointPanels& panels) {
  const TapAxes axes(t);
  const Size taps = s.kernel_height * s.kernel_width, phases = s.stride_height * s.stride_width;
  KernelVectors kernels;
  for (Size group = 0; group < to.groups(); ++group) {
    for (Size c = 0; c < from.groups() * lanes; ++c) {
      kernels.load_lanes(w + group * lanes * to_stride + c * from_stride, to_stride,
                         c < from.channels ? to.channels_of(group) : 0, taps);
      for (Size phase = 0; phase < phases; ++phase) {
        const PhaseTaps of(s, phase);
        const Size step = from.place(c / lanes, phase % from.phases()) + c % lanes;
        float* put = panels.at(0, step, to.place(group, phase % to.phases()));
        map_tile(
            axes.down, axes.across,
            [&](Size u, Size v) __attribute__((always_inline)) {
              const Size tap = of.tap(u, v);
              return tap < 0 ? Vec{} : kernels.taps[tap];
            },
            [&](Size p, int q, Vec value)
                __attribute__((always_inline)) { store(put + (p * large_points + q) * panels.point_size, value); });
      }
    }
  }
}

/// dw += Gᵀ sums G, of one group; sums: [outputs, channels and phases of the input] of each point.
void points_to_weights(const ConvolutionSizes& s, const Tiling& t, const Side& in, const PointRows& sums, Rows dw) {
  const FromPoints<TapPoints> down{TapAxes(t).down}, across{TapAxes(t).across};
  const Size taps = s.kernel_height * s.kernel_width;
  KernelVectors kernels;
  for (Size o = 0; o < s.outputs; ++o) {
    for (Size group = 0; group < in.groups(); ++group) {
      for (Size phase = 0; phase < in.phases(); ++phase) {
        const PhaseTaps of(s, phase);
        const Size place = in.place(group, phase);
        map_tile(
            down, across,
            [&](Size p, Size q)
                __attribute__((always_inline)) { return load(sums.at(p * large_points + q, o, place)); },
            [&](Size u, int v, Vec value) __attribute__((always_inline)) {
              const Size tap = of.tap(u, v);
              if (tap >= 0) kernels.taps[tap] = value;
            });
      }
      kernels.add_lanes(dw.data + o * dw.stride + group * lanes * taps, taps, in.channels_of(group), taps);
    }
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
