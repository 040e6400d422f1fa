#include "kernels/gru.h"

#include "engine/layers/gru.h"
#include "tests/operations/null_views.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

const std::vector<std::string> first_order{"gru layer", "gru_gates_forward", "gru_gates_backward"};
const std::vector<std::string> both_orders{"gru layer", "gru_gates_forward", "gru_gates_backward", "gru_gates_tangent",
                                           "gru_gates_tangent_backward"};

/// The gates' blocks begin where four floats can be read, or not, as the layout and `hidden` have it.
void forward_case(Parity& run, const MatrixCase& shape, bool in_place) {
  const Index rows = shape.rows, hidden = shape.columns;
  const auto projection = run.input(rows, 3 * hidden, shape.layout);
  const auto gates = run.changed(rows, 4 * hidden, shape.layout);
  const auto state = in_place ? run.changed(rows, hidden, shape.layout) : run.input(rows, hidden, shape.layout);
  const auto next = in_place ? state : run.output(rows, hidden, {shape.layout.padding + 4, shape.layout.offset});
  run.expect_same([=](const Place& at) {
    kernels::gru_gates_forward(at.stream, at.matrix(projection), at.matrix(state), at.matrix(gates), at.matrix(next));
  });
}

enum class Before { overwritten, added, in_place, unwanted };

void backward_case(Parity& run, const MatrixCase& shape, Before before) {
  const Index rows = shape.rows, hidden = shape.columns;
  const auto gates = run.input(rows, 4 * hidden, shape.layout);
  const auto state = run.input(rows, hidden, shape.layout);
  const bool in_place = before == Before::in_place, add = before == Before::added;
  const auto gradient = in_place ? run.changed(rows, hidden, shape.layout) : run.input(rows, hidden, shape.layout);
  const auto gate_gradients = run.output(rows, 4 * hidden, shape.layout);
  const auto state_gradient = in_place                     ? gradient
                              : add                        ? run.changed(rows, hidden, shape.layout)
                              : before == Before::unwanted ? Tensor<float>{}
                                                           : run.output(rows, hidden, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::gru_gates_backward(at.stream, at.matrix(gates), at.matrix(state), at.matrix(gradient), add,
                                at.matrix(gate_gradients),
                                before == Before::unwanted ? Matrix{} : at.matrix(state_gradient));
  });
}

void tangent_case(Parity& run, const MatrixCase& shape) {
  const Index rows = shape.rows, hidden = shape.columns;
  const auto gates = run.input(rows, 4 * hidden, shape.layout);
  const auto state = run.input(rows, hidden, shape.layout);
  const auto state_tangent = run.input(rows, hidden, shape.layout);
  const auto gate_tangents = run.changed(rows, 4 * hidden, shape.layout);
  const auto next = run.output(rows, hidden, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::gru_gates_tangent(at.stream, at.matrix(gates), at.matrix(state), at.matrix(state_tangent),
                               at.matrix(gate_tangents), at.matrix(next));
  });
}

void tangent_backward_case(Parity& run, const MatrixCase& shape, Before before) {
  const Index rows = shape.rows, hidden = shape.columns;
  const auto gates = run.input(rows, 4 * hidden, shape.layout);
  const auto state = run.input(rows, hidden, shape.layout);
  const auto gate_tangents = run.input(rows, 4 * hidden, shape.layout);
  const auto state_tangent = run.input(rows, hidden, shape.layout);
  const bool in_place = before == Before::in_place, add = before == Before::added;
  const auto given = [&] {
    return in_place ? run.changed(rows, hidden, shape.layout) : run.input(rows, hidden, shape.layout);
  };
  const auto g = given(), u = given();
  const auto gate_gradients = run.output(rows, 4 * hidden, shape.layout);
  const auto gate_tangent_gradients = run.output(rows, 4 * hidden, shape.layout);
  const auto wanted = [&](const Tensor<float>& same) {
    return in_place                     ? same
           : add                        ? run.changed(rows, hidden, shape.layout)
           : before == Before::unwanted ? Tensor<float>{}
                                        : run.output(rows, hidden, shape.layout);
  };
  const auto of_state = wanted(g), of_tangent = wanted(u);
  run.expect_same([=](const Place& at) {
    const bool unwanted = before == Before::unwanted;
    kernels::gru_gates_tangent_backward(
        at.stream, {at.matrix(gates), at.matrix(state), at.matrix(gate_tangents), at.matrix(state_tangent),
                    at.matrix(g), at.matrix(u), add, at.matrix(gate_gradients), at.matrix(gate_tangent_gradients),
                    unwanted ? Matrix{} : at.matrix(of_state), unwanted ? Matrix{} : at.matrix(of_tangent)});
  });
}

void register_kernels(Family& family) {
  // What a user has: one robot, a small and a large batch.
  std::vector<MatrixCase> shapes = matrix_cases();
  shapes.insert(shapes.end(), {{1, 64, {}}, {16, 64, {}}, {64, 64, {}}, {64, 128, {}}});
  std::size_t next = 0;
  for (const MatrixCase& shape : shapes) {
    const std::string text = text_of(shape);
    family.operation("gru_gates_forward", text, [=](Parity& run) { forward_case(run, shape, false); });
    family.operation("gru_gates_backward", text, [=](Parity& run) { backward_case(run, shape, Before::overwritten); });
    family.operation("gru_gates_tangent", text, [=](Parity& run) { tangent_case(run, shape); });
    family.operation("gru_gates_tangent_backward", text,
                     [=](Parity& run) { tangent_backward_case(run, shape, Before::overwritten); });
    if (next++ % 3 != 0) continue;
    family.parity("gru_gates_forward", text + " in place", [=](Parity& run) { forward_case(run, shape, true); });
    for (const auto& [before, name] :
         {std::pair{Before::added, " added"}, {Before::in_place, " in place"}, {Before::unwanted, " unwanted"}}) {
      family.parity("gru_gates_backward", text + name,
                    [=, before = before](Parity& run) { backward_case(run, shape, before); });
      family.parity("gru_gates_tangent_backward", text + name,
                    [=, before = before](Parity& run) { tangent_backward_case(run, shape, before); });
    }
  }
  const float infinity = std::numeric_limits<float>::infinity();
  family.parity("gru_gates_forward", "extremes", [=](Parity& run) {
    const std::vector<float> values{-infinity, -100.0f, -0.0f, 100.0f, infinity, std::nanf("")};
    std::vector<float> gates;
    for (int block = 0; block < 4; ++block) gates.insert(gates.end(), values.begin(), values.end());
    const auto columns = static_cast<Index>(values.size());
    const auto projection = run.given<float>(std::vector<float>(3 * values.size(), 0.5f), 1, 3 * columns);
    const auto state = run.input(1, columns);
    const auto changed = run.given<float>(gates, 1, 4 * columns, {}, true);
    const auto after = run.output(1, columns);
    run.expect_same([=](const Place& at) {
      kernels::gru_gates_forward(at.stream, at.matrix(projection), at.matrix(state), at.matrix(changed),
                                 at.matrix(after));
    });
  });
}

struct Shape {
  Index rows, steps, features, hidden;
  bool begins;  ///< with a state that is given
  Gru::Output output;
};

std::string text_of(const Shape& shape) {
  return "rows " + std::to_string(shape.rows) + " steps " + std::to_string(shape.steps) + " features " +
         std::to_string(shape.features) + " hidden " + std::to_string(shape.hidden) +
         (shape.begins ? " with a state" : "") + (shape.output == Gru::Output::last_state ? " last" : "");
}

LayerCase layer_case(const Shape& shape, Index padding) {
  LayerCase one;
  one.layer = std::make_shared<Gru>(shape.steps, shape.hidden, shape.output);
  one.rows = shape.rows;
  one.input_columns = {shape.steps * shape.features};
  if (shape.begins) one.input_columns.push_back(shape.hidden);
  one.padding = padding;
  return one;
}

const Family gru("gru", [](Family& family) {
  using enum Gru::Output;
  register_kernels(family);
  for (const Shape& shape : {Shape{0, 3, 2, 4, true, every_state},
                             {1, 1, 1, 1, false, every_state},
                             {1, 1, 3, 2, true, last_state},
                             {1, 6, 2, 5, false, last_state},
                             {1, 4, 3, 2, true, every_state},
                             {3, 4, 2, 5, true, every_state},
                             {3, 4, 2, 5, true, last_state},
                             {2, 5, 3, 4, false, every_state},
                             {5, 2, 1, 3, false, last_state}}) {
    for (const Index padding : {0, 3}) {
      family.gradient(both_orders, text_of(shape) + " padding " + std::to_string(padding),
                      [=] { return differentiable(layer_case(shape, padding)); });
      family.check(Aspect::tangent, both_orders, text_of(shape) + " padding " + std::to_string(padding) + " null views",
                   [=] { expect_null_views(layer_case(shape, padding)); });
    }
  }
  family.check(Aspect::gradient, {"gru layer"}, "misuse", [] {
    const auto columns = [](const Gru& layer, const std::vector<Index>& inputs) {
      return layer.output_columns(inputs);
    };
    EXPECT_EQ(columns(Gru(3, 4), {6}), 12);
    EXPECT_EQ(columns(Gru(3, 4, last_state), {6, 4}), 4);
    EXPECT_THROW(columns(Gru(3, 4), {7}), Error);
    EXPECT_THROW(columns(Gru(3, 4), {0}), Error);
    EXPECT_THROW(columns(Gru(3, 4), {6, 5}), Error);
    EXPECT_THROW(columns(Gru(3, 4), {6, 4, 4}), Error);
    EXPECT_THROW(columns(Gru(3, 4), {}), Error);
    EXPECT_THROW(Gru(0, 4), Error);
    EXPECT_THROW(Gru(3, 0), Error);
  });
  for (const auto& [name, steps, hidden, output] : {std::tuple{"every_state", 7, 6, every_state},
                                                    {"last_state", 5, 3, last_state},
                                                    {"with_a_state", 4, 5, every_state},
                                                    {"last_with_a_state", 3, 8, last_state}}) {
    family.pytorch(first_order, name, [steps = steps, hidden = hidden, output = output](PyTorchCase& dump) {
      dump.expect_layer(Gru(steps, hidden, output));
    });
  }
  family.pytorch({"gru_gates_forward", "gru_gates_tangent", "gru_gates_tangent_backward"}, "tangent",
                 [](PyTorchCase& dump) {
                   const Matrix state = dump.matrix("state"), gates = dump.matrix("gates");
                   const Index rows = state.rows, hidden = state.columns;
                   const auto like_state = [&] { return dump.output(rows, hidden); };
                   const auto like_gates = [&] { return dump.output(rows, 4 * hidden); };
                   const Matrix next = like_state(), next_tangent = like_state();
                   kernels::gru_gates_forward(dump.stream(), dump.matrix("projection"), state, gates, next);
                   dump.expect("next", next);
                   const Matrix tangents = dump.matrix("gate_tangents"), state_tangent = dump.matrix("state_tangent");
                   kernels::gru_gates_tangent(dump.stream(), gates, state, state_tangent, tangents, next_tangent);
                   dump.expect("next_tangent", next_tangent);
                   const Matrix of_gates = like_gates(), of_tangents = like_gates();
                   const Matrix of_state = like_state(), of_state_tangent = like_state();
                   kernels::gru_gates_tangent_backward(
                       dump.stream(), {gates, state, tangents, state_tangent, dump.matrix("g"), dump.matrix("u"), false,
                                       of_gates, of_tangents, of_state, of_state_tangent});
                   dump.expect("of_gates", of_gates);
                   dump.expect("of_gate_tangents", of_tangents);
                   dump.expect("of_state", of_state);
                   dump.expect("of_state_tangent", of_state_tangent);
                 });
});

}  // namespace
}  // namespace mynah::tests
