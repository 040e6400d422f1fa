#pragma once

#include "kernels/linear.h"
#include "kernels/operation.h"

namespace mynah::kernels {

/// How often a kernel fits along one axis: floor((in + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, and 0
/// where it does not fit at all.
constexpr Index convolution_extent(Index in, Index kernel, Index stride, Index padding, Index dilation) {
  const Index room = in + 2 * padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

/// The extent that a transposed convolution makes of `in`: (in - 1) stride - 2 padding + dilation (kernel - 1) +
/// output_padding + 1. May be 0 or less where nothing is left.
constexpr Index transposed_convolution_extent(Index in, Index kernel, Index stride, Index padding, Index dilation,
                                              Index output_padding) {
  return (in - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1;
}

/// A two-dimensional convolution, from an image [in_channels, in_height, in_width] to an image [out_channels,
/// out_height, out_width]:
///
///   out(o, i, j) = Σ_{c, u, v} w(o, c, u, v) in(first(o) + c, i stride_h - padding_h + u dilation_h,
///                                                            j stride_w - padding_w + v dilation_w)
///
/// where `in` is 0 outside of the image, c runs over the in_channels / groups channels of o's group, which begin at
/// first(o), and (u, v) over the taps of the kernel. An image is one row of a matrix, channel by channel, each row by
/// row, as torch lays it out behind its first dimension.
///
/// A transposed convolution is the transpose of this map: it goes from `out` to `in`, with the same geometry. There
/// out_height and out_width are those of what goes in, and fewer than would fit where it has an output padding.
///
/// In float32 the CPU takes convolutions with two or three taps on each axis, of each remainder by the stride, by
/// minimal filtering where that is faster (Winograd, "Arithmetic complexity of computations", 1980): fewer products,
/// and rounding errors about three times as large. A value that is not finite may then make NaN of results up to three
/// strides beside those that it is a part of.
struct ConvolutionGeometry {
  Index in_channels = 0, in_height = 0, in_width = 0;
  Index out_channels = 0, out_height = 0, out_width = 0;
  Index kernel_height = 1, kernel_width = 1;
  Index stride_height = 1, stride_width = 1;
  Index padding_height = 0, padding_width = 0;
  Index dilation_height = 1, dilation_width = 1;
  Index groups = 1;

  constexpr Index in_columns() const { return in_channels * in_height * in_width; }
  constexpr Index out_columns() const { return out_channels * positions(); }
  /// Places of the kernel.
  constexpr Index positions() const { return out_height * out_width; }
  constexpr Index taps() const { return kernel_height * kernel_width; }
  /// Channels of a group.
  constexpr Index group_inputs() const { return in_channels / groups; }
  constexpr Index group_outputs() const { return out_channels / groups; }
  /// Weights of an output channel, the products that one output sums.
  constexpr Index depth() const { return group_inputs() * taps(); }
  /// out_height and out_width as large as they can be.
  constexpr ConvolutionGeometry with_output_extents() const {
    ConvolutionGeometry whole = *this;
    whole.out_height = convolution_extent(in_height, kernel_height, stride_height, padding_height, dilation_height);
    whole.out_width = convolution_extent(in_width, kernel_width, stride_width, padding_width, dilation_width);
    return whole;
  }
  /// Whether it is a product with a matrix [out_channels, in_columns()]: one kernel that covers the whole image.
  constexpr bool is_product() const {
    const auto covers = [](Index in, Index kernel, Index padding, Index dilation) {
      return in == kernel && padding == 0 && (dilation == 1 || kernel == 1);
    };
    return groups == 1 && positions() == 1 && covers(in_height, kernel_height, padding_height, dilation_height) &&
           covers(in_width, kernel_width, padding_width, dilation_width);
  }
};

/// Throws, in the name of `operation`, for a geometry that is none: every kernel extent, stride, dilation and the
/// number of groups are at least 1, nothing is negative, groups divide the channels, and no more places than fit.
void check_geometry(const ConvolutionGeometry& geometry, const char* operation);

/// z = in * w + b,  y = activation(z): the convolution of every row.
///
///   x  [rows, in_columns]     w  [out_channels, depth], the rows of torch.nn.Conv2d's [out, in / groups, kh, kw]
///   b  [out_channels], or empty for no bias         y  [rows, out_columns]
///
/// z, of the shape of y, is written where it is wanted, and empty where it is not. options.add, for Activation::none
/// only: y = y + in * w + b. rows and every extent of an image may be 0. No output may overlap an input. Sums have a
/// fixed order per backend and shape. options.precision: see kernels/precision.h.
template <class Scalar = float>
void convolution_forward(Stream& stream, const ConvolutionGeometry& geometry, ConstMatrixOf<Scalar> x,
                         ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> b, Activation activation, MatrixOf<Scalar> y,
                         MatrixOf<Scalar> z = {}, ProductOptions options = {});

/// The transposed convolution of every row, from `out` to `in`:
///
///   z(first(o) + c, h, v) = b(first(o) + c) + Σ w(o, c, u, v) dy(o, i, j)  over all (o, u, v, i, j) whose product with
///                                                                          that element of `in` is a part of out(o, i,
///                                                                          j)
///   dx = activation(z)
///
///   dy [rows, out_columns]    w  [out_channels, depth]    b  [in_channels], or empty    dx [rows, in_columns]
///
/// Without bias and activation this is the gradient of a convolution's input, dx from dy = dL/dout. With them it is the
/// forward pass of torch.nn.ConvTranspose2d, whose weight is [in, out / groups, kh, kw] with the names of the ends
/// exchanged: the same matrix. z and options as for convolution_forward.
template <class Scalar = float>
void convolution_transposed(Stream& stream, const ConvolutionGeometry& geometry, ConstMatrixOf<Scalar> dy,
                            ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> b, Activation activation,
                            MatrixOf<Scalar> dx, MatrixOf<Scalar> z = {}, ProductOptions options = {});

/// The gradient of the weights, of a convolution from x to out and of a transposed one from out to x alike, since both
/// are linear in w and each other's transpose:
///
///   dw(o, c, u, v) += Σ_{rows, i, j} dy(o, i, j) x(first(o) + c, i stride_h - padding_h + u dilation_h, ...)
///
///   x  [rows, in_columns]     dy [rows, out_columns]     dw [out_channels, depth]
///
/// Summed in a fixed order, and added to what dw holds. dw may overlap neither of the others.
template <class Scalar = float>
void convolution_weight_gradient(Stream& stream, const ConvolutionGeometry& geometry, ConstMatrixOf<Scalar> x,
                                 ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dw, ProductOptions options = {});

/// y(m, c, s) += b(c): a bias for every channel.
///
///   b [channels]     y [rows, channels * places], places being any number, the same for every channel
template <class Scalar = float>
void channel_bias_forward(Stream& stream, ConstVectorOf<Scalar> b, MatrixOf<Scalar> y);

/// db(c) += Σ_{m, s} dy(m, c, s), in a fixed order; the shapes of channel_bias_forward.
template <class Scalar = float>
void channel_bias_backward(Stream& stream, ConstMatrixOf<Scalar> dy, VectorOf<Scalar> db);

MYNAH_CUDA_TWIN_OF_FLOATS(convolution_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(convolution_transposed)
MYNAH_CUDA_TWIN_OF_FLOATS(convolution_weight_gradient)
MYNAH_CUDA_TWIN_OF_FLOATS(channel_bias_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(channel_bias_backward)

namespace eigen {
template <class Scalar>
void convolution_forward(Stream&, const ConvolutionGeometry&, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w,
                         ConstVectorOf<Scalar> b, Activation, MatrixOf<Scalar> y, MatrixOf<Scalar> z, ProductOptions);
template <class Scalar>
void convolution_transposed(Stream&, const ConvolutionGeometry&, ConstMatrixOf<Scalar> dy, ConstMatrixOf<Scalar> w,
                            ConstVectorOf<Scalar> b, Activation, MatrixOf<Scalar> dx, MatrixOf<Scalar> z,
                            ProductOptions);
template <class Scalar>
void convolution_weight_gradient(Stream&, const ConvolutionGeometry&, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> dy,
                                 MatrixOf<Scalar> dw, ProductOptions);
template <class Scalar>
void channel_bias_forward(Stream&, ConstVectorOf<Scalar> b, MatrixOf<Scalar> y);
template <class Scalar>
void channel_bias_backward(Stream&, ConstMatrixOf<Scalar> dy, VectorOf<Scalar> db);
}  // namespace eigen

}  // namespace mynah::kernels
