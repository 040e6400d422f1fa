#pragma once

#include "kernels/convolution.h"
#include "tests/operations/shapes.h"

/// The shapes of convolutions: see tests/operations/shapes.h.
namespace mynah::tests {

struct ConvolutionCase {
  Index rows = 0;
  kernels::ConvolutionGeometry geometry;
  Layout layout;
  bool bias = true;
};

/// Heights and widths apart.
struct Axes {
  Index height, width;
};

inline kernels::ConvolutionGeometry convolution(Index in_channels, Axes in, Index out_channels, Axes kernel,
                                                Axes stride = {1, 1}, Axes padding = {0, 0}, Axes dilation = {1, 1},
                                                Index groups = 1) {
  kernels::ConvolutionGeometry g{in_channels,
                                 in.height,
                                 in.width,
                                 out_channels,
                                 0,
                                 0,
                                 kernel.height,
                                 kernel.width,
                                 stride.height,
                                 stride.width,
                                 padding.height,
                                 padding.width,
                                 dilation.height,
                                 dilation.width,
                                 groups};
  return g.with_output_extents();
}

inline std::string text_of(const ConvolutionCase& shape) {
  const auto& g = shape.geometry;
  const auto pair = [](Index height, Index width) {
    return std::to_string(height) + (height == width ? "" : "x" + std::to_string(width));
  };
  return std::to_string(shape.rows) + " of " + std::to_string(g.in_channels) + "x" + std::to_string(g.in_height) + "x" +
         std::to_string(g.in_width) + " to " + std::to_string(g.out_channels) + "x" + std::to_string(g.out_height) +
         "x" + std::to_string(g.out_width) + " k" + pair(g.kernel_height, g.kernel_width) + " s" +
         pair(g.stride_height, g.stride_width) + " p" + pair(g.padding_height, g.padding_width) + " d" +
         pair(g.dilation_height, g.dilation_width) + " g" + std::to_string(g.groups) + text_of(shape.layout) +
         (shape.bias ? "" : " without bias");
}

/// Strides 1 to 3, paddings 0 to 3, dilations 1 and 2, kernels 1 to 7, groups up to the channels; images that are not
/// square, one pixel, none; batches of 0, 1 and more.
inline std::vector<ConvolutionCase> convolution_cases() {
  std::vector<ConvolutionCase> cases{
      {0, convolution(2, {5, 5}, 3, {3, 3}), {}},
      {1, convolution(1, {1, 1}, 1, {1, 1}), {}},
      {2, convolution(0, {4, 4}, 3, {3, 3}), {}},
      {2, convolution(3, {4, 4}, 0, {3, 3}), {}},
      {2, convolution(3, {0, 4}, 2, {1, 1}, {1, 1}, {1, 0}), {}},
      {2, convolution(3, {2, 2}, 2, {3, 3}), {}},  // no place for the kernel
      {3, convolution(2, {5, 4}, 3, {5, 4}), {}},  // a product
      {5, convolution(7, {3, 3}, 20, {3, 3}), {3, 1}, false},
      {4, convolution(17, {1, 1}, 9, {1, 1}), {}},
  };
  std::size_t next = 0;
  for (const Index stride : {1, 2, 3}) {
    for (const Index padding : {0, 1, 2, 3}) {
      for (const Index kernel : {1, 2, 3, 4, 5, 7}) {
        if ((stride + padding + kernel) % 2 == 0) continue;
        const Index dilation = 1 + static_cast<Index>(next % 2), groups = 1 + static_cast<Index>(next % 3);
        const Index rows = 1 + static_cast<Index>(next % 3);
        const Axes in{8 + static_cast<Index>(next % 5), 13 - static_cast<Index>(next % 4)};
        if (dilation * (kernel - 1) >= in.height + 2 * padding) continue;
        const Layout layout = layouts()[next % layouts().size()];
        cases.push_back({rows,
                         convolution(groups * (1 + static_cast<Index>(next % 4)), in, groups * 3, {kernel, kernel},
                                     {stride, stride}, {padding, padding}, {dilation, dilation}, groups),
                         layout, next % 4 != 3});
        ++next;
      }
    }
  }
  cases.push_back({3, convolution(4, {9, 6}, 5, {3, 2}, {2, 1}, {1, 2}), {2, 3}});         // nothing is square
  cases.push_back({2, convolution(3, {7, 11}, 4, {2, 5}, {3, 2}, {0, 3}, {2, 1}), {}});    // nor regular
  cases.push_back({2, convolution(5, {6, 7}, 5, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 5), {}});  // each channel by itself
  cases.push_back({2, convolution(4, {6, 7}, 12, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 4), {}});
  cases.push_back({2, convolution(2, {8, 8}, 3, {2, 2}, {5, 5}), {}});  // pixels that no kernel meets
  cases.push_back({2, convolution(2, {6, 8}, 3, {3, 3}, {6, 8}, {1, 1}), {}});
  cases.push_back({3, convolution(20, {5, 5}, 35, {3, 3}, {1, 1}, {1, 1}), {}});  // channels beyond one tile
  cases.push_back({7, convolution(6, {7, 7}, 18, {4, 4}, {2, 2}, {1, 1}), {1, 0}});
  cases.push_back({2, convolution(1, {28, 28}, 16, {4, 4}, {2, 2}, {1, 1}), {}});
  cases.push_back({17, convolution(2, {14, 14}, 3, {3, 3}, {1, 1}, {1, 1}), {}});  // weight gradient in parts
  cases.push_back({6, convolution(3, {16, 17}, 2, {5, 5}, {1, 1}, {2, 2}), {5, 2}});
  // Places left at the end: a transposed convolution with an output padding.
  kernels::ConvolutionGeometry fewer = convolution(3, {8, 9}, 4, {3, 3}, {1, 1}, {1, 1}, {2, 2});
  --fewer.out_height;
  fewer.out_width -= 2;
  cases.push_back({2, fewer, {}});
  return cases;
}

/// Shapes for which CUDA takes the medium and the large tile: in all operations, by their groups, and forward, by their
/// places.
inline std::vector<ConvolutionCase> convolution_tile_cases() {
  return {{1, convolution(128 * 33, {2, 2}, 128 * 34, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 128), {}},
          {1, convolution(128 * 65, {2, 2}, 128 * 66, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 128), {}},
          {33, convolution(2, {16, 17}, 34, {3, 3}, {1, 1}, {1, 1}), {}},
          {65, convolution(1, {16, 17}, 66, {2, 2}, {1, 1}, {1, 1}), {}}};
}

/// Shapes for which the CPU takes minimal filtering (kernels/eigen/vectorized/winograd_convolution.h).
inline std::vector<ConvolutionCase> winograd_cases() {
  std::vector<ConvolutionCase> cases{
      {2, convolution(64, {14, 14}, 128, {4, 4}, {2, 2}, {1, 1}), {}},    // two taps in four phases
      {17, convolution(32, {9, 7}, 48, {3, 3}, {1, 1}, {1, 1}), {3, 1}},  // three taps
      {33, convolution(32, {6, 5}, 32, {2, 2}), {}, false},
      {15, convolution(48, {11, 8}, 33, {3, 4}, {1, 2}, {2, 1}), {0, 5}},  // two phases; three taps down, two across
      {15, convolution(33, {8, 11}, 48, {4, 3}, {2, 1}, {0, 3}), {}},
      {5, convolution(30, {13, 12}, 40, {5, 6}, {2, 2}, {3, 2}), {2, 0}},  // phases that lack a tap
      {3, convolution(96, {14, 13}, 96, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 2), {}},
      {2, convolution(80, {16, 16}, 48, {4, 4}, {2, 2}), {}},  // sums over the input in blocks
      {1, convolution(32, {9, 9}, 272, {3, 3}), {1, 2}},       // and over the output
      {300, convolution(16, {5, 5}, 16, {3, 3}), {}, false},   // and over tiles
  };
  cases.push_back({4, convolution(48, {12, 13}, 32, {3, 3}, {1, 1}, {1, 1}), {}});  // a transposed one's output padding
  --cases.back().geometry.out_height;
  cases.back().geometry.out_width -= 2;
  return cases;
}

/// A generator and a discriminator of digits of 28 x 28 pixels (Radford et al., "Unsupervised representation learning
/// with deep convolutional generative adversarial networks", 2016), for timing; transposed they are each other's
/// layers.
inline std::vector<ConvolutionCase> convolution_speed_cases() {
  std::vector<ConvolutionCase> cases;
  for (const Index rows : {1, 16, 64, 128}) {
    cases.push_back({rows, convolution(1, {28, 28}, 64, {4, 4}, {2, 2}, {1, 1}), {}});
    cases.push_back({rows, convolution(64, {14, 14}, 128, {4, 4}, {2, 2}, {1, 1}), {}});
    cases.push_back({rows, convolution(128, {7, 7}, 1, {7, 7}), {}});
    cases.push_back({rows, convolution(128, {7, 7}, 64, {7, 7}), {}});
  }
  return cases;
}

}  // namespace mynah::tests
