#include "kernels/linear_update.h"

#include "engine/buffer.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::LinearStep;
using kernels::Schedule;
using kernels::StepRule;

struct Wanted {
  StepRule rule = {};
  bool dx = true;
  Activation input_activation = Activation::none;
};

std::vector<float> squares(Index rows, Index columns) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.001f * static_cast<float>(1 + i % 7);
  return values;
}

void step_case(Parity& run, const LinearCase& shape, const Wanted& wanted) {
  const Index outputs = shape.outputs, biases = shape.bias ? outputs : 0;
  const auto x = run.input(shape.rows, shape.inputs, shape.layout);
  const auto dz = run.input(shape.rows, outputs, shape.layout);
  const auto w = run.changed(outputs, shape.inputs, shape.layout);
  const auto b = run.changed(1, biases, shape.layout);
  const auto w_first = run.changed(outputs, shape.inputs, shape.layout);
  const auto b_first = run.changed(1, biases, shape.layout);
  const auto w_second = run.given(squares(outputs, shape.inputs), outputs, shape.inputs, shape.layout, true);
  const auto b_second = run.given(squares(1, biases), 1, biases, shape.layout, true);
  const auto dx = wanted.dx ? run.output(shape.rows, shape.inputs, shape.layout) : Tensor<float>{};
  const auto rate = run.given<float>({0.01f}, 1, 1);
  const auto steps = run.given<Index>({6}, 1, 1);
  run.expect_same([=](const Place& at) {
    // Where the gradient is left is nobody's to compare.
    Buffer<float> scratch(at.stream.device(), outputs * shape.inputs + biases);
    StepRule rule = wanted.rule;
    rule.learning_rate = at.pointer(rate);
    rule.steps = at.pointer(steps);
    LinearStep step{&rule, at.matrix(w_first), at.matrix(w_second), at.vector(b_first), at.vector(b_second)};
    if (rule.descends) step.w_second = {}, step.b_second = {};
    if (rule.descends && rule.sgd.momentum == 0.0) step.w_first = {}, step.b_first = {};
    kernels::linear_backward_and_step(at.stream, at.matrix(x), at.matrix(w), at.vector(b), at.matrix(dz),
                                      wanted.dx ? at.matrix(dx) : Matrix{}, {scratch.data(), outputs, shape.inputs},
                                      {scratch.data() + outputs * shape.inputs, biases}, step,
                                      {wanted.input_activation, at.matrix(x)});
    at.stream.synchronize();
  });
}

std::vector<LinearCase> step_cases() {
  // Ragged, one part and several, the small, the medium and the large tile.
  return {{1, 1, 1, {}},        {33, 17, 9, {}},    {32, 256, 6, {}},      {7, 40, 31, {3, 0}}, {64, 65, 33, {1, 1}},
          {5, 4, 3, {}, false}, {1100, 33, 20, {}}, {2049, 12, 7, {2, 0}}, {20, 520, 520, {}},  {9, 1411, 1500, {}}};
}

const Family linear_update("linear_update", [](Family& family) {
  StepRule adam, decoupled, descent, momentum;
  adam.ahead = 1;
  adam.adam.weight_decay = 0.01;
  decoupled.adam.weight_decay = 0.02;
  decoupled.adam.decoupled = true;
  decoupled.schedule = {Schedule::cosine, 2, 30, 0.1};
  descent.descends = momentum.descends = true;
  descent.sgd.weight_decay = 0.01;
  momentum.sgd.momentum = 0.9;
  momentum.sgd.nesterov = true;
  for (const LinearCase& shape : step_cases()) {
    family.operation("linear_backward_and_step", text_of(shape), [=](Parity& run) { step_case(run, shape, {adam}); });
  }
  const std::vector<std::pair<std::string, Wanted>> kinds = {{"AdamW with a schedule", {decoupled}},
                                                             {"descent", {descent}},
                                                             {"momentum", {momentum}},
                                                             {"dx of tanh", {adam, true, Activation::tanh}},
                                                             {"without dx", {adam, false}}};
  for (const auto& [name, wanted] : kinds) {
    for (const LinearCase& shape : {LinearCase{33, 18, 9, {1, 0}}, LinearCase{1030, 17, 6, {}}}) {
      family.parity("linear_backward_and_step", text_of(shape) + " " + name,
                    [=, wanted = wanted](Parity& run) { step_case(run, shape, wanted); });
    }
  }
  family.without({"linear_backward_and_step"}, {Aspect::gradient, Aspect::tangent, Aspect::pytorch},
                 "it is linear_backward and an optimizer's step in one launch, which show theirs");
});

}  // namespace
}  // namespace mynah::tests
