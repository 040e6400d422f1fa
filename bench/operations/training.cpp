#include "bench/operations/families.h"
#include "bench/operations/measure.h"
#include "kernels/elementwise.h"
#include "kernels/gather.h"
#include "kernels/optimizer.h"
#include "kernels/random.h"
#include "kernels/reduction.h"

namespace mynah::bench {
namespace {

using tests::MatrixCase;
using tests::VectorCase;

const RandomKey key = random_key(1, RandomStream::test);

void register_vector_case(const VectorCase& shape) {
  const std::string text = tests::text_of(shape);
  const tests::Layout layout{0, shape.offset};
  const auto size = static_cast<double>(shape.size);
  register_on_devices("adam_step", text, [=](benchmark::State& state, Stream& stream) {
    const DeviceMatrix parameters(stream, 1, shape.size, layout);
    const DeviceMatrix gradient(stream, 1, shape.size, layout);
    const DeviceMatrix first(stream, 1, shape.size, layout);
    const DeviceMatrix second(stream, 1, shape.size, layout);
    kernels::fill(stream, first.vector(), 0.0f);
    kernels::fill(stream, second.vector(), 0.0f);
    const DeviceMatrix rate(stream, 1, 1);
    kernels::fill(stream, rate.vector(), 1e-3f);
    const DeviceArray<Index> step(stream, 1);
    kernels::set_counters(stream, step.vector(), 1);
    measure(state, stream, {28.0 * size, 0.0}, [&] {
      kernels::adam_step(stream, {}, rate.view().data, step.data(), parameters.vector(), gradient.vector(),
                         first.vector(), second.vector());
    });
  });
  register_on_devices("sum", text, [=](benchmark::State& state, Stream& stream) {
    const DeviceMatrix x(stream, 1, shape.size, layout);
    const DeviceArray<double> out(stream, 1);
    measure(state, stream, {4.0 * size, 0.0}, [&] { kernels::sum(stream, x.vector(), out.vector()); });
  });
  register_on_devices("uniform", text, [=](benchmark::State& state, Stream& stream) {
    const DeviceMatrix x(stream, 1, shape.size, layout);
    measure(state, stream, {4.0 * size, 0.0}, [&] { kernels::uniform(stream, key, nullptr, 0.0f, 1.0f, x.vector()); });
  });
  register_on_devices("normal", text, [=](benchmark::State& state, Stream& stream) {
    const DeviceMatrix x(stream, 1, shape.size, layout);
    measure(state, stream, {4.0 * size, 0.0}, [&] { kernels::normal(stream, key, nullptr, 0.0f, 1.0f, x.vector()); });
  });
  register_on_devices("permutation", text, [=](benchmark::State& state, Stream& stream) {
    const DeviceArray<std::int32_t> out(stream, shape.size);
    measure(state, stream, {4.0 * size, 0.0}, [&] { kernels::permutation(stream, key, nullptr, out.vector()); });
  });
  register_on_devices("gather_labels", text, [=](benchmark::State& state, Stream& stream) {
    const DeviceArray<std::int32_t> source(stream, shape.size);
    const DeviceArray<std::int32_t> rows(stream, shape.size);
    const DeviceArray<std::int32_t> out(stream, shape.size);
    kernels::permutation(stream, key, nullptr, rows.vector());
    measure(state, stream, {12.0 * size, 0.0},
            [&] { kernels::gather_labels(stream, source.vector(), rows.vector(), nullptr, out.vector()); });
  });
}

void register_matrix_case(const MatrixCase& shape) {
  const std::string text = tests::text_of(shape);
  const auto elements = static_cast<double>(shape.rows * shape.columns);
  register_on_devices("gather_rows", text, [=](benchmark::State& state, Stream& stream) {
    constexpr Index source_rows = 100000;
    const DeviceMatrix source(stream, source_rows, shape.columns, shape.layout);
    const DeviceArray<std::int32_t> rows(stream, source_rows);
    const DeviceMatrix out(stream, shape.rows, shape.columns, shape.layout);
    kernels::permutation(stream, key, nullptr, rows.vector());
    measure(state, stream, {8.0 * elements + 4.0 * static_cast<double>(shape.rows), 0.0},
            [&] { kernels::gather_rows(stream, source.view(), rows.vector(), nullptr, out.view()); });
  });
  register_on_devices("column_moments", text, [=](benchmark::State& state, Stream& stream) {
    const DeviceMatrix x(stream, shape.rows, shape.columns, shape.layout);
    const DeviceMatrix mean(stream, 1, shape.columns);
    const DeviceMatrix variance(stream, 1, shape.columns);
    measure(state, stream, {8.0 * elements, 0.0},
            [&] { kernels::column_moments(stream, x.view(), mean.vector(), variance.vector()); });
  });
}

}  // namespace

void register_training() {
  std::vector<VectorCase> vectors = tests::vector_cases();
  vectors.push_back({1 << 20, 0});
  vectors.push_back({1 << 24, 0});
  for (const VectorCase& shape : vectors) {
    if (shape.size > 0) register_vector_case(shape);
  }
  std::vector<MatrixCase> matrices = tests::matrix_cases();
  matrices.push_back({4096, 17, {}});
  matrices.push_back({100000, 111, {}});
  for (const MatrixCase& shape : matrices) {
    if (shape.rows * shape.columns > 0) register_matrix_case(shape);
  }
}

}  // namespace mynah::bench
