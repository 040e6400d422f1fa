#include "kernels/convolution.h"

#include <limits>

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/convolution_mma.h"
#include "kernels/cuda/map.h"
#include "kernels/cuda/mma_tile.h"

namespace mynah::kernels::cuda {
namespace {

/// The kernels count positions in 32 bits, and a tile beyond the last.
int counted(Index count, const char* operation) {
  require(count < std::numeric_limits<int>::max() - 1024, operation, "fewer than two thousand million positions");
  return static_cast<int>(count);
}

ConvolutionAxis vertical_axis(const ConvolutionGeometry& g, const char* operation) {
  return {counted(g.in_height, operation),      counted(g.out_height, operation),
          counted(g.kernel_height, operation),  counted(g.stride_height, operation),
          counted(g.padding_height, operation), counted(g.dilation_height, operation)};
}
ConvolutionAxis horizontal_axis(const ConvolutionGeometry& g, const char* operation) {
  return {counted(g.in_width, operation),      counted(g.out_width, operation),
          counted(g.kernel_width, operation),  counted(g.stride_width, operation),
          counted(g.padding_width, operation), counted(g.dilation_width, operation)};
}

/// The largest tile that fits and still gives every multiprocessor a block: see choose_linear. `copies`: groups, phases
/// and parts, each of which has blocks of its own.
LinearKernel choose_tile(Index m, Index n, Index copies) {
  for (const LinearKernel kernel : {LinearKernel::large, LinearKernel::medium}) {
    const Index extent = linear_tile_extent(kernel);
    const Index blocks = ceil_divide(m, extent) * ceil_divide(n, extent) * copies;
    if (std::min(m, n) > extent / 2 && blocks >= blocks_to_fill) return kernel;
  }
  return LinearKernel::small;
}

/// n: places of the largest phase, of all images.
void convolve(Stream& stream, const char* operation, Precision precision, const ConvolutionArguments& arguments,
              Index n, Index groups, Index phases) {
  const LinearKernel kernel = choose_tile(arguments.target_channels, n, groups * phases);
  if (precision != Precision::float32) {
    launch_convolution_mma(stream, operation, kernel, precision, arguments, n, groups, phases);
  } else if (kernel == LinearKernel::large) {
    launch_convolution<TileBlocks<LargeTile>::Block>(stream, operation, arguments, n, groups, phases);
  } else if (kernel == LinearKernel::medium) {
    launch_convolution<TileBlocks<MediumTile>::Block>(stream, operation, arguments, n, groups, phases);
  } else {
    launch_convolution<TileBlocks<SmallTile>::Block>(stream, operation, arguments, n, groups, phases);
  }
}

/// What both directions have in common.
ConvolutionArguments arguments_of(const ConvolutionGeometry& g, const char* operation, ConstMatrix source,
                                  ConstMatrix w, ConstVector b, Activation activation, Matrix target, Matrix before,
                                  bool add) {
  ConvolutionArguments arguments{};
  arguments.vertical = vertical_axis(g, operation);
  arguments.horizontal = horizontal_axis(g, operation);
  arguments.images = counted(source.rows, operation);
  counted(source.rows * std::max(g.positions(), g.in_height * g.in_width), operation);
  arguments.source = {source.data, source.stride};
  arguments.weights = w.data;
  arguments.group_weights = g.group_outputs() * w.stride;
  arguments.target = target.data;
  arguments.target_stride = target.stride;
  arguments.add = add;
  arguments.bias = b.empty() ? nullptr : b.data;
  arguments.activation = activation;
  arguments.before = before.data;
  arguments.before_stride = before.stride;
  return arguments;
}

struct AddChannelBias {
  const float* bias;
  Matrix y;
  Index places;
  template <int width>
  __device__ void at(Index row, Index column) const {
    float* to = y.data + row * y.stride + column;
    Pack<width> pack = load<width>(to);
    for (int i = 0; i < width; ++i) pack.value[i] += bias[(column + i) / places];
    store<width>(to, pack);
  }
};

/// A block for each channel: every thread adds its share in double, and the shares are added in a fixed order.
__global__ void __launch_bounds__(256) channel_sum_kernel(ConstMatrix dy, Index places, float* sums) {
  const Index channel = blockIdx.x;
  const Index count = dy.rows * places;
  double sum = 0.0;
  for (Index i = threadIdx.x; i < count; i += 256) {
    const Index row = i / places;
    sum += static_cast<double>(dy.data[row * dy.stride + channel * places + (i - row * places)]);
  }
  sum = block_sum<256>(sum);
  if (threadIdx.x == 0) sums[channel] += static_cast<float>(sum);
}

}  // namespace

void convolution_forward(Stream& stream, const ConvolutionGeometry& g, ConstMatrix x, ConstMatrix w, ConstVector b,
                         Activation activation, Matrix y, Matrix z, ProductOptions options) {
  const char* operation = "convolution_forward";
  ConvolutionArguments arguments = arguments_of(g, operation, x, w, b, activation, y, z, options.add);
  arguments.source_channels = counted(g.group_inputs(), operation);
  arguments.target_channels = counted(g.group_outputs(), operation);
  arguments.source_columns = counted(g.group_inputs() * g.in_height * g.in_width, operation);
  counted(g.depth(), operation);
  arguments.target_weights = w.stride;
  arguments.source_weights = g.taps();
  convolve(stream, operation, options.precision, arguments, x.rows * g.positions(), g.groups, 1);
}

void convolution_transposed(Stream& stream, const ConvolutionGeometry& g, ConstMatrix dy, ConstMatrix w, ConstVector b,
                            Activation activation, Matrix dx, Matrix z, ProductOptions options) {
  const char* operation = "convolution_transposed";
  ConvolutionArguments arguments = arguments_of(g, operation, dy, w, b, activation, dx, z, options.add);
  arguments.transposed = true;
  arguments.source_channels = counted(g.group_outputs(), operation);
  arguments.target_channels = counted(g.group_inputs(), operation);
  arguments.source_columns = counted(g.group_outputs() * g.positions(), operation);
  counted(g.group_outputs() * g.taps(), operation);
  arguments.target_weights = g.taps();
  arguments.source_weights = w.stride;
  const Index places = ceil_divide(g.in_height, g.stride_height) * ceil_divide(g.in_width, g.stride_width);
  convolve(stream, operation, options.precision, arguments, dx.rows * places, g.groups,
           g.stride_height * g.stride_width);
}

void convolution_weight_gradient(Stream& stream, const ConvolutionGeometry& g, ConstMatrix x, ConstMatrix dy, Matrix dw,
                                 ProductOptions options) {
  const char* operation = "convolution_weight_gradient";
  WeightGradientArguments arguments{};
  arguments.vertical = vertical_axis(g, operation);
  arguments.horizontal = horizontal_axis(g, operation);
  arguments.images = counted(x.rows, operation);
  arguments.inputs = counted(g.group_inputs(), operation);
  arguments.outputs = counted(g.group_outputs(), operation);
  arguments.in_columns = counted(g.group_inputs() * g.in_height * g.in_width, operation);
  arguments.x = {x.data, x.stride};
  arguments.dy = {dy.data, dy.stride};
  arguments.depth = counted(x.rows * g.positions(), operation);
  arguments.groups = counted(g.groups, operation);
  arguments.target.data = dw.data;
  arguments.target.stride = dw.stride;
  arguments.target.packs = false;
  arguments.target.add = true;

  // Parts until the GPU is full, of the smallest tile that the matrix asks for, none of them shallow.
  const Index m = g.group_outputs(), n = counted(g.depth(), operation), depth = arguments.depth;
  const Index most_parts = std::max<Index>(1, depth / shallowest_part);
  const LinearKernel kernel = choose_tile(m, n, g.groups * most_parts);
  const Index extent = linear_tile_extent(kernel);
  const Index blocks = ceil_divide(m, extent) * ceil_divide(n, extent) * g.groups;
  Index parts = std::min(most_parts, ceil_divide(blocks_to_fill, blocks));
  const bool strict = options.precision == Precision::float32;
  const Index step = strict ? SmallTile::tile_k : deepest_mma_tile;  // the deepest tile; the others' depths divide it
  const Index part_depth = ceil_divide(ceil_divide(depth, parts), step) * step;
  parts = ceil_divide(depth, part_depth);
  arguments.part_depth = static_cast<int>(part_depth);
  if (parts > 1) {
    const auto size = static_cast<std::size_t>(parts * dw.rows * n);
    arguments.partial = static_cast<float*>(stream.scratch(size * sizeof(float)));
  }
  if (!strict) {
    launch_weight_gradient_mma(stream, operation, kernel, options.precision, arguments, n, parts);
  } else if (kernel == LinearKernel::large) {
    launch_weight_gradient<TileBlocks<LargeTile>::Block>(stream, operation, arguments, n, parts);
  } else if (kernel == LinearKernel::medium) {
    launch_weight_gradient<TileBlocks<MediumTile>::Block>(stream, operation, arguments, n, parts);
  } else {
    launch_weight_gradient<TileBlocks<SmallTile>::Block>(stream, operation, arguments, n, parts);
  }
  if (parts == 1) return;
  map(stream, operation, dw.rows, n, false, AddParts{arguments.target, arguments.partial, parts, dw.rows, n});
}

void channel_bias_forward(Stream& stream, ConstVector b, Matrix y) {
  map(stream, "channel_bias_forward", y.rows, y.columns, allows_packs(y),
      AddChannelBias{b.data, y, y.columns / b.size});
}

void channel_bias_backward(Stream& stream, ConstMatrix dy, Vector db) {
  launch(stream, "channel_bias_backward", {dim3(static_cast<unsigned>(db.size)), dim3(256)}, channel_sum_kernel, dy,
         dy.columns / db.size, db.data);
}

}  // namespace mynah::kernels::cuda
