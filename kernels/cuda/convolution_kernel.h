#pragma once

#include "kernels/convolution.h"
#include "kernels/cuda/linear_kernel.h"

namespace mynah::kernels::cuda {

/// Convolutions as products of tiles in shared memory (an "implicit GEMM", Chetlur et al., "cuDNN: efficient primitives
/// for deep learning", 2014): the matrix of what each tap of the kernel meets at each place is never stored, its
/// elements are gathered on their way into shared memory, by the blocks and loaders of tile.h.
///
/// Positions are counted in 32 bits, since they are taken apart by divisions.

/// One axis of a map from one image to another that gathers: place j of what is written takes, by tap t, place
/// scale j + base + step t of what is read.
///
/// A convolution reads `in` with scale = stride and step = dilation. Its transpose reads `out`; of its places those
/// with one remainder r of (place + padding) / stride meet the same taps, u dilation = r (mod stride), so each
/// remainder is a convolution of its own, with every (stride)th place written, scale 1 and no product with a zero.
struct GatherAxis {
  int scale, base, step;
  int taps, first_tap, tap_step;        ///< tap t is row (column) first_tap + t tap_step of the kernel
  int places, first_place, place_step;  ///< place j is place first_place + j place_step of the image written
  int source;                           ///< extent of the image read
};

struct ConvolutionAxis {
  int in, out, kernel, stride, padding, dilation;
};

__device__ __forceinline__ GatherAxis forward_axis(const ConvolutionAxis& axis) {
  return {axis.stride, -axis.padding, axis.dilation, axis.kernel, 0, 1, axis.out, 0, 1, axis.in};
}

/// `phase` is the remainder. With h = first_place + j stride and u = first_tap + t tap_step,
/// (h + padding - u dilation) / stride = j + base + step t, without a rest.
__device__ __forceinline__ GatherAxis transposed_axis(const ConvolutionAxis& axis, int phase) {
  GatherAxis gather{1, 0, 0, 0, 0, 1, 0, 0, axis.stride, axis.out};
  gather.first_place = (phase - axis.padding % axis.stride + axis.stride) % axis.stride;
  gather.places = gather.first_place < axis.in ? (axis.in - 1 - gather.first_place) / axis.stride + 1 : 0;
  for (int u = 0; u < axis.kernel; ++u) {
    if (u * axis.dilation % axis.stride != phase) continue;
    if (gather.taps == 0) gather.first_tap = u;
    if (gather.taps == 1) gather.tap_step = u - gather.first_tap;
    ++gather.taps;
  }
  gather.base = (gather.first_place + axis.padding - gather.first_tap * axis.dilation) / axis.stride;
  gather.step = -(gather.tap_step * axis.dilation / axis.stride);
  return gather;
}

__device__ __forceinline__ GatherAxis gather_axis(bool transposed, const ConvolutionAxis& axis, int phase) {
  return transposed ? transposed_axis(axis, phase) : forward_axis(axis);
}

/// Position `number` of an array [count, height, width].
struct Position3 {
  int outer, row, column;
};
__device__ __forceinline__ Position3 position_of(int number, int height, int width) {
  const int line = number / width;
  return {line / height, line % height, number % width};
}
__device__ __forceinline__ void advance(Position3& position, int height, int width) {
  if (++position.column < width) return;
  position.column = 0;
  if (++position.row < height) return;
  position.row = 0;
  ++position.outer;
}

/// Images of one group: element (image, channel, h, v) is data[image * stride + (channel * height + h) * width + v].
struct Images {
  const float* data;
  Index stride;
};

struct ConvolutionArguments {
  ConvolutionAxis vertical, horizontal;
  int images;
  int source_channels, target_channels;  ///< of a group, of what is read and of what is written
  int source_columns, target_columns;    ///< of a group: channels, height and width together
  bool transposed;
  Images source;
  const float* weights;
  Index group_weights;                   ///< between groups
  Index target_weights, source_weights;  ///< between channels of what is written, and of what is read
  float* target;
  Index target_stride;
  bool add;
  const float* bias;  ///< may be null
  Activation activation;
  float* before;  ///< may be null
  Index before_stride;
  int tiles_n;
};

/// Weights [target channel, (source channel, tap)] of one group.
struct WeightLoader {
  static constexpr bool along_k = true;
  const ConvolutionArguments& arguments;
  const GatherAxis &vertical, &horizontal;
  const float* weights;

  __device__ __forceinline__ Pack<4> four(Index e, int k, int end_k) const {
    Pack<4> held{{0.0f, 0.0f, 0.0f, 0.0f}};
    if (e >= arguments.target_channels || k >= end_k) return held;
    const float* row = weights + e * arguments.target_weights;
    Position3 tap = position_of(k, vertical.taps, horizontal.taps);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (k + i >= end_k) continue;
      const int u = vertical.first_tap + tap.row * vertical.tap_step;
      const int v = horizontal.first_tap + tap.column * horizontal.tap_step;
      held.value[i] = row[tap.outer * arguments.source_weights + u * arguments.horizontal.kernel + v];
      advance(tap, vertical.taps, horizontal.taps);
    }
    return held;
  }
};

/// A place of the image written, as the loader of what is read needs it.
struct __align__(16) Place {
  int image;        ///< Its number; -1: no such place.
  int row, column;  ///< Of the image read, what tap 0 meets there.
};

__device__ __forceinline__ Place place_at(const GatherAxis& vertical, const GatherAxis& horizontal, int number, int n) {
  if (number >= n) return {-1, 0, 0};
  const Position3 at = position_of(number, vertical.places, horizontal.places);
  return {at.outer, vertical.scale * at.row + vertical.base, horizontal.scale * at.column + horizontal.base};
}

/// What each tap meets, [(source channel, tap), place]. Places are taken apart once for all k; they lie in shared
/// memory, since a large tile leaves no registers for them. Neighbouring threads have neighbouring places, which
/// neighbour each other in the image.
struct PlaceLoader {
  static constexpr bool along_k = false;
  const GatherAxis &vertical, &horizontal;
  const Images& source;
  const Place* places;  ///< Of the tile,
  int first;            ///< which begins with this one.

  __device__ __forceinline__ Pack<4> four(Index e, int k, int end_k) const {
    Pack<4> held{{0.0f, 0.0f, 0.0f, 0.0f}};
    if (k >= end_k) return held;
    const Position3 tap = position_of(k, vertical.taps, horizontal.taps);
    const int down = vertical.step * tap.row, across = horizontal.step * tap.column;
    const Place* four = places + (static_cast<int>(e) - first);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const Place place = four[i];
      const int row = place.row + down, column = place.column + across;
      if (place.image < 0 || row < 0 || row >= vertical.source || column < 0 || column >= horizontal.source) continue;
      held.value[i] = source.data[place.image * source.stride +
                                  (Index{tap.outer} * vertical.source + row) * horizontal.source + column];
    }
    return held;
  }
};

/// The end of an element's way: bias, activation, what was there before.
__device__ __forceinline__ void write_place(const ConvolutionArguments& arguments, int image, Index channel,
                                            Index element, float value) {
  float* to = arguments.target + image * arguments.target_stride + element;
  if (arguments.bias != nullptr) value += arguments.bias[channel];
  if (arguments.before != nullptr) arguments.before[image * arguments.before_stride + element] = value;
  value = activated(arguments.activation, value);
  *to = arguments.add ? *to + value : value;
}

/// A convolution, or one phase (blockIdx.z) of a transposed one, of one group (blockIdx.y): the block computes one tile
/// of [target channel, (image, place)] = weights [target channel, k] times what k, a source channel and a tap, meets.
template <class Block>
__global__ void __launch_bounds__(Block::threads, 2) convolution_kernel(ConvolutionArguments arguments) {
  const int group = static_cast<int>(blockIdx.y), phase = static_cast<int>(blockIdx.z);
  __shared__ GatherAxis vertical, horizontal;  // rather than in every thread's registers
  if (threadIdx.x == 0) {
    vertical = gather_axis(arguments.transposed, arguments.vertical, phase / arguments.horizontal.stride);
    horizontal = gather_axis(arguments.transposed, arguments.horizontal, phase % arguments.horizontal.stride);
  }
  __syncthreads();
  const int n = arguments.images * vertical.places * horizontal.places;
  const int depth = arguments.source_channels * vertical.taps * horizontal.taps;
  const int first_m = static_cast<int>(blockIdx.x) / arguments.tiles_n * Block::tile_m;
  const int first_n = static_cast<int>(blockIdx.x) % arguments.tiles_n * Block::tile_n;
  if (first_n >= n) return;  // the whole block: phases differ by a row or column of places
  __shared__ Place places[Block::tile_n];
  for (int i = static_cast<int>(threadIdx.x); i < Block::tile_n; i += Block::threads) {
    places[i] = place_at(vertical, horizontal, first_n + i, n);
  }
  __syncthreads();
  Images source = arguments.source;
  source.data += Index{group} * arguments.source_columns;
  Block block;
  block.template multiply<false>(
      WeightLoader{arguments, vertical, horizontal, arguments.weights + group * arguments.group_weights},
      PlaceLoader{vertical, horizontal, source, places, first_n}, TileRange{first_m, first_n, 0, depth});
  const int height = arguments.transposed ? arguments.vertical.in : arguments.vertical.out;
  const int width = arguments.transposed ? arguments.horizontal.in : arguments.horizontal.out;
  // Neighbours in a tile are neighbours in memory, or one stride apart.
  block.write([&]<int count>(int of_m, int of_n, const Pack<count>& pack) {
    const int m = first_m + of_m, first_place = first_n + of_n;
    if (m >= arguments.target_channels) return;
    const Index channel = Index{group} * arguments.target_channels + m;
    Position3 at = position_of(first_place, vertical.places, horizontal.places);
#pragma unroll
    for (int i = 0; i < count; ++i) {
      if (first_place + i >= n) return;
      const int row = vertical.first_place + at.row * vertical.place_step;
      const int column = horizontal.first_place + at.column * horizontal.place_step;
      write_place(arguments, at.outer, channel, (channel * height + row) * width + column, pack.value[i]);
      advance(at, vertical.places, horizontal.places);
    }
  });
}

inline dim3 grid_of(Index tiles, Index groups, Index copies) {
  return {static_cast<unsigned>(tiles), static_cast<unsigned>(groups), static_cast<unsigned>(copies)};
}

struct WeightGradientArguments {
  ConvolutionAxis vertical, horizontal;
  int images;
  int inputs, outputs;    ///< channels of a group
  int in_columns;         ///< of a group
  Images x, dy;           ///< of the first group
  int depth, part_depth;  ///< images times positions, and how many of them a part takes
  int tiles_n;
  LinearTarget target;  ///< [outputs of all groups, inputs times taps], added to
  float* partial;       ///< [parts, outputs of all groups, inputs times taps]; null where there is one part
  int groups;
};

/// dy [output, (image, position)] of one group.
struct GradientLoader {
  static constexpr bool along_k = true;
  const WeightGradientArguments& arguments;
  int group;

  __device__ __forceinline__ Pack<4> four(Index e, int k, int end_k) const {
    Pack<4> held{{0.0f, 0.0f, 0.0f, 0.0f}};
    if (e >= arguments.outputs || k >= end_k) return held;
    const int height = arguments.vertical.out, width = arguments.horizontal.out;
    const float* channel = arguments.dy.data + (Index{group} * arguments.outputs + e) * (height * width);
    Position3 at = position_of(k, height, width);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (k + i < end_k) held.value[i] = channel[at.outer * arguments.dy.stride + at.row * width + at.column];
      advance(at, height, width);
    }
    return held;
  }
};

/// What taps meet, [(input, tap), (image, position)], of one group.
struct TapLoader {
  static constexpr bool along_k = true;
  const WeightGradientArguments& arguments;
  int group;

  __device__ __forceinline__ Pack<4> four(Index e, int k, int end_k) const {
    Pack<4> held{{0.0f, 0.0f, 0.0f, 0.0f}};
    const ConvolutionAxis &vertical = arguments.vertical, &horizontal = arguments.horizontal;
    const Position3 tap = position_of(static_cast<int>(e), vertical.kernel, horizontal.kernel);
    if (tap.outer >= arguments.inputs || k >= end_k) return held;
    const int down = tap.row * vertical.dilation - vertical.padding;
    const int across = tap.column * horizontal.dilation - horizontal.padding;
    const float* x = arguments.x.data + Index{group} * arguments.in_columns;
    Position3 at = position_of(k, vertical.out, horizontal.out);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int h = at.row * vertical.stride + down, v = at.column * horizontal.stride + across;
      if (k + i < end_k && h >= 0 && h < vertical.in && v >= 0 && v < horizontal.in) {
        held.value[i] = x[at.outer * arguments.x.stride + (Index{tap.outer} * vertical.in + h) * horizontal.in + v];
      }
      advance(at, vertical.out, horizontal.out);
    }
    return held;
  }
};

/// dw [output, (input, tap)] of one group (blockIdx.y), or one part of its sum (blockIdx.z).
template <class Block>
__global__ void __launch_bounds__(Block::threads, 2)
    convolution_weight_gradient_kernel(WeightGradientArguments arguments) {
  const int group = static_cast<int>(blockIdx.y);
  const int first_m = static_cast<int>(blockIdx.x) / arguments.tiles_n * Block::tile_m;
  const int first_n = static_cast<int>(blockIdx.x) % arguments.tiles_n * Block::tile_n;
  const int first_k = static_cast<int>(blockIdx.z) * arguments.part_depth;
  Block block;
  block.template multiply<false>(
      GradientLoader{arguments, group}, TapLoader{arguments, group},
      TileRange{first_m, first_n, first_k, min(first_k + arguments.part_depth, arguments.depth)});
  const int columns = arguments.inputs * arguments.vertical.kernel * arguments.horizontal.kernel;
  LinearTarget target = arguments.target;
  if (arguments.partial != nullptr) {
    target.data = arguments.partial + Index{blockIdx.z} * arguments.groups * arguments.outputs * columns;
    target.stride = columns;
    target.add = false;
  }
  target.data += Index{group} * arguments.outputs * target.stride;
  block.write([&]<int count>(int row, int column, const Pack<count>& pack) {
    const int m = first_m + row, n = first_n + column;
    if (m >= arguments.outputs) return;
#pragma unroll
    for (int i = 0; i < count; ++i) {
      if (n + i < columns) store_finished<1>(target, m, n + i, {{pack.value[i]}});
    }
  });
}

/// Launches convolution_kernel with the block template Block, which takes two loaders. n: places of the largest phase,
/// of all images.
template <template <class, class> class Block>
void launch_convolution(Stream& stream, const char* operation, ConvolutionArguments arguments, Index n, Index groups,
                        Index phases) {
  using Tiles = Block<WeightLoader, PlaceLoader>;
  arguments.tiles_n = static_cast<int>(ceil_divide(n, Tiles::tile_n));
  const Index tiles = ceil_divide(arguments.target_channels, Tiles::tile_m) * arguments.tiles_n;
  launch(stream, operation, {grid_of(tiles, groups, phases), dim3(Tiles::threads), Tiles::shared_bytes},
         convolution_kernel<Tiles>, arguments);
}

/// The same of convolution_weight_gradient_kernel. n: inputs of a group times taps.
template <template <class, class> class Block>
void launch_weight_gradient(Stream& stream, const char* operation, WeightGradientArguments arguments, Index n,
                            Index parts) {
  using Tiles = Block<GradientLoader, TapLoader>;
  arguments.tiles_n = static_cast<int>(ceil_divide(n, Tiles::tile_n));
  const Index tiles = ceil_divide(arguments.outputs, Tiles::tile_m) * arguments.tiles_n;
  launch(stream, operation, {grid_of(tiles, arguments.groups, parts), dim3(Tiles::threads), Tiles::shared_bytes},
         convolution_weight_gradient_kernel<Tiles>, arguments);
}

}  // namespace mynah::kernels::cuda
