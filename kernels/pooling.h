#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// How many windows fit along one axis: floor((in + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, and 0 where
/// none does.
constexpr Index pooling_extent(Index in, Index kernel, Index stride, Index padding, Index dilation) {
  const Index room = in + 2 * padding - dilation * (kernel - 1) - 1;
  return in == 0 || room < 0 ? 0 : room / stride + 1;
}

/// Windows over images [channels, in_height, in_width], each channel by itself. The window of output (i, j) has the
/// elements
///
///   (i stride_height - padding_height + u dilation_height, j stride_width - padding_width + v dilation_width)
///   for 0 <= u < kernel_height, 0 <= v < kernel_width
///
/// of which those outside of the image are not there. An image is one row of a matrix, channel by channel, each row by
/// row, as torch lays it out behind its first dimension: [rows, in_columns()] before, [rows, out_columns()] after.
///
/// Extents and channels may be 0; kernel, stride and dilation are at least 1, and padding at most half of what a window
/// spans, dilation (kernel - 1) + 1. A row has fewer than 2³¹ columns, and windows and strides at most 2³⁰ elements.
struct PoolingGeometry {
  Index channels = 0, in_height = 0, in_width = 0;
  Index kernel_height = 1, kernel_width = 1;
  Index stride_height = 1, stride_width = 1;
  Index padding_height = 0, padding_width = 0;
  Index dilation_height = 1, dilation_width = 1;

  constexpr Index out_height() const {
    return pooling_extent(in_height, kernel_height, stride_height, padding_height, dilation_height);
  }
  constexpr Index out_width() const {
    return pooling_extent(in_width, kernel_width, stride_width, padding_width, dilation_width);
  }
  constexpr Index in_columns() const { return channels * in_height * in_width; }
  constexpr Index out_columns() const { return channels * out_height() * out_width(); }
};

/// What PoolingGeometry promises, as a sentence where it does not hold; null where it does.
const char* defect_of(const PoolingGeometry& geometry);

/// y = the largest element of each window, as torch.nn.MaxPool2d without ceil_mode:
///
///   x  [rows, in_columns]      y  [rows, out_columns]      positions  [rows, out_columns], or empty where unwanted
///
/// A position is that of the largest element in its channel of the image, row in_width + column: of the first one of
/// equals. NaN is larger than everything, and of several the last one counts. A window without elements, which a
/// dilation makes possible, gives -∞ and position -1. Positions are kept as numbers of the scalar; they are exact,
/// since an image of float has in_height in_width <= 2²⁴.
///
/// y and positions may not overlap x or each other.
template <class Scalar = float>
void max_pooling_forward(Stream& stream, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y,
                         MatrixOf<Scalar> positions = {});

/// Backward of max_pooling_forward: an element gets the gradients of the windows whose largest it is,
///
///   dx_e = Σ_w dy_w [position of w = e]
///
/// in the order of the windows. dy, positions [rows, out_columns], as forward left them; dx [rows, in_columns],
/// overwritten. dx may not overlap the others.
template <class Scalar = float>
void max_pooling_backward(Stream& stream, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> positions,
                          ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx);

/// The directional derivative: ẏ_w = ẋ at the position of w, 0 at position -1. positions, y_tangent
/// [rows, out_columns]; x_tangent [rows, in_columns]. It is linear in ẋ with constant positions: backward of it is
/// max_pooling_backward.
template <class Scalar = float>
void max_pooling_tangent(Stream& stream, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> positions,
                         ConstMatrixOf<Scalar> x_tangent, MatrixOf<Scalar> y_tangent);

/// y = the mean of each window, elements outside of the image counted as zeros, as torch.nn.AvgPool2d does unless told
/// otherwise (count_include_pad):
///
///   y_w = Σ of the window's elements / (kernel_height kernel_width)
///
/// x [rows, in_columns], y [rows, out_columns], which may not overlap. The dilation is 1. Sums run over the window row
/// by row. It is linear: this is its tangent pass too.
template <class Scalar = float>
void average_pooling_forward(Stream& stream, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> x,
                             MatrixOf<Scalar> y);

/// Backward of average_pooling_forward: dx_e = Σ_w dy_w [e in w] / (kernel_height kernel_width), in a fixed order. dy
/// [rows, out_columns]; dx [rows, in_columns], overwritten, may not overlap dy.
template <class Scalar = float>
void average_pooling_backward(Stream& stream, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> dy,
                              MatrixOf<Scalar> dx);

/// Images [channels, in_height, in_width] that grow by whole factors, each at least 1.
struct UpsamplingGeometry {
  Index channels = 0, in_height = 0, in_width = 0;
  Index factor_height = 1, factor_width = 1;

  constexpr Index in_columns() const { return channels * in_height * in_width; }
  constexpr Index out_columns() const { return in_columns() * factor_height * factor_width; }
};

/// y(c, i, j) = x(c, ⌊i / factor_height⌋, ⌊j / factor_width⌋), as torch.nn.Upsample with mode "nearest" and whole
/// factors. x [rows, in_columns], y [rows, out_columns], of fewer than 2³¹ columns; they may not overlap. It is linear:
/// this is its tangent pass too.
template <class Scalar = float>
void nearest_upsampling_forward(Stream& stream, const UpsamplingGeometry& geometry, ConstMatrixOf<Scalar> x,
                                MatrixOf<Scalar> y);

/// Backward of nearest_upsampling_forward: dx = Σ of dy over the elements that x was copied to, row by row. dy
/// [rows, out_columns]; dx [rows, in_columns], overwritten, may not overlap dy.
template <class Scalar = float>
void nearest_upsampling_backward(Stream& stream, const UpsamplingGeometry& geometry, ConstMatrixOf<Scalar> dy,
                                 MatrixOf<Scalar> dx);

MYNAH_CUDA_TWIN_OF_FLOATS(max_pooling_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(max_pooling_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(max_pooling_tangent)
MYNAH_CUDA_TWIN_OF_FLOATS(average_pooling_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(average_pooling_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(nearest_upsampling_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(nearest_upsampling_backward)

namespace eigen {
template <class Scalar>
void max_pooling_forward(Stream&, const PoolingGeometry&, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y,
                         MatrixOf<Scalar> positions);
template <class Scalar>
void max_pooling_backward(Stream&, const PoolingGeometry&, ConstMatrixOf<Scalar> positions, ConstMatrixOf<Scalar> dy,
                          MatrixOf<Scalar> dx);
template <class Scalar>
void max_pooling_tangent(Stream&, const PoolingGeometry&, ConstMatrixOf<Scalar> positions,
                         ConstMatrixOf<Scalar> x_tangent, MatrixOf<Scalar> y_tangent);
template <class Scalar>
void average_pooling_forward(Stream&, const PoolingGeometry&, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y);
template <class Scalar>
void average_pooling_backward(Stream&, const PoolingGeometry&, ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx);
template <class Scalar>
void nearest_upsampling_forward(Stream&, const UpsamplingGeometry&, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y);
template <class Scalar>
void nearest_upsampling_backward(Stream&, const UpsamplingGeometry&, ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx);
}  // namespace eigen

}  // namespace mynah::kernels
