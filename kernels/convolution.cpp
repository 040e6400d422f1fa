#include "kernels/convolution.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

void check_geometry(const ConvolutionGeometry& g, const char* operation) {
  for (const Index extent : {g.in_channels, g.in_height, g.in_width, g.out_channels, g.out_height, g.out_width,
                             g.padding_height, g.padding_width}) {
    require(extent >= 0, operation, "a geometry without negative extents or padding");
  }
  for (const Index extent : {g.kernel_height, g.kernel_width, g.stride_height, g.stride_width, g.dilation_height,
                             g.dilation_width, g.groups}) {
    require(extent >= 1, operation, "a kernel, strides, dilations and groups of at least 1");
  }
  require(g.in_channels % g.groups == 0 && g.out_channels % g.groups == 0, operation,
          "channels that are multiples of groups");
  const ConvolutionGeometry whole = g.with_output_extents();
  require(g.out_height <= whole.out_height && g.out_width <= whole.out_width, operation,
          "no more places of the kernel than the image has");
}

namespace {

template <class Scalar>
void check_images(const ConvolutionGeometry& g, MatrixView<const Scalar> in, MatrixView<const Scalar> out,
                  const char* operation) {
  check_geometry(g, operation);
  require(in.rows == out.rows, operation, "as many images on both ends");
  require(in.columns == g.in_columns(), operation, "images [in_channels, in_height, in_width]");
  require(out.columns == g.out_columns(), operation, "images [out_channels, out_height, out_width]");
}

template <class Scalar>
void check_product(const ConvolutionGeometry& g, MatrixView<const Scalar> w, MatrixView<const Scalar> y,
                   MatrixView<Scalar> z, Activation activation, ProductOptions options, const char* operation) {
  require(w.rows == g.out_channels && w.columns == g.depth(), operation, "w [out_channels, depth]");
  require(z.data == nullptr || same_shape(y, z), operation, "z of the shape of the result, or empty");
  require(!options.add || (activation == Activation::none && z.data == nullptr), operation,
          "no activation and no z where the result is added");
}

/// The transposed convolution where it is a product: dx = dy w.
template <class Scalar>
void transposed_product(Stream& stream, ConstMatrixOf<Scalar> dy, ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> b,
                        Activation activation, MatrixOf<Scalar> dx, MatrixOf<Scalar> z, ProductOptions options) {
  const MatrixView<Scalar> out = z.data == nullptr ? dx : z;
  const MatrixView<const Scalar> no_input{nullptr, out.rows, out.columns};
  linear_backward<Scalar>(stream, no_input, w, dy, out, {}, {}, {}, options);
  if (!b.empty()) channel_bias_forward<Scalar>(stream, b, out);
  if (z.data != nullptr || activation != Activation::none) {
    activation_forward<Scalar>(stream, activation, out, dx);
  }
}

}  // namespace

template <class Scalar>
void convolution_forward(Stream& stream, const ConvolutionGeometry& geometry, ConstMatrixOf<Scalar> x,
                         ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> b, Activation activation, MatrixOf<Scalar> y,
                         MatrixOf<Scalar> z, ProductOptions options) {
  check_images<Scalar>(geometry, x, y, "convolution_forward");
  check_product<Scalar>(geometry, w, y, z, activation, options, "convolution_forward");
  require(b.size == 0 || b.size == geometry.out_channels, "convolution_forward", "b [out_channels], or empty");
  if (y.empty()) return;
  if (geometry.is_product()) return linear_forward<Scalar>(stream, x, w, b, activation, y, z, options);
  if (is_only_counted(stream, x, w, b, changed(y, options.add), z)) return;
  MYNAH_CALL_TWIN(convolution_forward, stream, geometry, x, w, b, activation, y, z, options);
}

template <class Scalar>
void convolution_transposed(Stream& stream, const ConvolutionGeometry& geometry, ConstMatrixOf<Scalar> dy,
                            ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> b, Activation activation,
                            MatrixOf<Scalar> dx, MatrixOf<Scalar> z, ProductOptions options) {
  check_images<Scalar>(geometry, dx, dy, "convolution_transposed");
  check_product<Scalar>(geometry, w, dx, z, activation, options, "convolution_transposed");
  require(b.size == 0 || b.size == geometry.in_channels, "convolution_transposed", "b [in_channels], or empty");
  if (dx.empty()) return;
  if (geometry.is_product()) return transposed_product<Scalar>(stream, dy, w, b, activation, dx, z, options);
  if (is_only_counted(stream, dy, w, b, changed(dx, options.add), z)) return;
  MYNAH_CALL_TWIN(convolution_transposed, stream, geometry, dy, w, b, activation, dx, z, options);
}

template <class Scalar>
void convolution_weight_gradient(Stream& stream, const ConvolutionGeometry& geometry, ConstMatrixOf<Scalar> x,
                                 ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dw, ProductOptions options) {
  check_images<Scalar>(geometry, x, dy, "convolution_weight_gradient");
  require(dw.rows == geometry.out_channels && dw.columns == geometry.depth(), "convolution_weight_gradient",
          "dw [out_channels, depth]");
  if (dw.empty() || dy.empty()) return;
  if (geometry.is_product()) {
    const MatrixView<const Scalar> no_weights{nullptr, dw.rows, dw.columns};
    return linear_backward<Scalar>(stream, x, no_weights, dy, {}, dw, {}, {}, options);
  }
  if (is_only_counted(stream, x, dy, changed(dw))) return;
  MYNAH_CALL_TWIN(convolution_weight_gradient, stream, geometry, x, dy, dw, options);
}

template <class Scalar>
void channel_bias_forward(Stream& stream, ConstVectorOf<Scalar> b, MatrixOf<Scalar> y) {
  require(b.empty() ? y.columns == 0 : y.columns % b.size == 0, "channel_bias_forward", "y [rows, channels * places]");
  if (y.empty()) return;
  if (is_only_counted(stream, b, y)) return;
  MYNAH_CALL_TWIN(channel_bias_forward, stream, b, y);
}

template <class Scalar>
void channel_bias_backward(Stream& stream, ConstMatrixOf<Scalar> dy, VectorOf<Scalar> db) {
  require(db.empty() ? dy.columns == 0 : dy.columns % db.size == 0, "channel_bias_backward",
          "dy [rows, channels * places]");
  if (dy.empty()) return;
  if (is_only_counted(stream, dy, changed(db))) return;
  MYNAH_CALL_TWIN(channel_bias_backward, stream, dy, db);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(convolution_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(convolution_transposed)
MYNAH_FOR_FLOAT_AND_DOUBLE(convolution_weight_gradient)
MYNAH_FOR_FLOAT_AND_DOUBLE(channel_bias_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(channel_bias_backward)

}  // namespace mynah::kernels
