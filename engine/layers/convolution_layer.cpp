#include "engine/layers/convolution_layer.h"

#include "engine/activation_operand.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {

using kernels::Activation;
using kernels::ProductOptions;

Index ConvolutionLayer::output_columns(std::span<const Index> inputs) const {
  const std::string place = kind_ + " layer";
  if (inputs.size() != 1) throw input_error(place, "takes one input, got " + std::to_string(inputs.size()));
  const Index expected = options_.in_channels * options_.in_height * options_.in_width;
  if (inputs[0] == expected) return image_size();
  throw input_error(place,
                    "takes images of " + std::to_string(options_.in_channels) + " x " +
                        std::to_string(options_.in_height) + " x " + std::to_string(options_.in_width) + " = " +
                        std::to_string(expected) + " columns, got " + std::to_string(inputs[0]) + " columns",
                    "make channels, height and width those of the layer before");
}

std::vector<TensorSpec> ConvolutionLayer::tensors(std::span<const Index>) const {
  // torch takes the weight's extents behind the first for the fan-in of both: [out, in / groups, kh, kw] and, of the
  // transposed, [in, out / groups, kh, kw].
  const Index fan_in = geometry_.depth(), fan_out = geometry_.group_outputs() * geometry_.taps();
  const Initialization initialization = options_.initialization;
  const bool as_torch = initialization == Initialization::kaiming_uniform;
  std::vector<TensorSpec> specs{
      {"weight",
       {geometry_.out_channels, geometry_.group_inputs(), geometry_.kernel_height, geometry_.kernel_width},
       initialization,
       fan_in,
       fan_out}};
  if (options_.bias) {
    specs.push_back(
        {"bias", {options_.out_channels}, as_torch ? initialization : Initialization::zeros, fan_in, fan_out});
  }
  return specs;
}

Index ConvolutionLayer::saved_size(Index rows, std::span<const Index>) const {
  return activation_operand_size(options_.activation, rows, image_size());
}

Index ConvolutionLayer::tangent_saved_size(Index rows, std::span<const Index>) const {
  return options_.activation == Activation::none ? 0 : rows * image_size();
}

template <class Scalar>
void ConvolutionLayer::apply(Stream& stream, bool transposed, MatrixView<const Scalar> x, MatrixView<const Scalar> w,
                             VectorView<const Scalar> b, Activation activation, MatrixView<Scalar> y,
                             MatrixView<Scalar> z, ProductOptions options) const {
  if (transposed) {
    kernels::convolution_transposed<Scalar>(stream, geometry_, x, w, b, activation, y, z, options);
  } else {
    kernels::convolution_forward<Scalar>(stream, geometry_, x, w, b, activation, y, z, options);
  }
}

template <class Scalar>
void ConvolutionLayer::add_weight_gradient(Stream& stream, MatrixView<const Scalar> x, MatrixView<const Scalar> dz,
                                           TensorViewOf<Scalar> dw, ProductOptions options) const {
  if (dw.data == nullptr) return;
  kernels::convolution_weight_gradient<Scalar>(stream, geometry_, transposed_ ? dz : x, transposed_ ? x : dz,
                                               weights(dw), options);
}

template <class Scalar>
void ConvolutionLayer::add_bias_gradient(Stream& stream, MatrixView<const Scalar> dz,
                                         std::span<const TensorViewOf<Scalar>> gradients) const {
  const VectorView<Scalar> db = bias_of(gradients);
  if (db.data != nullptr) kernels::channel_bias_backward<Scalar>(stream, dz, db);
}

template <class Scalar>
void ConvolutionLayer::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  apply<Scalar>(stream, transposed_, pass.inputs[0], weights(pass.tensors[0]), bias_of(pass.tensors),
                options_.activation, pass.output, kept_before_activation(options_.activation, pass),
                {pass.settings.precision});
}

template <class Scalar>
void ConvolutionLayer::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  const MatrixView<Scalar> dz = pass.output_gradient;
  if (options_.activation != Activation::none && !pass.output_gradient_is_before_activation) {
    kernels::activation_backward<Scalar>(
        stream, options_.activation, activation_operand<Scalar>(options_.activation, pass.output, pass.saved), dz, dz);
  }
  const ProductOptions options{pass.settings.precision};
  if (pass.input_gradients[0].data != nullptr) {
    apply<Scalar>(stream, !transposed_, dz, weights(pass.tensors[0]), {}, Activation::none, pass.input_gradients[0], {},
                  options);
  }
  add_weight_gradient<Scalar>(stream, pass.inputs[0], dz, pass.tensor_gradients[0], options);
  add_bias_gradient<Scalar>(stream, dz, pass.tensor_gradients);
}

template <class Scalar>
void ConvolutionLayer::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  // ż is kept apart where the activation hides it: f' may be 0.
  const bool plain = options_.activation == Activation::none;
  const MatrixView<Scalar> dz =
      plain ? pass.output_tangent
            : MatrixView<Scalar>{pass.tangent_saved.data, pass.output_tangent.rows, pass.output_tangent.columns};
  const MatrixView<const Scalar> dx = pass.input_tangents[0];
  const TensorViewOf<Scalar> dw = pass.tensor_tangents[0];
  const bool with_dx = dx.data != nullptr, with_dw = dw.data != nullptr;
  VectorView<const Scalar> db = bias_of(pass.tensor_tangents);
  if (db.data == nullptr) db = {};
  const auto precision = pass.settings.precision;
  if (with_dx) {
    apply<Scalar>(stream, transposed_, dx, weights(pass.tensors[0]), db, Activation::none, dz, {}, {precision});
  }
  if (with_dw) {
    apply<Scalar>(stream, transposed_, pass.inputs[0], weights(dw), with_dx ? VectorView<const Scalar>{} : db,
                  Activation::none, dz, {}, {precision, with_dx});
  }
  if (!with_dx && !with_dw) {
    for (Index m = 0; m < dz.rows; ++m) kernels::fill<Scalar>(stream, dz.row(m), Scalar(0));
    if (!db.empty()) kernels::channel_bias_forward<Scalar>(stream, db, dz);
  }
  if (plain) return;
  kernels::activation_backward<Scalar>(stream, options_.activation,
                                       activation_operand<Scalar>(options_.activation, pass.output, pass.saved), dz,
                                       pass.output_tangent);
}

template <class Scalar>
void ConvolutionLayer::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  const MatrixView<Scalar> of_z = pass.output_gradient;
  const MatrixView<Scalar> of_dz = pass.output_tangent_gradient;
  if (options_.activation != Activation::none) {
    kernels::activation_tangent_backward<Scalar>(
        stream, options_.activation, activation_operand<Scalar>(options_.activation, pass.output, pass.saved),
        MatrixView<const Scalar>{pass.tangent_saved.data, of_z.rows, of_z.columns}, of_z, of_dz);
  }
  const ProductOptions first{pass.settings.precision}, second{pass.settings.precision, true};
  const MatrixView<Scalar> dx = pass.input_gradients[0], of_dx = pass.input_tangent_gradients[0];
  const MatrixView<const Scalar> w = weights(pass.tensors[0]);
  const TensorViewOf<Scalar> w_tangent = pass.tensor_tangents[0], of_w = pass.tensor_gradients[0];
  if (dx.data != nullptr) {
    apply<Scalar>(stream, !transposed_, of_z, w, {}, Activation::none, dx, {}, first);
    if (w_tangent.data != nullptr) {
      apply<Scalar>(stream, !transposed_, of_dz, weights(w_tangent), {}, Activation::none, dx, {}, second);
    }
  }
  if (of_dx.data != nullptr) apply<Scalar>(stream, !transposed_, of_dz, w, {}, Activation::none, of_dx, {}, first);
  add_weight_gradient<Scalar>(stream, pass.inputs[0], of_z, of_w, first);
  if (pass.input_tangents[0].data != nullptr) {
    add_weight_gradient<Scalar>(stream, pass.input_tangents[0], of_dz, of_w, first);
  }
  add_bias_gradient<Scalar>(stream, of_z, pass.tensor_gradients);
}

kernels::ConvolutionGeometry geometry_without_extents(const std::string& kind, const ConvolutionOptions& options) {
  const std::string place = kind + " layer";
  const auto text = [](const Extent2d& extent) {
    return std::to_string(extent.height) + " x " + std::to_string(extent.width);
  };
  const auto at_least = [](const Extent2d& extent, Index least) {
    return extent.height >= least && extent.width >= least;
  };
  const auto refuse = [&](bool holds, const std::string& problem, const std::string& remedy) {
    if (!holds) throw input_error(place, problem, remedy);
  };
  refuse(options.in_channels > 0 && options.out_channels > 0,
         "has channels " + std::to_string(options.in_channels) + " and " + std::to_string(options.out_channels),
         "give it at least 1 on both ends");
  refuse(options.groups > 0, "has " + std::to_string(options.groups) + " groups", "give it at least 1");
  refuse(options.in_channels % options.groups == 0 && options.out_channels % options.groups == 0,
         "has " + std::to_string(options.groups) + " groups, which do not divide its " +
             std::to_string(options.in_channels) + " and " + std::to_string(options.out_channels) + " channels",
         "take a number of groups that divides both");
  refuse(at_least(options.kernel, 1), "has a kernel of " + text(options.kernel), "give it at least 1 x 1");
  refuse(at_least(options.stride, 1), "has a stride of " + text(options.stride), "give it at least 1");
  refuse(at_least(options.dilation, 1), "has a dilation of " + text(options.dilation), "give it at least 1");
  refuse(at_least(options.padding, 0), "has a padding of " + text(options.padding), "give it 0 or more");
  kernels::ConvolutionGeometry geometry;
  geometry.kernel_height = options.kernel.height;
  geometry.kernel_width = options.kernel.width;
  geometry.stride_height = options.stride.height;
  geometry.stride_width = options.stride.width;
  geometry.padding_height = options.padding.height;
  geometry.padding_width = options.padding.width;
  geometry.dilation_height = options.dilation.height;
  geometry.dilation_width = options.dilation.width;
  geometry.groups = options.groups;
  return geometry;
}

MYNAH_LAYER(ConvolutionLayer)

}  // namespace mynah
