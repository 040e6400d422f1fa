// Every operation of a training step on the CPU, one thread, over the shapes of the parity tests' networks.
// GFLOP/s count multiplications and additions; GB/s count what must be read and written at least once.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "engine/buffer.h"
#include "kernels/activation.h"
#include "kernels/elementwise.h"
#include "kernels/gather.h"
#include "kernels/linear.h"
#include "kernels/loss.h"
#include "kernels/optimizer.h"
#include "kernels/processor.h"
#include "kernels/random.h"
#include "kernels/standardization.h"

namespace mynah {
namespace {

struct Shape {
  Index rows, inputs, outputs;
};

constexpr Shape shapes[] = {{1, 17, 256},   {1, 256, 6},       {32, 17, 256},      {32, 256, 6},    {33, 17, 256},
                            {256, 11, 256}, {256, 256, 256},   {256, 256, 3},      {256, 376, 400}, {256, 400, 300},
                            {256, 300, 17}, {1024, 111, 1024}, {1024, 1024, 1024}, {1024, 1024, 8}};

/// Normal values: benchmarks of zeros would not see what real numbers cost.
class Numbers {
 public:
  Numbers(Stream& stream, Index rows, Index columns) : buffer_(stream.device(), rows * columns), rows_(rows) {
    kernels::normal(stream, random_key(1, RandomStream::test), nullptr, 0.0f, 0.1f, buffer_.view());
  }
  Matrix matrix() const { return {buffer_.data(), rows_, rows_ == 0 ? 0 : buffer_.size() / rows_}; }
  Vector vector() const { return buffer_.view(); }

 private:
  Buffer<float> buffer_;
  Index rows_;
};

void report(benchmark::State& state, double flops, double bytes) {
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(flops * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(bytes * 1e-9, Counter::kIsIterationInvariantRate);
}

void linear(benchmark::State& state, Shape s, bool backward) {
  Stream stream{DeviceId{}};
  const Numbers x(stream, s.rows, s.inputs), w(stream, s.outputs, s.inputs), b(stream, 1, s.outputs);
  const Numbers y(stream, s.rows, s.outputs), dx(stream, s.rows, s.inputs), dw(stream, s.outputs, s.inputs);
  for (auto _ : state) {
    if (backward) {
      kernels::linear_backward(stream, x.matrix(), w.matrix(), y.matrix(), dx.matrix(), dw.matrix(), b.vector());
    } else {
      kernels::linear_forward(stream, x.matrix(), w.matrix(), b.vector(), kernels::Activation::relu, y.matrix());
    }
    benchmark::ClobberMemory();
  }
  const double products = static_cast<double>(s.rows * s.inputs * s.outputs);
  const double floats = static_cast<double>(s.rows * s.inputs + s.inputs * s.outputs + s.rows * s.outputs);
  report(state, (backward ? 4.0 : 2.0) * products, (backward ? 8.0 : 4.0) * floats);
}

/// An operation without products: `arrays` arrays of [rows, columns] read or written.
template <class Operation>
void pass(benchmark::State& state, Stream& stream, Index elements, double arrays, const Operation& operation) {
  for (auto _ : state) {
    operation(stream);
    benchmark::ClobberMemory();
  }
  report(state, 0.0, 4.0 * arrays * static_cast<double>(elements));
}

void elementwise(benchmark::State& state, const std::string& name, Index rows, Index columns) {
  using namespace kernels;
  Stream stream{DeviceId{}};
  const Numbers x(stream, rows, columns), y(stream, rows, columns), mean(stream, 1, columns);
  const Numbers deviation(stream, 1, columns), m(stream, rows, columns), v(stream, rows, columns);
  fill(stream, deviation.vector(), 0.5f);
  fill(stream, v.vector(), 0.01f);
  std::vector<std::int32_t> chosen(static_cast<std::size_t>(rows));
  permutation(stream, random_key(1, RandomStream::test), nullptr, {chosen.data(), rows});
  const Index n = rows * columns, step = 10;
  const float rate = 1e-6f;
  double loss = 0.0;
  const auto run = [&](double arrays, const auto& operation) { pass(state, stream, n, arrays, operation); };
  if (name == "fill") run(1, [&](Stream& s) { fill(s, y.vector(), 0.0f); });
  if (name == "add") run(3, [&](Stream& s) { add(s, x.matrix(), y.matrix()); });
  if (name == "copy") run(2, [&](Stream& s) { copy(s, x.matrix(), y.matrix()); });
  if (name == "relu") run(2, [&](Stream& s) { activation_forward(s, Activation::relu, x.matrix(), y.matrix()); });
  if (name == "relu_backward") {
    run(3, [&](Stream& s) { activation_backward(s, Activation::relu, x.matrix(), m.matrix(), y.matrix()); });
  }
  if (name == "standardize") {
    run(2, [&](Stream& s) { standardize(s, x.matrix(), mean.vector(), deviation.vector(), y.matrix()); });
  }
  if (name == "gather_rows") {
    run(2, [&](Stream& s) { gather_rows(s, x.matrix(), {chosen.data(), rows}, nullptr, y.matrix()); });
  }
  if (name == "mse_loss") run(3, [&](Stream& s) { mse_loss(s, x.matrix(), m.matrix(), {&loss, 1}, y.matrix()); });
  if (name == "adam_step") {
    run(7, [&](Stream& s) { adam_step(s, {}, &rate, &step, y.vector(), x.vector(), m.vector(), v.vector()); });
  }
}

void register_benchmarks() {
  const auto text = [](Index value) { return std::to_string(value); };
  for (const Shape s : shapes) {
    const std::string shape = "/" + text(s.rows) + "x" + text(s.inputs) + "x" + text(s.outputs);
    for (const bool backward : {false, true}) {
      const std::string name = (backward ? "linear_backward" : "linear_forward") + shape;
      benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { linear(state, s, backward); });
    }
  }
  for (const char* name :
       {"fill", "add", "copy", "relu", "relu_backward", "standardize", "gather_rows", "mse_loss", "adam_step"}) {
    for (const auto& [rows, columns] :
         {std::pair<Index, Index>{32, 6}, {32, 17}, {32, 256}, {256, 256}, {1024, 1024}}) {
      const std::string full = std::string(name) + "/" + text(rows) + "x" + text(columns);
      benchmark::RegisterBenchmark(full.c_str(), [=, rows = rows, columns = columns](benchmark::State& state) {
        elementwise(state, name, rows, columns);
      });
    }
  }
}

}  // namespace
}  // namespace mynah

int main(int argc, char** argv) {
  benchmark::AddCustomContext("processor", mynah::kernels::processor_target_name());
  mynah::register_benchmarks();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
