#include "kernels/mlp_training.h"

#include "engine/buffer.h"
#include "kernels/random.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
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
  double weight_decay = 0.0;  ///< Of the first member, twice that of the second, ...
  bool own_order = true;      ///< Else the permutation of each member's key.
  bool own_rows = false;      ///< The second member has half as many, ...
  bool own_data = false;      ///< The second member has those behind, and so have the next.
  int snapshot = -1;
  Index blocks = 0;  ///< That share a network, where the device can; 0: as they are placed.
};

/// Tensors behind each other, with a gap that nobody may touch before and after each.
MlpShape shape_of(const TrainingCase& one, Index* parameters, Index gap = 1) {
  MlpShape shape;
  shape.inputs = one.inputs;
  std::vector<Index> widths = one.hidden;
  widths.push_back(one.outputs);
  Index next = gap;
  for (const Index width : widths) {
    auto& layer = shape.layers[static_cast<std::size_t>(shape.layer_count)];
    layer.outputs = width;
    layer.activation = static_cast<std::size_t>(shape.layer_count) < one.hidden.size() ? one.activation : one.last;
    layer.weight = next;
    next += width * shape.inputs_of(shape.layer_count) + gap;
    if (one.bias) {
      layer.bias = next;
      next += width + gap;
    }
    ++shape.layer_count;
  }
  *parameters = next;
  return shape;
}

kernels::MlpPlacement placement_for(Stream& stream, const MlpShape& shape, const TrainingCase& one) {
  if (one.blocks == 0 || one.blocks > kernels::most_mlp_training_blocks(stream)) {
    return kernels::place_mlp_training(stream, shape, one.objective, one.batch);
  }
  return {one.blocks, kernels::mlp_training_chunk(stream, shape, one.objective, one.batch, one.blocks)};
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
  const Index stored = one.own_data ? 2 * one.rows : one.rows;
  const auto x = run.input(stored, one.inputs, {1, 0});
  const auto values = run.input(stored, labelled ? 0 : one.outputs);
  const auto labels = run.labels(labelled ? stored : 0, static_cast<std::int32_t>(one.outputs));
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
  const auto copies =
      run.given(std::vector<float>(3 * weights.size(), -7.0f), 3 * one.members, parameters, {2, 0}, true);
  const auto count_copy = run.given(std::vector<Index>(counts.size(), -7), 1, one.members, {}, true);
  const auto sum_copy = run.given(std::vector<double>(sums.size(), -7.0), 1, one.members, {}, true);
  run.expect_same([=](const Place& at) {
    std::vector<kernels::MlpMember> members(static_cast<std::size_t>(one.members));
    for (Index i = 0; i < one.members; ++i) {
      kernels::MlpMember& member = members[static_cast<std::size_t>(i)];
      member.parameters = at.matrix(theta).row(i).data;
      if (has_first) member.first_moment = at.matrix(first).row(i).data;
      if (!descends) member.second_moment = at.matrix(second).row(i).data;
      member.learning_rate = at.pointer(rate) + i;
      member.steps = at.pointer(count) + i;
      member.loss_sum = at.pointer(sum) + i;
      member.weight_decay = one.weight_decay * static_cast<double>(i + 1);
      if (one.own_order) member.order = at.matrix(order).row(i).data;
      member.order_key = random_key(static_cast<std::uint64_t>(i), RandomStream::permutation);
      if (one.own_rows && i > 0) member.rows = one.rows / (i + 1);
      if (one.own_data && i > 0) {
        member.inputs = at.matrix(x).row(one.rows).data;
        if (labelled) {
          member.labels = at.vector(labels).data + one.rows;
        } else {
          member.values = at.matrix(values).row(one.rows).data;
        }
      }
      if (one.snapshot < 0) continue;
      kernels::MlpSnapshot& snapshot = member.snapshots[one.snapshot];
      snapshot.parameters = at.matrix(copies).row(3 * i).data;
      if (has_first) snapshot.first_moment = at.matrix(copies).row(3 * i + 1).data;
      if (!descends) snapshot.second_moment = at.matrix(copies).row(3 * i + 2).data;
      snapshot.steps = at.pointer(count_copy) + i;
      snapshot.loss_sum = at.pointer(sum_copy) + i;
    }
    const Buffer<kernels::MlpMember> on_device(at.stream, std::span<const kernels::MlpMember>(members));
    kernels::MlpData data;
    data.inputs = at.matrix(x);
    if (labelled) {
      data.labels = at.vector(labels);
    } else {
      data.values = at.matrix(values);
    }
    kernels::train_mlp(at.stream, shape, one.objective, data, on_device.view(),
                       {one.rows, 3, one.first_row, one.batch, one.steps, one.snapshot},
                       placement_for(at.stream, shape, one));
    at.stream.synchronize();  // before the members go
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
  TrainingCase drawn = plain;
  drawn.own_order = false;
  drawn.members = 3;
  drawn.name = "orders drawn";
  cases.push_back(drawn);
  for (const bool own_order : {true, false}) {
    TrainingCase uneven = plain;
    uneven.own_order = own_order;
    uneven.own_rows = true;
    uneven.members = 3;
    uneven.name = own_order ? "members with fewer rows" : "members with fewer rows, orders drawn";
    cases.push_back(uneven);
  }
  for (const bool labelled : {false, true}) {
    TrainingCase apart = plain;
    apart.own_order = apart.own_data = true;
    apart.own_rows = labelled;
    apart.objective.labels = labelled;
    apart.members = 3;
    apart.name = labelled ? "members with labels of their own" : "members with values of their own";
    cases.push_back(apart);
  }
  for (const int number : {0, 1}) {
    TrainingCase copied = plain;
    copied.snapshot = number;
    copied.members = 2;
    copied.objective.descends = number == 1;
    copied.name = number == 0 ? "snapshot of Adam" : "snapshot of SGD";
    cases.push_back(copied);
  }
  TrainingCase classes = plain;
  classes.objective.labels = true;
  classes.name = "softmax cross-entropy";
  cases.push_back(classes);
  TrainingCase decoupled = plain;
  decoupled.weight_decay = 0.1;
  decoupled.members = 2;
  decoupled.objective.adam.decoupled = true;
  decoupled.objective.schedule = {kernels::Schedule::cosine, 2, 9, 0.1};
  decoupled.name = "AdamW, scheduled";
  cases.push_back(decoupled);
  for (const double momentum : {0.0, 0.9}) {
    TrainingCase descending = plain;
    descending.objective.descends = true;
    descending.objective.sgd = {momentum, 0.0, momentum != 0.0};
    descending.weight_decay = 0.01;
    descending.name = momentum == 0.0 ? "SGD" : "SGD with momentum";
    cases.push_back(descending);
  }
  return cases;
}

/// An epoch of a network, 5 steps.
void compare_training(PyTorchCase& dump, const TrainingCase& one, float rate) {
  Index parameters = 0;
  const MlpShape shape = shape_of(one, &parameters, 0);
  const Matrix theta = dump.matrix("initial");
  ASSERT_EQ(theta.columns, parameters);
  const VectorView<double> loss = dump.sum();
  Buffer<Index> count(dump.stream().device(), 1);
  count.upload(dump.stream(), 0);
  kernels::MlpMember member;
  member.parameters = theta.data;
  member.first_moment = dump.output(1, parameters, 0.0f).data;
  member.second_moment = dump.output(1, parameters, 0.0f).data;
  member.learning_rate = dump.output(1, 1, rate).data;
  member.steps = count.data();
  member.loss_sum = loss.data;
  member.weight_decay = one.weight_decay;
  member.order = dump.labels("order").data;
  const Buffer<kernels::MlpMember> members(dump.stream(), std::span<const kernels::MlpMember>(&member, 1));
  kernels::MlpData data;
  data.inputs = dump.matrix("x");
  if (one.objective.labels) {
    data.labels = dump.labels("target");
  } else {
    data.values = dump.matrix("target");
  }
  kernels::train_mlp(dump.stream(), shape, one.objective, data, members.view(), {data.inputs.rows, 0, 0, 10, 5},
                     kernels::place_mlp_training(dump.stream(), shape, one.objective, 10));
  dump.expect("trained", theta);
  dump.expect("loss", loss);
  EXPECT_EQ(count.download(dump.stream())[0], 5);
}

void register_pytorch(Family& family) {
  TrainingCase one{.name = "", .inputs = 6, .hidden = {18, 11}, .outputs = 4};
  one.activation = Activation::tanh;
  one.weight_decay = 0.1;
  one.objective.adam.decoupled = true;
  one.objective.adam.epsilon = 1e-5;
  family.pytorch({"train_mlp"}, "adamw", [one](PyTorchCase& dump) { compare_training(dump, one, 0.01f); });
  one.activation = Activation::silu;
  one.weight_decay = 0.01;
  one.objective.labels = one.objective.descends = true;
  one.objective.sgd = {0.9, 0.0, true};
  family.pytorch({"train_mlp"}, "sgd", [one](PyTorchCase& dump) { compare_training(dump, one, 0.05f); });
}

/// The same in clusters: all of them by two blocks, and a few by more than there are fours of outputs.
std::vector<TrainingCase> cluster_cases() {
  std::vector<TrainingCase> cases = training_cases();
  for (TrainingCase& one : cases) one.blocks = 2;
  TrainingCase ragged{
      .name = "ragged", .inputs = 5, .hidden = {33, 7}, .outputs = 2, .rows = 45, .batch = 19, .steps = 3};
  ragged.members = 2;
  for (const Index blocks : {2, 4, 8}) {
    ragged.blocks = blocks;
    cases.push_back(ragged);
  }
  ragged.name = "ragged, classes";
  ragged.objective.labels = true;
  cases.push_back(ragged);
  cases.push_back(
      {.name = "17-256-256-6", .inputs = 17, .hidden = {256, 256}, .outputs = 6, .rows = 60, .batch = 40, .steps = 2});
  for (TrainingCase& one : cases) one.name += one.blocks == 0 ? "" : " in " + std::to_string(one.blocks) + " blocks";
  return cases;
}

const Family mlp_training("mlp_training", [](Family& family) {
  for (const TrainingCase& one : training_cases()) {
    family.operation("train_mlp", one.name, [=](Parity& run) { training_case(run, one); });
  }
  for (const TrainingCase& one : cluster_cases()) {
    family.operation("train_mlp", one.name, [=](Parity& run) { training_case(run, one); });
  }
  register_pytorch(family);
  family.without(
      {"train_mlp"}, {Aspect::gradient, Aspect::tangent},
      "nothing is differentiated through it; it is compared with the operations whose gradients are checked");
});

}  // namespace
}  // namespace mynah::tests
