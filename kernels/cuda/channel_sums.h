#pragma once

#include <algorithm>

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/launch.h"

namespace mynah::kernels::cuda {

/// Several sums at once over all rows and positions, for each channel of a matrix [rows, channels * positions]: the
/// gradients of what is added to or multiplied with every row, and the statistics of batch normalisation.
///
/// In two passes of fixed order, without atomics. A channel's elements are cut into parts, so that few channels fill a
/// GPU as well; each block leaves its sums as doubles, a second kernel adds the parts in order and finishes.
///
///   terms(row, column, channel, double* sums)     adds what an element contributes
///   finish(channel, const double* sums)           takes the totals
struct ChannelExtent {
  Index rows = 0, channels = 0, positions = 1;
  Index parts() const {
    return positions == 1 ? std::clamp<Index>(ceil_divide(rows, 64), 1, 128)
                          : std::clamp<Index>(ceil_divide(rows * positions, 2048), 1, 64);
  }
  /// Doubles of scratch memory for the parts of `sums` sums.
  std::size_t partial_size(int sums) const {
    return static_cast<std::size_t>(parts() * channels) * static_cast<std::size_t>(sums);
  }
};

constexpr int channel_sum_columns = 32;  ///< of one block: a warp reads 128 neighbouring bytes of a row
constexpr int channel_sum_rows = 8;      ///< rows that a block reads at a time
constexpr int channel_sum_threads = channel_sum_columns * channel_sum_rows;

/// One position a channel: neighbouring threads take neighbouring channels. Limited by memory.
template <int sums, class Terms>
__global__ void __launch_bounds__(channel_sum_threads)
    column_parts_kernel(ChannelExtent extent, Terms terms, double* partial) {
  __shared__ double of_row[sums][channel_sum_rows][channel_sum_columns];
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const Index column = Index{blockIdx.x} * channel_sum_columns + x;
  double sum[sums] = {};
  if (column < extent.channels) {
    const Index step = Index{gridDim.y} * channel_sum_rows;
    for (Index row = Index{blockIdx.y} * channel_sum_rows + y; row < extent.rows; row += step) {
      terms(row, column, column, sum);
    }
  }
  for (int k = 0; k < sums; ++k) of_row[k][y][x] = sum[k];
  __syncthreads();
  if (y != 0 || column >= extent.channels) return;
  for (int k = 0; k < sums; ++k) {
    double total = sum[k];
    for (int i = 1; i < channel_sum_rows; ++i) total += of_row[k][i][x];
    partial[(Index{blockIdx.y} * sums + k) * extent.channels + column] = total;
  }
}

/// Several positions a channel: a block takes one channel. Its threads walk over rows and positions together, so that
/// few positions leave no lane idle; the step is divided once, not every element. Limited by memory.
template <int sums, class Terms>
__global__ void __launch_bounds__(channel_sum_threads)
    position_parts_kernel(ChannelExtent extent, Terms terms, double* partial) {
  const Index positions = extent.positions;
  const Index step = Index{gridDim.y} * channel_sum_threads;
  const Index step_rows = step / positions, step_positions = step % positions;
  const Index first = Index{blockIdx.y} * channel_sum_threads + threadIdx.x;
  for (Index channel = blockIdx.x; channel < extent.channels; channel += gridDim.x) {
    double sum[sums] = {};
    Index row = first / positions, position = first % positions;
    while (row < extent.rows) {
      terms(row, channel * positions + position, channel, sum);
      row += step_rows;
      position += step_positions;
      if (position >= positions) {
        position -= positions;
        ++row;
      }
    }
    for (int k = 0; k < sums; ++k) {
      const double total = block_sum<channel_sum_threads>(sum[k]);
      if (threadIdx.x == 0) partial[(Index{blockIdx.y} * sums + k) * extent.channels + channel] = total;
    }
  }
}

template <int sums, class Finish>
__global__ void __launch_bounds__(128)
    finish_channels_kernel(ChannelExtent extent, Index parts, const double* partial, Finish finish) {
  const Index channel = Index{blockIdx.x} * blockDim.x + threadIdx.x;
  if (channel >= extent.channels) return;
  double total[sums] = {};
  for (Index part = 0; part < parts; ++part) {
    for (int k = 0; k < sums; ++k) total[k] += partial[(part * sums + k) * extent.channels + channel];
  }
  finish(channel, total);
}

/// `partial`: extent.partial_size(sums) doubles in the stream's scratch memory.
template <int sums, class Terms, class Finish>
void channel_sums(Stream& stream, const char* operation, const ChannelExtent& extent, const Terms& terms,
                  const Finish& finish, double* partial) {
  if (extent.channels == 0) return;
  const Index parts = extent.parts();
  LaunchShape shape;
  shape.grid.y = static_cast<unsigned>(parts);
  if (extent.positions == 1) {
    shape.grid.x = static_cast<unsigned>(ceil_divide(extent.channels, channel_sum_columns));
    shape.block = dim3(channel_sum_columns, channel_sum_rows);
    launch(stream, operation, shape, column_parts_kernel<sums, Terms>, extent, terms, partial);
  } else {
    shape.grid.x = static_cast<unsigned>(std::min(extent.channels, grid_limit));
    shape.block = dim3(channel_sum_threads);
    launch(stream, operation, shape, position_parts_kernel<sums, Terms>, extent, terms, partial);
  }
  launch(stream, operation, {dim3(static_cast<unsigned>(ceil_divide(extent.channels, 128))), dim3(128)},
         finish_channels_kernel<sums, Finish>, extent, parts, partial, finish);
}

}  // namespace mynah::kernels::cuda
