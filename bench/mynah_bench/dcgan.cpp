#include "bench/mynah_bench/dcgan.h"

#include "engine/adam.h"
#include "engine/execution.h"
#include "engine/layers/batch_norm.h"
#include "engine/layers/conv2d.h"
#include "engine/layers/conv_transpose2d.h"
#include "engine/layers/nonlinearity.h"
#include "engine/loss.h"
#include "engine/named_graph.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"

namespace mynah::bench {
namespace {

using kernels::Activation;

constexpr Index noise_columns = 64, image_columns = 28 * 28;

template <class Options>
Options square(Index channels, Index extent, Index out_channels, Index kernel, Index stride, Index padding) {
  Options options;
  options.in_channels = channels;
  options.in_height = options.in_width = extent;
  options.out_channels = out_channels;
  options.kernel = kernel;
  options.stride = stride;
  options.padding = padding;
  return options;
}

template <class L, class... Arguments>
std::shared_ptr<const Layer> make(const Arguments&... arguments) {
  return std::make_shared<L>(arguments...);
}

GraphDescription discriminator() {
  auto first = square<Conv2dOptions>(1, 28, 64, 4, 2, 1), second = square<Conv2dOptions>(64, 14, 128, 4, 2, 1);
  const Activation leaky(Activation::leaky_relu, 0.2f);
  first.activation = leaky;
  second.bias = false;
  return {{{"x", image_columns}},
          {{"0", make<Conv2d>(first), {"x"}},
           {"1", make<Conv2d>(second), {"0"}},
           {"2", make<BatchNorm>(128, 49), {"1"}},
           {"3", make<Nonlinearity>(leaky), {"2"}},
           {"y", make<Conv2d>(square<Conv2dOptions>(128, 7, 1, 7, 1, 0)), {"3"}}},
          {"y"}};
}

GraphDescription generator() {
  using Options = ConvTranspose2dOptions;
  auto first = square<Options>(noise_columns, 1, 128, 7, 1, 0), second = square<Options>(128, 7, 64, 4, 2, 1),
       third = square<Options>(64, 14, 1, 4, 2, 1);
  first.bias = second.bias = false;
  third.activation = Activation::tanh;
  return {{{"x", noise_columns}},
          {{"0", make<ConvTranspose2d>(first), {"x"}},
           {"1", make<BatchNorm>(128, 49), {"0"}},
           {"2", make<Nonlinearity>(Activation::relu), {"1"}},
           {"3", make<ConvTranspose2d>(second), {"2"}},
           {"4", make<BatchNorm>(64, 14 * 14), {"3"}},
           {"5", make<Nonlinearity>(Activation::relu), {"4"}},
           {"y", make<ConvTranspose2d>(third), {"5"}}},
          {"y"}};
}

struct Player {
  Player(Stream& stream, const GraphDescription& description)
      : named(connect(description)),
        network(stream, named.graph),
        optimizer(stream, network.parameters, {2e-4, {.beta1 = 0.5}, {}}),
        input(named.at("x")),
        output(named.at("y")) {
    network.parameters.initialize(stream, 1);
  }
  Execution execution(Index rows, bool input_gradients, bool parameter_gradients) const {
    Execution::Options options;
    options.rows = rows;
    options.gradients = true;
    options.input_gradients = input_gradients;
    options.parameter_gradients = parameter_gradients;
    options.mode = Mode::train;
    options.step = optimizer.step_counter();
    return {network, {output}, options};
  }

  NamedGraph named;
  Network network;
  Adam optimizer;
  Value input, output;
};

}  // namespace

struct Dcgan::State {
  State(Stream& on, Index batch)
      : stream(on),
        judge(on, discriminator()),
        painter(on, generator()),
        judging(judge.execution(batch, false, true)),
        passing_on(judge.execution(batch, true, false)),
        painting(painter.execution(batch, false, true)),
        images(on.device(), batch * image_columns),
        loss(on, std::span<const double>(&zero, 1)) {
    kernels::normal(on, random_key(1, RandomStream::test, 0), nullptr, 0.0f, 1.0f, images.view());
    draw_noise();
  }

  void draw_noise() {
    const Matrix noise = painting.value(painter.input);
    kernels::normal(stream, random_key(1, RandomStream::test, 1), painter.optimizer.step_counter(), 0.0f, 1.0f,
                    {noise.data, noise.rows * noise.columns});
  }
  /// Forward and backward pass of the discriminator, towards the label of `images`.
  void judge_images(const Execution& execution, ConstMatrix of, float label) {
    kernels::copy(stream, of, execution.value(judge.input));
    execution.forward(stream);
    Targets targets;
    targets.constant = label;
    evaluate_loss(stream, Loss::binary_cross_entropy, execution.value(judge.output), targets, loss.view(),
                  execution.gradient(judge.output));
    execution.backward(stream, judge.output);
  }

  static constexpr double zero = 0.0;
  Stream& stream;
  Player judge, painter;
  Execution judging, passing_on, painting;
  Buffer<float> images;
  Buffer<double> loss;
};

Dcgan::Dcgan(Stream& stream, Index batch) : state_(std::make_unique<State>(stream, batch)) {}
Dcgan::~Dcgan() = default;

void Dcgan::discriminator_step() {
  State& s = *state_;
  kernels::fill(s.stream, s.judge.network.parameters.gradient(), 0.0f);
  s.draw_noise();
  s.painting.forward(s.stream);
  s.judge_images(s.judging, ConstMatrix{s.images.data(), s.judging.rows(), image_columns}, 1.0f);
  s.judge_images(s.judging, s.painting.value(s.painter.output), 0.0f);
  s.judge.optimizer.step(s.stream);
}

void Dcgan::generator_step() {
  State& s = *state_;
  kernels::fill(s.stream, s.painter.network.parameters.gradient(), 0.0f);
  s.draw_noise();
  s.painting.forward(s.stream);
  s.judge_images(s.passing_on, s.painting.value(s.painter.output), 1.0f);
  kernels::copy(s.stream, s.passing_on.gradient(s.judge.input), s.painting.gradient(s.painter.output));
  s.painting.backward(s.stream, s.painter.output);
  s.painter.optimizer.step(s.stream);
}

}  // namespace mynah::bench
