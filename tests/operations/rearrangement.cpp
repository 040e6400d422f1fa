#include "engine/layers/concatenation.h"
#include "engine/layers/parameter_columns.h"
#include "engine/layers/reshape.h"
#include "engine/layers/slice.h"
#include "kernels/elementwise.h"
#include "tests/operations/null_views.h"
#include "tests/operations/registry.h"

/// Layers that move values about, and what they are made of.
namespace mynah::tests {
namespace {

LayerCase layer_case(std::shared_ptr<const Layer> layer, Index rows, std::vector<Index> columns) {
  LayerCase one;
  one.layer = std::move(layer);
  one.rows = rows;
  one.input_columns = std::move(columns);
  one.padding = rows % 3;
  return one;
}

void expect_refused(const Layer& layer, const std::vector<Index>& inputs, const std::string& words) {
  try {
    layer.output_columns(inputs);
    ADD_FAILURE() << layer.kind() << " accepts what it should not: " << words;
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

void register_zero(Family& family) {
  for (const MatrixCase& shape : matrix_cases()) {
    family.operation("zero", text_of(shape), [=](Parity& run) {
      const auto x = run.output(shape.rows, shape.columns, shape.layout);
      run.expect_same([=](const Place& at) { kernels::zero(at.stream, at.matrix(x)); });
    });
  }
  family.without({"zero"}, {Aspect::gradient, Aspect::tangent, Aspect::pytorch}, "it sets a constant");
}

const Family rearrangement("rearrangement", [](Family& family) {
  register_zero(family);
  const auto both = [&](const std::string& subject, const std::string& name, const LayerCase& one) {
    family.gradient({subject}, name, [=] { return differentiable(one); });
    family.check(Aspect::tangent, {subject}, name + " null views", [=] { expect_null_views(one); });
  };
  for (const Index rows : {0, 1, 5}) {
    const std::string of = std::to_string(rows) + " rows, ";
    const auto concatenation = std::make_shared<Concatenation>();
    both("concatenation layer", of + "3 | 4", layer_case(concatenation, rows, {3, 4}));
    both("concatenation layer", of + "1 | 0 | 7 | 2", layer_case(concatenation, rows, {1, 0, 7, 2}));
    both("slice layer", of + "first", layer_case(std::make_shared<Slice>(0, 3), rows, {7}));
    both("slice layer", of + "middle", layer_case(std::make_shared<Slice>(2, 4), rows, {7}));
    both("slice layer", of + "last", layer_case(std::make_shared<Slice>(6, 1), rows, {7}));
    both("slice layer", of + "everything", layer_case(std::make_shared<Slice>(0, 7), rows, {7}));
    both("slice layer", of + "nothing", layer_case(std::make_shared<Slice>(3, 0), rows, {7}));
    both("parameter columns layer", of + "3 + 4", layer_case(std::make_shared<ParameterColumns>(4), rows, {3}));
    both("parameter columns layer", of + "0 + 2", layer_case(std::make_shared<ParameterColumns>(2), rows, {0}));
    both("parameter columns layer", of + "3 + 0", layer_case(std::make_shared<ParameterColumns>(0), rows, {3}));
    both("reshape layer", of + "2 x 3 x 2",
         layer_case(std::make_shared<Reshape>(std::vector<Index>{2, 3, 2}), rows, {12}));
  }
  family.check(Aspect::gradient, {"parameter columns layer"}, "misuse", [] {
    expect_refused(ParameterColumns(2), {5, 5}, "one input, got 2");
    EXPECT_THROW(ParameterColumns(-1), Error);
  });
  family.check(Aspect::gradient, {"concatenation layer", "slice layer", "reshape layer"}, "misuse", [] {
    expect_refused(Concatenation(), {5}, "two or more inputs, got 1");
    expect_refused(Slice(2, 4), {5}, "columns 2 to 6 (exclusive) are not all within the 5 columns");
    expect_refused(Slice(2, 4), {5, 5}, "one input, got 2");
    expect_refused(Reshape({3, 8, 8}), {100}, "100 columns is not [3, 8, 8], which has 192 values");
    EXPECT_THROW(Slice(-1, 2), Error);
    EXPECT_THROW(Reshape({3, -1}), Error);
    EXPECT_THROW(Reshape({}), Error);
  });
  family.pytorch({"concatenation layer"}, "concatenation",
                 [](PyTorchCase& dump) { dump.expect_layer(Concatenation()); });
  family.pytorch({"parameter columns layer"}, "parameter_columns",
                 [](PyTorchCase& dump) { dump.expect_layer(ParameterColumns(2)); });
  family.pytorch({"slice layer"}, "slice", [](PyTorchCase& dump) { dump.expect_layer(Slice(3, 5)); });
  family.pytorch({"reshape layer"}, "reshape", [](PyTorchCase& dump) { dump.expect_layer(Reshape({2, 3, 2})); });
});

}  // namespace
}  // namespace mynah::tests
