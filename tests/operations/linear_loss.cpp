#include "kernels/linear_loss.h"

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::ElementwiseLoss;
using kernels::LinearLoss;
using kernels::Precision;

struct LossCase {
  Index rows = 0, inputs = 0, outputs = 0;
  Layout layout = {};
  bool bias = true;
};

std::string text_of(const LossCase& shape) {
  return mynah::tests::text_of(
      LinearCase{shape.rows, shape.inputs, shape.outputs, shape.layout, shape.bias, kernels::Activation::none});
}

void loss_case(Parity& run, const LossCase& shape, std::optional<ElementwiseLoss> elementwise, Precision precision) {
  const auto x = run.input(shape.rows, shape.inputs, shape.layout);
  const auto w = run.input(shape.outputs, shape.inputs, shape.layout);
  const auto b = run.input(1, shape.bias ? shape.outputs : 0, shape.layout);
  const auto values = run.input(shape.rows, shape.outputs, shape.layout);
  const auto labels = run.labels(shape.rows, static_cast<std::int32_t>(shape.outputs));
  const auto y = run.output(shape.rows, shape.outputs, shape.layout);
  const auto gradient = run.output(shape.rows, shape.outputs, shape.layout);
  const auto sum = run.given<double>({3.0}, 1, 1, {}, true);
  const auto ticket = run.given<std::int32_t>({0}, 1, 1);
  const auto counters = run.given<Index>({5, 7}, 1, 2, {}, true);
  run.expect_same([=](const Place& at) {
    LinearLoss loss;
    if (elementwise) {
      loss.loss = *elementwise;
      loss.values = at.matrix(values);
    } else {
      loss.labels = at.vector(labels);
    }
    loss.loss_sum = at.vector(sum);
    loss.gradient = at.matrix(gradient);
    loss.ticket = reinterpret_cast<std::uint32_t*>(at.pointer(ticket));
    loss.counts = {{{at.pointer(counters), shape.rows}, {at.pointer(counters) + 1, 1}}};
    loss.precision = precision;
    kernels::linear_loss(at.stream, at.matrix(x), at.matrix(w), at.vector(b), at.matrix(y), loss);
  });
}

std::vector<LossCase> loss_cases() {
  return {
      {1, 1, 1},    {1, 256, 6},  {32, 256, 6}, {33, 17, 3, {3, 0}},    {7, 40, 32}, {64, 31, 32, {1, 1}}, {5, 0, 2},
      {256, 64, 6}, {300, 33, 1}, {40, 64, 17}, {31, 20, 16, {}, false}};
}

const Family linear_loss("linear_loss", [](Family& family) {
  const auto kinds = kernels::elementwise_loss_kinds();
  for (const LossCase& shape : loss_cases()) {
    family.operation("linear_loss", text_of(shape) + " mse",
                     [=](Parity& run) { loss_case(run, shape, ElementwiseLoss::mse, Precision::float32); });
    family.operation("linear_loss", text_of(shape) + " labels",
                     [=](Parity& run) { loss_case(run, shape, std::nullopt, Precision::float32); });
  }
  for (Index i = 0; i < kinds.size; ++i) {
    const ElementwiseLoss loss(kinds.data[i], 0.7f);
    family.parity("linear_loss", std::string("33 x 5 ") + loss.name(), [=](Parity& run) {
      loss_case(run, {33, 20, 5, {1, 0}}, loss, Precision::float32);
    });
  }
  for (const Precision precision : {Precision::tf32, Precision::bfloat16}) {
    for (const LossCase& shape : {LossCase{33, 40, 6}, LossCase{20, 31, 5, {1, 1}}}) {
      family.operation(
          "linear_loss", text_of(shape), [=](Parity& run) { loss_case(run, shape, ElementwiseLoss::mse, precision); },
          precision);
    }
  }
  family.without({"linear_loss"}, {Aspect::gradient, Aspect::tangent, Aspect::pytorch},
                 "it is linear_forward and the loss in one launch, which show theirs");
});

}  // namespace
}  // namespace mynah::tests
