#include "kernels/mlp_training.h"

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::ElementwiseLoss;
using kernels::MlpObjective;
using kernels::MlpShape;

/// What is trained, and for how long.
struct TrainingCase {
  std::string name;
  Index inputs = 0;
  std::vector<Index> hidden;
  Index outputs = 0;
  Index rows = 0, batch = 0, steps = 0;
  Index members = 1;
  Activation activation = Activation::relu;
  Activation last = Activation::none;
  MlpObjective objective = {};
  Index first_row = 0;
  bool bias = true;
};

/// Tensors behind each other, with a gap that nobody may touch after each.
MlpShape shape_of(const TrainingCase& one, Index* parameters) {
  MlpShape shape;
  shape.inputs = one.inputs;
  std::vector<Index> widths = one.hidden;
  widths.push_back(one.outputs);
  Index next = 1;
  for (const Index width : widths) {
    auto& layer = shape.layers[static_cast<std::size_t>(shape.layer_count)];
    layer.outputs = width;
    layer.activation = static_cast<std::size_t>(shape.layer_count) < one.hidden.size() ? one.activation : one.last;
    layer.weight = next;
    next += width * shape.inputs_of(shape.layer_count) + 1;
    if (one.bias) {
      layer.bias = next;
      next += width + 1;
    }
    ++shape.layer_count;
  }
  *parameters = next;
  return shape;
}

void training_case(Parity& run, const TrainingCase& one) {
  Index parameters = 0;
  const MlpShape shape = shape_of(one, &parameters);
  std::mt19937 generator(7);
  std::normal_distribution<float> normal(0.0f, 0.2f);
  std::vector<float> weights(static_cast<std::size_t>(one.members * parameters));
  for (float& weight : weights) weight = normal(generator);
  const std::vector<float> zeros(weights.size(), 0.0f);
  const bool descends = one.objective.descends, labelled = one.objective.labels;
  const bool has_first = !descends || one.objective.sgd.momentum != 0.0;
  const auto theta = run.given(weights, one.members, parameters, {3, 0}, true);
  const auto first = run.given(zeros, one.members, parameters, {1, 0}, true);
  const auto second = run.given(zeros, one.members, parameters, {}, true);
  const auto x = run.input(one.rows, one.inputs, {1, 0});
  const auto values = run.input(one.rows, labelled ? 0 : one.outputs);
  const auto labels = run.labels(labelled ? one.rows : 0, static_cast<std::int32_t>(one.outputs));
  std::vector<float> rates;
  std::vector<Index> counts;
  std::vector<double> sums;
  std::vector<std::int32_t> orders;
  for (Index member = 0; member < one.members; ++member) {
    rates.push_back(0.01f / static_cast<float>(1 + member));
    counts.push_back(10 * member);
    sums.push_back(static_cast<double>(member));
    for (Index row = 0; row < one.rows; ++row) {
      orders.push_back(static_cast<std::int32_t>((row * 7 + member) % one.rows));
    }
  }
  const auto rate = run.given(rates, 1, one.members);
  const auto count = run.given(counts, 1, one.members, {}, true);
  const auto sum = run.given(sums, 1, one.members, {}, true);
  const auto order = run.given(orders, one.members, one.rows, {2, 0});
  run.expect_same([=](const Place& at) {
    kernels::MlpMembers members;
    members.parameters = at.matrix(theta);
    if (has_first) members.first_moment = at.matrix(first);
    if (!descends) members.second_moment = at.matrix(second);
    members.learning_rates = at.vector(rate);
    members.steps = at.vector(count);
    members.loss_sums = at.vector(sum);
    members.orders = at.matrix(order);
    kernels::MlpData data;
    data.inputs = at.matrix(x);
    if (labelled) {
      data.labels = at.vector(labels);
    } else {
      data.values = at.matrix(values);
    }
    kernels::train_mlp(at.stream, shape, one.objective, data, members, one.first_row, one.batch, one.steps);
  });
}

std::vector<TrainingCase> training_cases() {
  std::vector<TrainingCase> cases{
      {.name = "one layer", .inputs = 3, .hidden = {}, .outputs = 2, .rows = 8, .batch = 8, .steps = 1},
      {.name = "17-256-6", .inputs = 17, .hidden = {256}, .outputs = 6, .rows = 96, .batch = 32, .steps = 3},
      {.name = "rest of an epoch", .inputs = 5, .hidden = {20}, .outputs = 3, .rows = 45, .batch = 16, .steps = 3},
      {.name = "one row", .inputs = 1, .hidden = {1}, .outputs = 1, .rows = 3, .batch = 1, .steps = 3},
      {.name = "in chunks", .inputs = 17, .hidden = {64, 64}, .outputs = 6, .rows = 500, .batch = 250, .steps = 2},
      {.name = "wide outputs", .inputs = 9, .hidden = {30}, .outputs = 37, .rows = 40, .batch = 20, .steps = 2},
      {.name = "members",
       .inputs = 6,
       .hidden = {28, 12},
       .outputs = 4,
       .rows = 60,
       .batch = 20,
       .steps = 3,
       .members = 5},
      {.name = "no bias",
       .inputs = 7,
       .hidden = {24, 33},
       .outputs = 5,
       .rows = 22,
       .batch = 11,
       .steps = 2,
       .bias = false},
      {.name = "later rows",
       .inputs = 4,
       .hidden = {16},
       .outputs = 2,
       .rows = 50,
       .batch = 10,
       .steps = 2,
       .first_row = 30},
      {.name = "tanh behind",
       .inputs = 4,
       .hidden = {12},
       .outputs = 2,
       .rows = 30,
       .batch = 10,
       .steps = 3,
       .last = Activation::tanh},
      {.name = "gelu behind",
       .inputs = 4,
       .hidden = {12},
       .outputs = 2,
       .rows = 30,
       .batch = 10,
       .steps = 3,
       .last = Activation::gelu},
  };
  const TrainingCase plain{
      .name = "", .inputs = 6, .hidden = {20, 18}, .outputs = 4, .rows = 34, .batch = 17, .steps = 2};
  const auto kinds = kernels::activation_kinds();
  for (Index i = 0; i < kinds.size; ++i) {
    TrainingCase one = plain;
    one.activation = kinds.data[i];
    one.name = Activation(kinds.data[i]).name();
    cases.push_back(one);
  }
  const auto losses = kernels::elementwise_loss_kinds();
  for (Index i = 0; i < losses.size; ++i) {
    TrainingCase one = plain;
    one.objective.loss = losses.data[i];
    one.name = one.objective.loss.name();
    cases.push_back(one);
  }
  TrainingCase classes = plain;
  classes.objective.labels = true;
  classes.name = "softmax cross-entropy";
  cases.push_back(classes);
  TrainingCase decoupled = plain;
  decoupled.objective.adam.weight_decay = 0.1;
  decoupled.objective.adam.decoupled = true;
  decoupled.objective.schedule = {kernels::Schedule::cosine, 2, 9, 0.1};
  decoupled.name = "AdamW, scheduled";
  cases.push_back(decoupled);
  for (const double momentum : {0.0, 0.9}) {
    TrainingCase descending = plain;
    descending.objective.descends = true;
    descending.objective.sgd = {momentum, 0.01, momentum != 0.0};
    descending.name = momentum == 0.0 ? "SGD" : "SGD with momentum";
    cases.push_back(descending);
  }
  return cases;
}

const Family mlp_training("mlp_training", [](Family& family) {
  for (const TrainingCase& one : training_cases()) {
    family.operation("train_mlp", one.name, [=](Parity& run) { training_case(run, one); });
  }
  family.without(
      {"train_mlp"}, {Aspect::gradient, Aspect::tangent},
      "nothing is differentiated through it; it is compared with the operations whose gradients are checked");
});

}  // namespace
}  // namespace mynah::tests
