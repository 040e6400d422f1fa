#include "kernels/loss.h"

#include "bench/operations/families.h"
#include "bench/operations/measure.h"
#include "bench/operations/rivals.h"
#include "kernels/classification.h"

namespace mynah::bench {
namespace {

using tests::MatrixCase;

double elements_of(const MatrixCase& shape) {
  return static_cast<double>(shape.rows * shape.columns);
}

void register_elementwise(kernels::ElementwiseLoss loss, const MatrixCase& shape) {
  const Work work{12.0 * elements_of(shape), 0.0};
  const std::string text = tests::text_of(shape) + " " + loss.name();
  register_on_devices("elementwise_loss", text, [=](benchmark::State& state, Stream& stream) {
    const DeviceMatrix prediction(stream, shape.rows, shape.columns, shape.layout);
    const DeviceMatrix target(stream, shape.rows, shape.columns, shape.layout);
    const DeviceMatrix gradient(stream, shape.rows, shape.columns, shape.layout);
    const DeviceArray<double> sum(stream, 1);
    measure(state, stream, work, [&] {
      kernels::elementwise_loss(stream, loss, prediction.view(), target.view(), sum.vector(), gradient.view());
    });
  });
}

struct Scores {
  Scores(Stream& stream, const MatrixCase& shape)
      : logits(stream, shape.rows, shape.columns, shape.layout),
        gradient(stream, shape.rows, shape.columns, shape.layout),
        labels(stream, shape.rows),
        out(stream, shape.rows),
        loss(stream, 1) {}
  DeviceMatrix logits, gradient;
  DeviceArray<std::int32_t> labels, out;
  DeviceArray<double> loss;
};

void register_scores(const MatrixCase& shape) {
  const std::string text = tests::text_of(shape);
  const Work both{8.0 * elements_of(shape), 0.0};
  const Work read{4.0 * elements_of(shape), 0.0};
  register_on_devices("softmax_cross_entropy_loss", text, [=](benchmark::State& state, Stream& stream) {
    const Scores at(stream, shape);
    measure(state, stream, both, [&] {
      kernels::softmax_cross_entropy_loss(stream, at.logits.view(), at.labels.vector(), at.loss.vector(),
                                          at.gradient.view());
    });
  });
  for (const std::string& name : elementwise_rival_names()) {
    register_rival("softmax_cross_entropy_loss", text, name, [=](benchmark::State& state, Stream& stream) {
      const Scores at(stream, shape);
      for (const Rival& rival : softmax_rivals(stream, at.logits.view(), at.gradient.view())) {
        if (rival.name == name) measure(state, stream, both, rival.run);
      }
    });
  }
  register_on_devices("count_correct", text, [=](benchmark::State& state, Stream& stream) {
    const Scores at(stream, shape);
    measure(state, stream, read,
            [&] { kernels::count_correct(stream, at.logits.view(), at.labels.vector(), at.loss.vector()); });
  });
  register_on_devices("argmax_rows", text, [=](benchmark::State& state, Stream& stream) {
    const Scores at(stream, shape);
    measure(state, stream, read, [&] { kernels::argmax_rows(stream, at.logits.view(), at.out.vector()); });
  });
}

}  // namespace

void register_loss() {
  std::vector<MatrixCase> cases = tests::matrix_cases();
  cases.push_back({65536, 17, {}});
  for (const MatrixCase& shape : cases) {
    if (shape.rows * shape.columns > 0) register_elementwise(kernels::ElementwiseLoss::mse, shape);
  }
  const auto kinds = kernels::elementwise_loss_kinds();
  for (Index i = 0; i < kinds.size; ++i) {
    if (kinds.data[i] != kernels::ElementwiseLoss::mse) register_elementwise(kinds.data[i], {65536, 17, {}});
  }
  cases = tests::score_cases();
  cases.push_back({65536, 2, {}});
  cases.push_back({65536, 1000, {}});
  for (const MatrixCase& shape : cases) {
    if (shape.rows * shape.columns > 0) register_scores(shape);
  }
}

}  // namespace mynah::bench
