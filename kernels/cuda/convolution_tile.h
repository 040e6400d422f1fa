#pragma once

#include "kernels/convolution.h"
#include "kernels/cuda/linear_tile.h"

namespace mynah::kernels::cuda {

/// Convolutions as products of tiles in shared memory (an "implicit GEMM", Chetlur et al., "cuDNN: efficient primitives
/// for deep learning", 2014): the matrix of what each tap of the kernel meets at each place is never stored, its
/// elements are gathered on their way into shared memory. Tiles and sums are those of linear_tile.h.
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

/// Weights [target channel, (source channel, tap)] into shared memory.
template <class Tile>
struct WeightMover {
  static_assert(Tile::tile_m * Tile::tile_k == 4 * Tile::threads);
  Pack<4> held;

  __device__ static int place_e() { return static_cast<int>(threadIdx.x) / (Tile::tile_k / 4); }
  __device__ static int place_k() { return 4 * (static_cast<int>(threadIdx.x) % (Tile::tile_k / 4)); }
  __device__ __forceinline__ void take(const ConvolutionArguments& arguments, const float* weights,
                                       const GatherAxis& vertical, const GatherAxis& horizontal, int first_m,
                                       int first_k, int depth) {
    held = {{0.0f, 0.0f, 0.0f, 0.0f}};
    const int m = first_m + place_e(), k = first_k + place_k();
    if (m >= arguments.target_channels || k >= depth) return;
    const float* row = weights + m * arguments.target_weights;
    Position3 tap = position_of(k, vertical.taps, horizontal.taps);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (k + i >= depth) continue;
      const int u = vertical.first_tap + tap.row * vertical.tap_step;
      const int v = horizontal.first_tap + tap.column * horizontal.tap_step;
      held.value[i] = row[tap.outer * arguments.source_weights + u * arguments.horizontal.kernel + v];
      advance(tap, vertical.taps, horizontal.taps);
    }
  }
  __device__ __forceinline__ void put(float (*tile)[Tile::row_m]) const {
#pragma unroll
    for (int j = 0; j < 4; ++j) tile[place_k() + j][place_e()] = held.value[j];
  }
};

/// What each tap meets, [(source channel, tap), place], into shared memory. A thread has four places all along, which
/// it takes apart once; neighbouring threads have neighbouring places, which neighbour each other in the image.
template <class Tile>
struct ImageMover {
  static_assert(Tile::tile_n * Tile::tile_k == 4 * Tile::threads);
  Pack<4> held;
  const float* image[4];  ///< null: no such place
  int h[4], v[4];

  __device__ static int place_e() { return 4 * (static_cast<int>(threadIdx.x) % (Tile::tile_n / 4)); }
  __device__ static int place_k() { return static_cast<int>(threadIdx.x) / (Tile::tile_n / 4); }
  __device__ __forceinline__ void begin(const Images& source, const GatherAxis& vertical, const GatherAxis& horizontal,
                                        int first_n, int n) {
    Position3 place = position_of(first_n + place_e(), vertical.places, horizontal.places);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      image[i] = first_n + place_e() + i < n ? source.data + place.outer * source.stride : nullptr;
      h[i] = vertical.scale * place.row + vertical.base;
      v[i] = horizontal.scale * place.column + horizontal.base;
      advance(place, vertical.places, horizontal.places);
    }
  }
  __device__ __forceinline__ void take(const GatherAxis& vertical, const GatherAxis& horizontal, int first_k,
                                       int depth) {
    held = {{0.0f, 0.0f, 0.0f, 0.0f}};
    const int k = first_k + place_k();
    if (k >= depth) return;
    const Position3 tap = position_of(k, vertical.taps, horizontal.taps);
    const int down = vertical.step * tap.row, across = horizontal.step * tap.column;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = h[i] + down, column = v[i] + across;
      if (image[i] == nullptr || row < 0 || row >= vertical.source || column < 0 || column >= horizontal.source) {
        continue;
      }
      held.value[i] = image[i][(Index{tap.outer} * vertical.source + row) * horizontal.source + column];
    }
  }
  __device__ __forceinline__ void put(float (*tile)[Tile::row_n]) const {
    store<4>(&tile[place_k()][place_e()], held);
  }
};

/// Sums to the image written: places that neighbour each other in a tile do so in memory, or are one stride apart.
template <class Tile>
__device__ __forceinline__ void write_images(const ConvolutionArguments& arguments,
                                             const ThreadSums<Tile, false>& thread, const GatherAxis& vertical,
                                             const GatherAxis& horizontal, int group, int first_m, int first_n, int n) {
  const int height = arguments.transposed ? arguments.vertical.in : arguments.vertical.out;
  const int width = arguments.transposed ? arguments.horizontal.in : arguments.horizontal.out;
#pragma unroll
  for (int j = 0; j < Tile::thread_n; ++j) {
    const int place = first_n + place_in_tile<Tile::tile_n, Tile::thread_n>(thread.thread_n, j);
    if (place >= n) continue;
    const Position3 at = position_of(place, vertical.places, horizontal.places);
    const int row = vertical.first_place + at.row * vertical.place_step;
    const int column = horizontal.first_place + at.column * horizontal.place_step;
#pragma unroll
    for (int i = 0; i < Tile::thread_m; ++i) {
      const int m = first_m + place_in_tile<Tile::tile_m, Tile::thread_m>(thread.thread_m, i);
      if (m >= arguments.target_channels) continue;
      const Index channel = Index{group} * arguments.target_channels + m;
      const Index element = (channel * height + row) * width + column;
      float* to = arguments.target + at.outer * arguments.target_stride + element;
      float value = thread.sums[i][j];
      if (arguments.bias != nullptr) value += arguments.bias[channel];
      if (arguments.before != nullptr) arguments.before[at.outer * arguments.before_stride + element] = value;
      value = activated(arguments.activation, value);
      *to = arguments.add ? *to + value : value;
    }
  }
}

/// A convolution, or one phase (blockIdx.z) of a transposed one, of one group (blockIdx.y): the block computes one tile
/// of [target channel, (image, place)] = weights [target channel, k] times what k, a source channel and a tap, meets.
/// The pipeline is that of linear_tile_kernel.
template <class Tile>
__global__ void __launch_bounds__(Tile::threads, 2) convolution_kernel(ConvolutionArguments arguments) {
  __shared__ __align__(16) float a_tiles[2][Tile::tile_k][Tile::row_m];
  __shared__ __align__(16) float b_tiles[2][Tile::tile_k][Tile::row_n];
  const int group = static_cast<int>(blockIdx.y), phase = static_cast<int>(blockIdx.z);
  GatherAxis vertical = forward_axis(arguments.vertical), horizontal = forward_axis(arguments.horizontal);
  if (arguments.transposed) {
    vertical = transposed_axis(arguments.vertical, phase / arguments.horizontal.stride);
    horizontal = transposed_axis(arguments.horizontal, phase % arguments.horizontal.stride);
  }
  const int n = arguments.images * vertical.places * horizontal.places;
  const int depth = arguments.source_channels * vertical.taps * horizontal.taps;
  const int first_m = static_cast<int>(blockIdx.x) / arguments.tiles_n * Tile::tile_m;
  const int first_n = static_cast<int>(blockIdx.x) % arguments.tiles_n * Tile::tile_n;
  if (first_n >= n) return;  // the whole block: phases differ by a row or column of places
  const float* weights = arguments.weights + group * arguments.group_weights;
  Images source = arguments.source;
  source.data += Index{group} * arguments.source_columns;
  WeightMover<Tile> a;
  ImageMover<Tile> b;
  ThreadSums<Tile, false> thread;
  b.begin(source, vertical, horizontal, first_n, n);
  a.take(arguments, weights, vertical, horizontal, first_m, 0, depth);
  b.take(vertical, horizontal, 0, depth);
  int buffer = 0;
  for (int k = 0; k < depth; k += Tile::tile_k) {
    a.put(a_tiles[buffer]);
    b.put(b_tiles[buffer]);
    __syncthreads();
    const int next = k + Tile::tile_k;
    if (next < depth) {
      a.take(arguments, weights, vertical, horizontal, first_m, next, depth);
      b.take(vertical, horizontal, next, depth);
    }
    thread.add_tile(a_tiles[buffer], b_tiles[buffer]);
    buffer ^= 1;
  }
  write_images(arguments, thread, vertical, horizontal, group, first_m, first_n, n);
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

/// Tiles of dy [output, (image, position)] and of what taps meet, [(input, tap), (image, position)], into shared
/// memory. A thread takes four neighbouring positions of one output, and of one input and tap.
template <class Tile>
struct PositionMover {
  static_assert(Tile::tile_m * Tile::tile_k == 4 * Tile::threads && Tile::tile_n == Tile::tile_m);
  Pack<4> gradient, value;

  __device__ static int place_e() { return static_cast<int>(threadIdx.x) / (Tile::tile_k / 4); }
  __device__ static int place_k() { return 4 * (static_cast<int>(threadIdx.x) % (Tile::tile_k / 4)); }
  __device__ __forceinline__ void take(const WeightGradientArguments& arguments, int group, int first_m, int first_n,
                                       int first_k, int end_k) {
    gradient = {{0.0f, 0.0f, 0.0f, 0.0f}};
    value = gradient;
    const ConvolutionAxis &vertical = arguments.vertical, &horizontal = arguments.horizontal;
    const int positions = vertical.out * horizontal.out;
    const int m = first_m + place_e(), n = first_n + place_e(), k = first_k + place_k();
    if (k >= end_k) return;
    const Position3 tap = position_of(n, vertical.kernel, horizontal.kernel);
    const int down = tap.row * vertical.dilation - vertical.padding;
    const int across = tap.column * horizontal.dilation - horizontal.padding;
    const float* dy = arguments.dy.data + (Index{group} * arguments.outputs + m) * positions;
    const float* x = arguments.x.data + Index{group} * arguments.in_columns;
    Position3 at = position_of(k, vertical.out, horizontal.out);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (k + i >= end_k) continue;
      if (m < arguments.outputs) {
        gradient.value[i] = dy[at.outer * arguments.dy.stride + at.row * horizontal.out + at.column];
      }
      const int h = at.row * vertical.stride + down, v = at.column * horizontal.stride + across;
      if (tap.outer < arguments.inputs && h >= 0 && h < vertical.in && v >= 0 && v < horizontal.in) {
        value.value[i] = x[at.outer * arguments.x.stride + (Index{tap.outer} * vertical.in + h) * horizontal.in + v];
      }
      advance(at, vertical.out, horizontal.out);
    }
  }
  __device__ __forceinline__ void put(float (*a)[Tile::row_m], float (*b)[Tile::row_n]) const {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      a[place_k() + j][place_e()] = gradient.value[j];
      b[place_k() + j][place_e()] = value.value[j];
    }
  }
};

/// dw [output, (input, tap)] of one group (blockIdx.y), or one part of its sum (blockIdx.z).
template <class Tile>
__global__ void __launch_bounds__(Tile::threads, 2)
    convolution_weight_gradient_kernel(WeightGradientArguments arguments) {
  __shared__ __align__(16) float a_tiles[2][Tile::tile_k][Tile::row_m];
  __shared__ __align__(16) float b_tiles[2][Tile::tile_k][Tile::row_n];
  const int group = static_cast<int>(blockIdx.y);
  const int first_m = static_cast<int>(blockIdx.x) / arguments.tiles_n * Tile::tile_m;
  const int first_n = static_cast<int>(blockIdx.x) % arguments.tiles_n * Tile::tile_n;
  const int first_k = static_cast<int>(blockIdx.z) * arguments.part_depth;
  const int end_k = min(first_k + arguments.part_depth, arguments.depth);
  PositionMover<Tile> mover;
  ThreadSums<Tile, false> thread;
  mover.take(arguments, group, first_m, first_n, first_k, end_k);
  int buffer = 0;
  for (int k = first_k; k < end_k; k += Tile::tile_k) {
    mover.put(a_tiles[buffer], b_tiles[buffer]);
    __syncthreads();
    const int next = k + Tile::tile_k;
    if (next < end_k) mover.take(arguments, group, first_m, first_n, next, end_k);
    thread.add_tile(a_tiles[buffer], b_tiles[buffer]);
    buffer ^= 1;
  }
  const Index n = Index{arguments.inputs} * arguments.vertical.kernel * arguments.horizontal.kernel;
  const Index outputs = Index{arguments.groups} * arguments.outputs;
  LinearTarget target = arguments.target;
  if (arguments.partial != nullptr) {
    target.data = arguments.partial + blockIdx.z * outputs * n;
    target.stride = n;
    target.packs = false;
    target.add = false;
  }
  target.data += Index{group} * arguments.outputs * target.stride;
  thread.write(target, first_m, first_n, arguments.outputs, n);
}

}  // namespace mynah::kernels::cuda
