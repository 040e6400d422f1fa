#include "kernels/elementwise.h"

#include "bench/operations/families.h"
#include "bench/operations/measure.h"
#include "bench/operations/rivals.h"
#include "kernels/activation.h"
#include "kernels/standardization.h"

namespace mynah::bench {
namespace {

using kernels::Activation;
using tests::MatrixCase;

struct Operands {
  Operands(Stream& stream, const MatrixCase& shape)
      : a(stream, shape.rows, shape.columns, shape.layout),
        b(stream, shape.rows, shape.columns, shape.layout),
        c(stream, shape.rows, shape.columns, shape.layout),
        mean(stream, 1, shape.columns),
        deviation(stream, 1, shape.columns) {}
  DeviceMatrix a, b, c, mean, deviation;
};

using Run = std::function<void(Stream&, const Operands&)>;
using Rivals = std::function<std::vector<Rival>(Stream&, const Operands&)>;

/// moved: floats read and written for each element.
void add(const std::string& operation, const MatrixCase& shape, double moved, const Run& run,
         const Rivals& rivals = {}) {
  const Work work{4.0 * moved * static_cast<double>(shape.rows * shape.columns), 0.0};
  register_on_devices(operation, tests::text_of(shape), [=](benchmark::State& state, Stream& stream) {
    const Operands operands(stream, shape);
    measure(state, stream, work, [&] { run(stream, operands); });
  });
  if (!rivals) return;
  for (const std::string& name : elementwise_rival_names()) {
    register_rival(operation, tests::text_of(shape), name, [=](benchmark::State& state, Stream& stream) {
      const Operands operands(stream, shape);
      for (const Rival& rival : rivals(stream, operands)) {
        if (rival.name == name) measure(state, stream, work, rival.run);
      }
    });
  }
}

void register_case(const MatrixCase& shape) {
  add(
      "activation_forward relu", shape, 2.0,
      [](Stream& stream, const Operands& at) {
        kernels::activation_forward(stream, Activation::relu, at.a.view(), at.b.view());
      },
      [](Stream& stream, const Operands& at) { return relu_forward_rivals(stream, at.a.view(), at.b.view()); });
  add(
      "activation_backward relu", shape, 3.0,
      [](Stream& stream, const Operands& at) {
        kernels::activation_backward(stream, Activation::relu, at.a.view(), at.b.view(), at.c.view());
      },
      [](Stream& stream, const Operands& at) {
        return relu_backward_rivals(stream, at.a.view(), at.b.view(), at.c.view());
      });
  add("add", shape, 3.0, [](Stream& stream, const Operands& at) { kernels::add(stream, at.a.view(), at.b.view()); });
  add("copy", shape, 2.0, [](Stream& stream, const Operands& at) { kernels::copy(stream, at.a.view(), at.b.view()); });
  add("standardize", shape, 2.0, [](Stream& stream, const Operands& at) {
    kernels::standardize(stream, at.a.view(), at.mean.vector(), at.deviation.vector(), at.b.view());
  });
  add("standardize_backward", shape, 2.0, [](Stream& stream, const Operands& at) {
    kernels::standardize_backward(stream, at.a.view(), at.deviation.vector(), at.b.view());
  });
  add("unstandardize", shape, 2.0, [](Stream& stream, const Operands& at) {
    kernels::unstandardize(stream, at.a.view(), at.mean.vector(), at.deviation.vector(), at.b.view());
  });
  add("unstandardize_backward", shape, 2.0, [](Stream& stream, const Operands& at) {
    kernels::unstandardize_backward(stream, at.a.view(), at.deviation.vector(), at.b.view());
  });
}

}  // namespace

void register_elementwise() {
  std::vector<MatrixCase> cases = tests::matrix_cases();
  cases.push_back({4096, 256, {}});
  cases.push_back({65536, 256, {}});
  for (const MatrixCase& shape : cases) {
    if (shape.rows * shape.columns > 0) register_case(shape);
  }
  for (const tests::VectorCase& shape : tests::vector_cases()) {
    if (shape.size == 0) continue;
    const Work work{4.0 * static_cast<double>(shape.size), 0.0};
    register_on_devices("fill", tests::text_of(shape), [=](benchmark::State& state, Stream& stream) {
      const DeviceMatrix x(stream, 1, shape.size, {0, shape.offset});
      measure(state, stream, work, [&] { kernels::fill(stream, x.vector(), 1.0f); });
    });
  }
  register_on_devices("advance", "1", [](benchmark::State& state, Stream& stream) {
    const DeviceArray<Index> counter(stream, 1);
    measure(state, stream, {16.0, 0.0}, [&] { kernels::advance(stream, counter.data(), 1); });
  });
  register_on_devices("set_counters", "4", [](benchmark::State& state, Stream& stream) {
    const DeviceArray<Index> counters(stream, 4);
    measure(state, stream, {32.0, 0.0}, [&] { kernels::set_counters(stream, counters.vector(), 1); });
  });
}

}  // namespace mynah::bench
