#include "kernels/embedding.h"

#include <cmath>

#include "engine/layers/embedding.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

struct Shape {
  Index rows, positions, count, size;
  Layout layout;
};

std::string text_of(const Shape& shape) {
  return std::to_string(shape.rows) + " x " + std::to_string(shape.positions) + " of " + std::to_string(shape.count) +
         " x " + std::to_string(shape.size) + text_of(shape.layout);
}

std::vector<Shape> shapes() {
  std::vector<Shape> cases{{0, 3, 5, 4, {}}, {3, 0, 5, 4, {}}, {3, 2, 5, 0, {}}, {0, 0, 1, 0, {}}};
  std::size_t next = 0;
  for (const Index rows : {1, 5, 33, 130}) {
    for (const auto& [positions, count, size] : {std::tuple<Index, Index, Index>{1, 1, 1},
                                                 {1, 17, 6},
                                                 {3, 4, 32},
                                                 {2, 50, 33},
                                                 {7, 3, 8},
                                                 {1, 9, 130},
                                                 {4, 200, 5},
                                                 {33, 11, 4},
                                                 {1, 2, 257}}) {
      cases.push_back({rows, positions, count, size, layouts()[next++ % layouts().size()]});
    }
  }
  cases.push_back({1100, 1, 3, 5, {}});  // indices in parts
  cases.push_back({600, 3, 2, 130, {1, 1}});
  cases.push_back({4, 300, 1, 4, {4, 0}});
  cases.push_back({256, 4, 64, 64, {}});
  return cases;
}

/// Whole numbers in [0, count), the same every time; some of them again and again.
std::vector<float> indices_of(const Shape& shape) {
  std::mt19937 generator(static_cast<std::uint32_t>(shape.rows * 7 + shape.count));
  std::vector<float> indices(static_cast<std::size_t>(shape.rows * shape.positions));
  for (float& index : indices) index = static_cast<float>(generator() % static_cast<std::uint32_t>(shape.count));
  return indices;
}

void forward_case(Parity& run, const Shape& shape, const std::vector<float>& values, Index constant_row) {
  const auto indices = run.given(values, shape.rows, shape.positions, shape.layout);
  const auto table = run.input(shape.count, shape.size, shape.layout);
  const auto y = run.output(shape.rows, shape.positions * shape.size, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::embedding_forward(at.stream, at.matrix(indices), at.matrix(table), at.matrix(y), constant_row);
  });
}

void backward_case(Parity& run, const Shape& shape, const std::vector<float>& values, Index constant_row) {
  const auto indices = run.given(values, shape.rows, shape.positions, shape.layout);
  const auto dy = run.input(shape.rows, shape.positions * shape.size, shape.layout);
  const auto dtable = run.changed(shape.count, shape.size, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::embedding_backward(at.stream, at.matrix(indices), at.matrix(dy), at.matrix(dtable), constant_row);
  });
}

/// What names no row: it must be read nowhere, be NaN in y, and add nothing.
void register_bad_indices(Family& family) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> bad{-1.0f, 3.0f, 0.5f, -0.25f, 1e30f, std::nanf(""), infinity, -infinity, 2.0f, -0.0f};
  const Shape shape{static_cast<Index>(bad.size()), 1, 3, 5, {}};
  family.parity("embedding_forward", "no such row", [=](Parity& run) { forward_case(run, shape, bad, -1); });
  family.parity("embedding_backward", "no such row", [=](Parity& run) { backward_case(run, shape, bad, 1); });
  family.parity("embedding_forward", "gives NaN", [=](Parity&) {
    Stream stream{DeviceId{}};
    const std::vector<float> table{1.0f, 2.0f, 3.0f};
    std::vector<float> y(bad.size());
    kernels::embedding_forward(stream, {bad.data(), 1, 10}, {table.data(), 3, 1}, {y.data(), 1, 10});
    for (std::size_t i = 0; i < 8; ++i) EXPECT_TRUE(std::isnan(y[i])) << bad[i];
    EXPECT_EQ(y[8], 3.0f);
    EXPECT_EQ(y[9], 1.0f);
  });
}

LayerCase layer_case(const Shape& shape) {
  LayerCase one;
  one.layer = std::make_shared<Embedding>(shape.count, shape.size);
  one.rows = shape.rows;
  one.input_columns = {shape.positions};
  one.constant_inputs = {true};
  one.padding = shape.rows % 3;
  one.prepare = [=](const std::string& name, Doubles& values) {
    if (name != "input0") return;
    const std::vector<float> indices = indices_of(shape);
    for (Index m = 0; m < values.rows(); ++m) {
      for (Index c = 0; c < values.columns(); ++c) {
        values.at(m, c) = indices[static_cast<std::size_t>(m * values.columns() + c)];
      }
    }
  };
  return one;
}

/// The layer with a padding row, as a function of the other rows: the padding row is held at its first value, whatever
/// the check does to it.
Differentiable with_padding(const Shape& shape, Index padding) {
  LayerCase one = layer_case(shape);
  one.layer = std::make_shared<Embedding>(shape.count, shape.size, padding);
  Differentiable function = differentiable(one);
  const Doubles table = function.inputs[1];
  const auto forward = function.forward;
  function.forward = [=](Stream& stream, Differentiable::In inputs, Differentiable::Out outputs) {
    Doubles held = table;
    for (Index t = 0; t < table.rows(); ++t) {
      for (Index s = 0; t != padding && s < table.columns(); ++s) held.at(t, s) = inputs[1].row(t).data[s];
    }
    const std::vector<MatrixView<const double>> with_held{inputs[0], held.constant()};
    forward(stream, with_held, outputs);
  };
  return function;
}

void expect_refusals() {
  EXPECT_THROW(Embedding(0, 3), Error);
  EXPECT_THROW(Embedding((1 << 24) + 1, 3), Error);
  EXPECT_THROW(Embedding(4, 0), Error);
  EXPECT_THROW(Embedding(4, 2, 4), Error);
  EXPECT_THROW(Embedding(4, 2, -1), Error);
  const Embedding layer(4, 2);
  EXPECT_THROW(layer.output_columns(std::vector<Index>{1, 1}), Error);
  const std::vector<float> good{0.0f, 3.0f, 1.0f, 2.0f}, bad{0.0f, 3.0f, 1.0f, 4.0f};
  EXPECT_NO_THROW(layer.check_indices("1.joint", {good.data(), 2, 2}));
  try {
    layer.check_indices("1.joint", {bad.data(), 2, 2});
    ADD_FAILURE() << "index 4 of a table of 4 rows was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "1.joint (embedding layer): index [1, 1] is 4.000000, no row of its table of 4\n"
              "give whole numbers in [0, 4), or make the table larger");
  }
}

const Family embedding("embedding", [](Family& family) {
  std::size_t next = 0;
  for (const Shape& shape : shapes()) {
    const auto indices = indices_of(shape);
    const Index row = next++ % 3 == 0 ? shape.count / 2 : -1;
    const std::string text = text_of(shape) + (row < 0 ? "" : " without row " + std::to_string(row));
    family.operation("embedding_forward", text, [=](Parity& run) { forward_case(run, shape, indices, row); });
    family.operation("embedding_backward", text, [=](Parity& run) { backward_case(run, shape, indices, row); });
  }
  register_bad_indices(family);
  const std::vector<std::string> shown{"embedding layer", "embedding_forward", "embedding_backward"};
  for (const Shape& shape : {Shape{0, 3, 4, 2, {}},
                             {4, 0, 3, 2, {}},
                             {1, 1, 1, 1, {}},
                             {1, 5, 3, 7, {}},
                             {9, 2, 5, 3, {}},
                             {33, 1, 4, 2, {}}}) {
    family.gradient(shown, text_of(shape), [=] { return differentiable(layer_case(shape)); });
  }
  family.gradient(shown, "with padding", [] { return with_padding({9, 4, 5, 3, {}}, 2); });
  family.check(Aspect::gradient, {"embedding layer"}, "refusals", expect_refusals);
  for (const char* name : {"one", "several", "sparse", "padding"}) {
    family.pytorch(shown, name, [text = std::string(name)](PyTorchCase& dump) {
      const auto shape = dump.shape("tensor.weight");
      dump.expect_layer(Embedding(shape[0], shape[1], text == "padding" ? std::optional<Index>(2) : std::nullopt));
    });
  }
});

}  // namespace
}  // namespace mynah::tests
