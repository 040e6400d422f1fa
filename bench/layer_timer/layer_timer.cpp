// Times the forward and the backward pass of one layer, of a loss, or a training step of a DCGAN, and prints one line
// of JSON. bench/peers/ compare_layers runs it in turn with PyTorch; it is also a quick look at one layer.
//
// A sample of a layer is what a training step asks of it: gradients of its tensors set to zero, forward, dL/dy put in
// its place, backward to the tensors and to the input; all through an Execution. A sample of a loss is value and
// gradient.

#include <cstdio>
#include <exception>

#include "bench/layer_timer/dcgan.h"
#include "bench/layer_timer/timed_layers.h"
#include "bench/timer_program.h"
#include "bench/timing.h"
#include "engine/device.h"
#include "engine/execution.h"
#include "engine/loss.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"

namespace {

using namespace mynah;

struct Request {
  Index batch;
  double seconds;
  bench::Clock clock;
};

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

/// Passes as short as the clock is coarse are measured several at once.
template <class Pass>
std::vector<double> measure_passes(const Request& request, Stream& stream, const Pass& pass) {
  const bool cuda = stream.device().backend == Backend::cuda;
  const auto once = [&] {
    pass();
    if (cuda) stream.synchronize();
  };
  constexpr double shortest_sample = 50.0;
  once();
  const double start = bench::microseconds(bench::Clock::wall);
  once();
  const double one = bench::microseconds(bench::Clock::wall) - start;
  const int repeats = one < shortest_sample ? static_cast<int>(shortest_sample / std::max(one, 0.5)) : 1;
  return bench::measure(request.seconds, cuda ? 1 : repeats, once, request.clock);
}

std::vector<double> time_layer(const Request& request, bench::LayerSpec& spec, Stream& stream) {
  const bench::TimedLayer timed = bench::make_timed_layer(spec);
  Graph graph;
  const Value input = graph.input(timed.input_columns);
  const Value output = graph.add("layer", timed.layer, input);
  Network network(stream, std::move(graph));
  network.parameters.initialize(stream, 1);
  Execution::Options options;
  options.rows = request.batch;
  options.gradients = options.input_gradients = true;
  options.mode = Mode::train;
  const Execution execution(network, {output}, options);
  const RandomMatrix x(stream, request.batch, timed.input_columns, 0);
  const RandomMatrix dy(stream, request.batch, network.graph.columns(output), 1);
  kernels::copy(stream, x.view(), execution.value(input));
  return measure_passes(request, stream, [&] {
    kernels::fill(stream, network.parameters.gradient(), 0.0f);
    execution.forward(stream);
    kernels::copy(stream, dy.view(), execution.gradient(output));
    execution.backward(stream, output);
  });
}

std::vector<double> time_softmax_cross_entropy(const Request& request, bench::LayerSpec& spec, Stream& stream) {
  const Index classes = spec.number("classes");
  spec.expect_all_used();
  const RandomMatrix logits(stream, request.batch, classes, 0), gradient(stream, request.batch, classes, 1);
  std::vector<std::int32_t> chosen;
  for (Index m = 0; m < request.batch; ++m) chosen.push_back(static_cast<std::int32_t>(m * 7 % classes));
  const Buffer<std::int32_t> labels(stream, std::span<const std::int32_t>(chosen));
  const Buffer<double> loss(stream.device(), 1);
  const double zero = 0.0;
  kernels::copy_to_device(stream, loss.data(), &zero, sizeof(zero));
  Targets targets;
  targets.labels = labels.view();
  return measure_passes(request, stream, [&] {
    evaluate_loss(stream, Loss::softmax_cross_entropy, logits.view(), targets, loss.view(), gradient.view());
  });
}

/// A step of the discriminator and one of the generator.
std::vector<double> time_dcgan(const Request& request, bench::LayerSpec& spec, Stream& stream) {
  spec.expect_all_used();
  bench::Dcgan dcgan(stream, request.batch);
  return measure_passes(request, stream, [&] {
    dcgan.discriminator_step();
    dcgan.generator_step();
  });
}

std::vector<double> time_anything(const Request& request, bench::LayerSpec& spec, Stream& stream) {
  if (spec.kind() == "softmax_cross_entropy") return time_softmax_cross_entropy(request, spec, stream);
  if (spec.kind() == "dcgan_step") return time_dcgan(request, spec, stream);
  return time_layer(request, spec, stream);
}

}  // namespace

int main(int count, char** arguments) try {
  bench::TimerProgram program(
      "mynah_layer_timer", "Times a forward and a backward pass of one layer, a loss, or a training step of a DCGAN.");
  std::string layer = "linear:in=256,out=256,activation=relu";
  bool processor_time = false;
  program.options().add_option("--layer", layer,
                               "KIND:NAME=VALUE,..., such as linear:in=256,out=256,activation=gelu "
                               "softmax_cross_entropy:classes=10 and dcgan_step");
  program.options().add_flag("--processor-time", processor_time, "count what the process computes, not what passes");
  return program.run(count, arguments, [&] {
    const Request request{program.batch, program.seconds,
                          processor_time ? bench::Clock::processor : bench::Clock::wall};
    Stream stream(choose_device(program.device));
    bench::LayerSpec spec(layer);
    return time_anything(request, spec, stream);
  });
} catch (const std::exception& error) {
  std::fprintf(stderr, "mynah_layer_timer: %s\n", error.what());
  return 2;
}
