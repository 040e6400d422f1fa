// The forward and the backward pass of one layer, of a loss, or a training step of a DCGAN.
//
// A step of a layer is what a training step asks of it: gradients of its tensors set to zero, forward, dL/dy put in its
// place, backward to the tensors and to the input; all through an Execution. A step of a loss is value and gradient.

#include <memory>

#include "bench/mynah_bench/dcgan.h"
#include "bench/mynah_bench/timed.h"
#include "bench/mynah_bench/timed_layers.h"
#include "engine/execution.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/operations/rivals/rivals.h"

namespace mynah::bench {
namespace {

/// Standard normal, dense [rows, columns].
class RandomMatrix {
 public:
  RandomMatrix(Stream& stream, Index rows, Index columns, std::uint32_t instance)
      : rows_(rows), columns_(columns), values_(stream.device(), rows * columns) {
    kernels::normal(stream, random_key(1, RandomStream::test, instance), nullptr, 0.0f, 1.0f, values_.view());
  }
  Matrix view() const { return {values_.data(), rows_, columns_}; }

 private:
  Index rows_, columns_;
  Buffer<float> values_;
};

struct LayerPass {
  LayerPass(const TimedLayer& timed, const Workload& workload, DeviceId device)
      : stream(open_stream(workload, device)) {
    Graph graph;
    const Value input = graph.input(timed.input_columns);
    output = graph.add("layer", timed.layer, input);
    network = std::make_unique<Network>(stream, std::move(graph));
    network->parameters.initialize(stream, 1);
    Execution::Options options;
    options.rows = workload.batch;
    options.gradients = options.input_gradients = true;
    options.mode = Mode::train;
    options.precision = workload.precision;
    execution = std::make_unique<Execution>(*network, std::vector{output}, options);
    const RandomMatrix x(stream, workload.batch, timed.input_columns, 0);
    kernels::copy(stream, x.view(), execution->value(input));
    dy = std::make_unique<RandomMatrix>(stream, workload.batch, network->graph.columns(output), 1);
    stream.synchronize();
  }
  void run() {
    kernels::fill(stream, network->parameters.gradient(), 0.0f);
    execution->forward(stream);
    kernels::copy(stream, dy->view(), execution->gradient(output));
    execution->backward(stream, output);
  }

  Stream stream;
  Value output;
  std::unique_ptr<Network> network;
  std::unique_ptr<Execution> execution;
  std::unique_ptr<RandomMatrix> dy;
};

struct CrossEntropy {
  CrossEntropy(const Workload& workload, Index classes, DeviceId device)
      : stream(open_stream(workload, device)),
        logits(stream, workload.batch, classes, 0),
        gradient(stream, workload.batch, classes, 1),
        loss(device, 1) {
    std::vector<std::int32_t> chosen;
    for (Index m = 0; m < workload.batch; ++m) chosen.push_back(static_cast<std::int32_t>(m * 7 % classes));
    labels = Buffer<std::int32_t>(stream, std::span<const std::int32_t>(chosen));
    loss.upload(stream, 0.0);
    targets.labels = labels.view();
  }
  void run() {
    evaluate_loss(stream, Loss::softmax_cross_entropy, logits.view(), targets, loss.view(), gradient.view());
  }

  Stream stream;
  RandomMatrix logits, gradient;
  Buffer<std::int32_t> labels;
  Buffer<double> loss;
  Targets targets;
};

struct DcganStep {
  DcganStep(const Workload& workload, DeviceId device)
      : stream(open_stream(workload, device)), dcgan(stream, workload.batch) {}
  void run() {
    dcgan.discriminator_step();
    dcgan.generator_step();
  }
  Stream stream;
  Dcgan dcgan;
};

template <class State>
Timed repeat_pass(const std::shared_ptr<State>& state, Path path) {
  return repeat(state->stream, path, [state] { state->run(); });
}

kernels::ConvolutionGeometry geometry_of(LayerSpec& spec) {
  kernels::ConvolutionGeometry g;
  g.in_channels = spec.number("in");
  g.in_height = spec.number("height");
  g.in_width = spec.number("width");
  g.out_channels = spec.number("out");
  g.kernel_height = g.kernel_width = spec.number("kernel");
  g.stride_height = g.stride_width = spec.number("stride", 1);
  g.padding_height = g.padding_width = spec.number("padding", 0);
  return g.with_output_extents();
}

/// Of the products of one forward pass, each of which is taken thrice: also for the two gradients.
double products_of(LayerSpec& spec) {
  if (spec.kind() == "linear") return static_cast<double>(spec.number("in") * spec.number("out"));
  if (spec.kind() == "conv2d") {
    const kernels::ConvolutionGeometry g = geometry_of(spec);
    return static_cast<double>(g.out_columns() * g.depth());
  }
  if (spec.kind() == "conv_transpose2d") {
    const Index kernel = spec.number("kernel");
    return static_cast<double>(spec.number("in") * spec.number("height") * spec.number("width") * spec.number("out") *
                               kernel * kernel);
  }
  if (spec.kind() == "gru") {
    const Index hidden = spec.number("hidden");
    return static_cast<double>(spec.number("steps") * 3 * hidden * (spec.number("features") + hidden));
  }
  return 0.0;
}

/// The three convolutions of a forward and a backward pass, without bias.
struct CudnnPass {
  CudnnPass(const kernels::ConvolutionGeometry& g, const Workload& workload, DeviceId device)
      : stream(device),
        x(stream, workload.batch, g.in_columns(), 0),
        w(stream, g.out_channels, g.depth(), 1),
        y(stream, workload.batch, g.out_columns(), 2) {
    using namespace tests::cudnn;
    calls = {convolution_forward(stream, g, x.view(), w.view(), y.view(), workload.precision),
             convolution_transposed(stream, g, y.view(), w.view(), x.view(), workload.precision),
             convolution_weight_gradient(stream, g, x.view(), y.view(), w.view(), workload.precision)};
    for (const tests::RivalCall& call : calls) {
      if (!call) throw input_error("cuDNN", "does not take this convolution");
    }
  }
  void run() {
    for (const tests::RivalCall& call : calls) call();
  }
  Stream stream;
  RandomMatrix x, w, y;
  std::vector<tests::RivalCall> calls;
};

}  // namespace

Timed prepare_layer(const Workload& workload, DeviceId device, Path path) {
  refuse_resident(path, "single layers");
  LayerSpec spec(workload.layer);
  Timed timed;
  if (spec.kind() == "softmax_cross_entropy") {
    const Index classes = spec.number("classes");
    spec.expect_all_used();
    timed = repeat_pass(std::make_shared<CrossEntropy>(workload, classes, device), path);
  } else if (spec.kind() == "dcgan_step") {
    spec.expect_all_used();
    timed = repeat_pass(std::make_shared<DcganStep>(workload, device), path);
  } else {
    timed = repeat_pass(std::make_shared<LayerPass>(make_timed_layer(spec), workload, device), path);
    timed.work.flops = 3.0 * 2.0 * static_cast<double>(workload.batch) * products_of(spec);
  }
  return timed;
}

Timed prepare_cudnn(const Workload& workload, DeviceId device) {
  if (workload.task != Task::layer) throw input_error("cuDNN", "is timed for convolutions only");
  LayerSpec spec(workload.layer);
  if (spec.kind() != "conv2d") throw input_error("cuDNN", "is timed for convolutions only");
  Timed timed = repeat_pass(std::make_shared<CudnnPass>(geometry_of(spec), workload, device), Path::automatic);
  timed.description = "its fastest algorithms for output, input gradient and weight gradient; no bias";
  return timed;
}

}  // namespace mynah::bench
