#include "kernels/convolution.h"

#include "engine/layers/conv2d.h"
#include "engine/layers/conv_transpose2d.h"
#include "kernels/elementwise.h"
#include "tests/operations/convolution_cases.h"
#include "tests/operations/null_views.h"
#include "tests/operations/registry.h"
#include "tests/operations/rivals/rivals.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::ConvolutionGeometry;
using kernels::Precision;

double flops_of(const ConvolutionCase& shape) {
  const auto& g = shape.geometry;
  return 2.0 * static_cast<double>(shape.rows * g.out_columns()) * static_cast<double>(g.depth());
}

struct Wanted {
  Activation activation = Activation::none;
  bool z = false, add = false;
  Precision precision = Precision::float32;
};

/// Either direction: from in to out, or back.
void product_case(Parity& run, const ConvolutionCase& shape, bool transposed, const Wanted& wanted) {
  run.flops(flops_of(shape));
  const ConvolutionGeometry g = shape.geometry;
  const Index from = transposed ? g.out_columns() : g.in_columns(), to = transposed ? g.in_columns() : g.out_columns();
  const auto x = run.input(shape.rows, from, shape.layout);
  const auto w = run.input(g.out_channels, g.depth(), shape.layout);
  const auto b = run.input(1, !shape.bias ? 0 : transposed ? g.in_channels : g.out_channels, shape.layout);
  const auto y = wanted.add ? run.changed(shape.rows, to, shape.layout) : run.output(shape.rows, to, shape.layout);
  const auto z = wanted.z ? run.output(shape.rows, to, shape.layout) : Tensor<float>{};
  run.rival({"cuDNN",
             [=](const Place& at) {
               const auto operation = transposed ? cudnn::convolution_transposed : cudnn::convolution_forward;
               return operation(at.stream, g, at.matrix(x), at.matrix(w), at.matrix(y), wanted.precision);
             },
             [=](const Place& at) {
               const auto operation =
                   transposed ? kernels::convolution_transposed<float> : kernels::convolution_forward<float>;
               operation(at.stream, g, at.matrix(x), at.matrix(w), {}, Activation::none, at.matrix(y), {},
                         {wanted.precision});
             }});
  run.expect_same([=](const Place& at) {
    const auto operation = transposed ? kernels::convolution_transposed<float> : kernels::convolution_forward<float>;
    operation(at.stream, g, at.matrix(x), at.matrix(w), at.vector(b), wanted.activation, at.matrix(y),
              wanted.z ? at.matrix(z) : Matrix{}, {wanted.precision, wanted.add});
  });
}

void weight_gradient_case(Parity& run, const ConvolutionCase& shape, Precision precision = Precision::float32) {
  run.flops(flops_of(shape));
  const ConvolutionGeometry g = shape.geometry;
  const auto x = run.input(shape.rows, g.in_columns(), shape.layout);
  const auto dy = run.input(shape.rows, g.out_columns(), shape.layout);
  const auto dw = run.changed(g.out_channels, g.depth(), shape.layout);
  const auto ours = [=](const Place& at) {
    kernels::convolution_weight_gradient(at.stream, g, at.matrix(x), at.matrix(dy), at.matrix(dw), {precision});
  };
  run.rival({"cuDNN",
             [=](const Place& at) {
               return cudnn::convolution_weight_gradient(at.stream, g, at.matrix(x), at.matrix(dy), at.matrix(dw),
                                                         precision);
             },
             ours});
  run.expect_same(ours);
}

void register_products(Family& family) {
  std::vector<ConvolutionCase> cases = convolution_cases();
  for (const ConvolutionCase& shape : convolution_tile_cases()) cases.push_back(shape);
  for (const ConvolutionCase& shape : winograd_cases()) cases.push_back(shape);
  for (const ConvolutionCase& shape : cases) {
    const std::string text = text_of(shape);
    family.operation("convolution_forward", text, [=](Parity& run) { product_case(run, shape, false, {}); });
    family.operation("convolution_transposed", text, [=](Parity& run) { product_case(run, shape, true, {}); });
    family.operation("convolution_weight_gradient", text, [=](Parity& run) { weight_gradient_case(run, shape); });
  }
  std::size_t next = 0;
  const auto kinds = kernels::activation_kinds();
  for (const ConvolutionCase& shape : convolution_cases()) {
    const Wanted activated{kinds.data[next % static_cast<std::size_t>(kinds.size)], next % 2 == 0};
    const Wanted added{Activation::none, false, true};
    ++next;
    const std::string text = text_of(shape) + " " + activated.activation.name() + (activated.z ? ", z kept" : "");
    family.parity("convolution_forward", text, [=](Parity& run) { product_case(run, shape, false, activated); });
    family.parity("convolution_transposed", text, [=](Parity& run) { product_case(run, shape, true, activated); });
    family.parity("convolution_forward", text_of(shape) + ", added",
                  [=](Parity& run) { product_case(run, shape, false, added); });
    family.parity("convolution_transposed", text_of(shape) + ", added",
                  [=](Parity& run) { product_case(run, shape, true, added); });
  }
  for (const ConvolutionCase& shape : convolution_speed_cases()) {
    const std::string text = text_of(shape);
    family.speed("convolution_forward", text, [=](Parity& run) { product_case(run, shape, false, {}); });
    family.speed("convolution_transposed", text, [=](Parity& run) { product_case(run, shape, true, {}); });
    family.speed("convolution_weight_gradient", text, [=](Parity& run) { weight_gradient_case(run, shape); });
  }
}

/// Both sides round the factors alike, so the limit is that of float32: see add_reduced_precision of linear.cpp.
void register_reduced_precision(Family& family, Precision precision) {
  std::vector<ConvolutionCase> cases = convolution_cases();
  for (const ConvolutionCase& shape : convolution_tile_cases()) cases.push_back(shape);
  const auto kinds = kernels::activation_kinds();
  std::size_t next = 0;
  for (const ConvolutionCase& shape : cases) {
    const std::string text = text_of(shape);
    Wanted wanted{Activation::none, false, false, precision};
    if (next % 3 == 1) wanted.add = true;
    if (next % 3 == 2) {
      wanted.activation = kinds.data[next / 3 % static_cast<std::size_t>(kinds.size)];
      wanted.z = next % 2 == 0;
    }
    ++next;
    family.operation(
        "convolution_forward", text, [=](Parity& run) { product_case(run, shape, false, wanted); }, precision);
    family.operation(
        "convolution_transposed", text, [=](Parity& run) { product_case(run, shape, true, wanted); }, precision);
    family.operation(
        "convolution_weight_gradient", text, [=](Parity& run) { weight_gradient_case(run, shape, precision); },
        precision);
  }
  for (const ConvolutionCase& shape : convolution_speed_cases()) {
    const std::string text = text_of(shape);
    const Wanted wanted{Activation::none, false, false, precision};
    family.speed(
        "convolution_forward", text, [=](Parity& run) { product_case(run, shape, false, wanted); }, precision);
    family.speed(
        "convolution_transposed", text, [=](Parity& run) { product_case(run, shape, true, wanted); }, precision);
    family.speed(
        "convolution_weight_gradient", text, [=](Parity& run) { weight_gradient_case(run, shape, precision); },
        precision);
  }
}

struct ChannelCase {
  Index rows, channels, places;
  Layout layout;
};

std::vector<ChannelCase> channel_cases() {
  std::vector<ChannelCase> cases{{0, 3, 4, {}}, {3, 0, 0, {}}, {3, 4, 0, {}}};
  std::size_t next = 0;
  for (const Index rows : {1, 2, 17}) {
    for (const Index channels : {1, 3, 16, 40}) {
      for (const Index places : {1, 4, 9, 49}) {
        cases.push_back({rows, channels, places, layouts()[next++ % layouts().size()]});
      }
    }
  }
  return cases;
}

/// y = 0, and then the bias of every channel.
Differentiable channel_bias(Index rows, Index channels, Index places) {
  Differentiable result;
  std::mt19937 generator(5);
  result.inputs.push_back(Doubles(1, channels).randomize(generator));
  result.outputs = {{rows, channels * places}};
  result.accumulated = {true};
  using In = Differentiable::In;
  using Out = Differentiable::Out;
  const auto broadcast = [](Stream& stream, MatrixView<const double> b, MatrixView<double> y) {
    for (Index m = 0; m < y.rows; ++m) kernels::fill<double>(stream, y.row(m), 0.0);
    kernels::channel_bias_forward<double>(stream, b.row(0), y);
  };
  result.forward = [=](Stream& stream, In inputs, Out outputs) { broadcast(stream, inputs[0], outputs[0]); };
  result.backward = [](Stream& stream, In, In, Out output_gradients, Out input_gradients) {
    kernels::channel_bias_backward<double>(stream, output_gradients[0], input_gradients[0].row(0));
  };
  result.tangent = [=](Stream& stream, In, In, In input_tangents, Out output_tangents) {
    broadcast(stream, input_tangents[0], output_tangents[0]);
  };
  result.tangent_backward = [](Stream& stream, In, In, In, Out output_gradients, Out, Out input_gradients, Out) {
    kernels::channel_bias_backward<double>(stream, output_gradients[0], input_gradients[0].row(0));
  };
  return result;
}

void register_channel_bias(Family& family) {
  for (const ChannelCase& shape : channel_cases()) {
    const std::string text = std::to_string(shape.rows) + " x " + std::to_string(shape.channels) + " x " +
                             std::to_string(shape.places) + text_of(shape.layout);
    family.operation("channel_bias_forward", text, [=](Parity& run) {
      const auto b = run.input(1, shape.channels, shape.layout);
      const auto y = run.changed(shape.rows, shape.channels * shape.places, shape.layout);
      run.expect_same([=](const Place& at) { kernels::channel_bias_forward(at.stream, at.vector(b), at.matrix(y)); });
    });
    family.operation("channel_bias_backward", text, [=](Parity& run) {
      const auto dy = run.input(shape.rows, shape.channels * shape.places, shape.layout);
      const auto db = run.changed(1, shape.channels, shape.layout);
      run.expect_same(
          [=](const Place& at) { kernels::channel_bias_backward(at.stream, at.matrix(dy), at.vector(db)); });
    });
  }
  for (const ChannelCase& shape : {ChannelCase{0, 3, 4, {}}, {1, 5, 3, {}}, {7, 2, 9, {}}}) {
    family.gradient(
        {"channel_bias_forward", "channel_bias_backward"},
        std::to_string(shape.rows) + " x " + std::to_string(shape.channels) + " x " + std::to_string(shape.places),
        [=] { return channel_bias(shape.rows, shape.channels, shape.places); });
  }
}

/// The same options for both layers, of a small image.
template <class Options>
Options small_options(Index groups, Activation activation) {
  Options options;
  options.in_channels = 2 * groups;
  options.in_height = 5;
  options.in_width = 4;
  options.out_channels = 3 * groups;
  options.groups = groups;
  options.activation = activation;
  return options;
}

template <class Layer, class Options>
LayerCase layer_case(Index rows, const Options& options) {
  LayerCase one;
  one.layer = std::make_shared<Layer>(options);
  one.rows = rows;
  one.input_columns = {options.in_channels * options.in_height * options.in_width};
  one.padding = rows % 2;
  return one;
}

template <class Layer, class Options>
void register_gradients(Family& family, const std::string& layer_name) {
  const auto add = [&](Index rows, const Options& options, const std::string& name) {
    family.gradient({layer_name, "convolution_forward", "convolution_transposed", "convolution_weight_gradient",
                     "channel_bias_backward"},
                    layer_name + " " + std::to_string(rows) + " " + name,
                    [=] { return differentiable(layer_case<Layer>(rows, options)); });
  };
  for (const Activation activation : {Activation::none, Activation::gelu}) {
    family.check(Aspect::tangent, {layer_name}, layer_name + " null views " + activation.name(),
                 [=] { expect_null_views(layer_case<Layer>(2, small_options<Options>(1, activation))); });
  }
  const auto kinds = kernels::activation_kinds();
  for (Index i = 0; i < kinds.size; ++i) {
    add(3, small_options<Options>(1, kinds.data[i]), std::string("plain ") + Activation(kinds.data[i]).name());
  }
  Options options = small_options<Options>(2, Activation::tanh);
  options.kernel = {2, 3};
  options.stride = {2, 1};
  options.padding = {1, 0};
  options.dilation = {1, 1};
  for (const Index rows : {0, 1, 4}) add(rows, options, "not square, in groups");
  options.bias = false;
  options.stride = 3;
  options.padding = 2;
  options.dilation = 2;
  add(2, options, "without bias, dilated");
  Options product = small_options<Options>(1, Activation::silu);
  product.kernel = {5, 4};
  product.in_height = std::is_same_v<Layer, Conv2d> ? 5 : 1;
  product.in_width = std::is_same_v<Layer, Conv2d> ? 4 : 1;
  add(3, product, "a product");
}

/// `tensor.geometry` of a dump: in_height, in_width, stride, padding, dilation (height and width each), groups and, of
/// a transposed convolution, its output padding.
template <class Layer, class Options>
void compare_layer(PyTorchCase& dump, Precision precision = Precision::float32) {
  const std::vector<float> numbers = dump.values("geometry");
  const auto number = [&](std::size_t i) { return static_cast<Index>(numbers.at(i)); };
  const std::vector<Index> in = dump.shape("input0"), out = dump.shape("output"), w = dump.shape("tensor.weight");
  Options options;
  options.in_channels = in.at(1);
  options.in_height = in.at(2);
  options.in_width = in.at(3);
  options.out_channels = out.at(1);
  options.kernel = {w.at(2), w.at(3)};
  options.stride = {number(0), number(1)};
  options.padding = {number(2), number(3)};
  options.dilation = {number(4), number(5)};
  options.groups = number(6);
  if constexpr (std::is_same_v<Layer, ConvTranspose2d>) options.output_padding = {number(7), number(8)};
  options.bias = dump.has("tensor.bias");
  options.activation = static_cast<Activation::Kind>(number(9));
  const Layer layer(options);
  EXPECT_EQ(layer.out_height(), out.at(2));
  EXPECT_EQ(layer.out_width(), out.at(3));
  dump.expect_layer(layer, Mode::evaluate, 1e-5, precision);
}

void register_pytorch(Family& family) {
  std::vector<std::string> shown{"conv 2d layer", "convolution_forward", "convolution_transposed",
                                 "convolution_weight_gradient", "channel_bias_backward"};
  for (const char* name :
       {"plain", "strided", "dilated", "groups", "depthwise", "product", "one pixel", "not square"}) {
    family.pytorch(shown, std::string("conv ") + name,
                   [](PyTorchCase& dump) { compare_layer<Conv2d, Conv2dOptions>(dump); });
  }
  shown[0] = "conv transpose 2d layer";
  for (const char* name :
       {"plain", "strided", "dilated", "groups", "depthwise", "output padding", "product", "not square"}) {
    if (std::string(name) == "product") shown.emplace_back("channel_bias_forward");
    family.pytorch(shown, std::string("transposed ") + name,
                   [](PyTorchCase& dump) { compare_layer<ConvTranspose2d, ConvTranspose2dOptions>(dump); });
  }
  for (const Precision precision : {Precision::tf32, Precision::bfloat16}) {
    const std::string of = precision_name(precision);
    for (const char* name : {" conv strided", " conv groups"}) {
      family.pytorch({"conv 2d layer"}, of + name,
                     [=](PyTorchCase& dump) { compare_layer<Conv2d, Conv2dOptions>(dump, precision); });
    }
    for (const char* name : {" transposed strided", " transposed product"}) {
      family.pytorch({"conv transpose 2d layer"}, of + name, [=](PyTorchCase& dump) {
        compare_layer<ConvTranspose2d, ConvTranspose2dOptions>(dump, precision);
      });
    }
  }
}

const Family convolution_family("convolution", [](Family& family) {
  register_products(family);
  for (const Precision precision : {Precision::tf32, Precision::bfloat16}) {
    register_reduced_precision(family, precision);
  }
  register_channel_bias(family);
  register_gradients<Conv2d, Conv2dOptions>(family, "conv 2d layer");
  register_gradients<ConvTranspose2d, ConvTranspose2dOptions>(family, "conv transpose 2d layer");
  register_pytorch(family);
});

}  // namespace
}  // namespace mynah::tests
