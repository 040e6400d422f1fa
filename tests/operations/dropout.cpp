#include "kernels/dropout.h"

#include <cmath>

#include "engine/layers/dropout.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

constexpr RandomKey key{0x0123456789abcdefULL, 0x305};

void forward_case(Parity& run, const MatrixCase& shape, float p, Index step) {
  const auto at_step = run.given<Index>({step}, 1, 1);
  const auto x = run.input(shape.rows, shape.columns, shape.layout);
  const auto y = run.output(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::dropout_forward(at.stream, key, step < 0 ? nullptr : at.pointer(at_step), p, at.matrix(x), at.matrix(y));
  });
}

void in_place_case(Parity& run, const MatrixCase& shape) {
  const auto x = run.changed(shape.rows, shape.columns, shape.layout);
  run.expect_same(
      [=](const Place& at) { kernels::dropout_forward(at.stream, key, nullptr, 0.25f, at.matrix(x), at.matrix(x)); });
}

std::vector<float> dropped_ones(Index rows, Index columns, Index stride, float p, Index step) {
  Stream stream{DeviceId{}};
  const std::vector<float> ones(static_cast<std::size_t>(rows * stride), 1.0f);
  std::vector<float> y(ones.size(), -1.0f);
  kernels::dropout_forward(stream, key, &step, p, {ones.data(), rows, columns, stride},
                           {y.data(), rows, columns, stride});
  std::vector<float> elements;
  for (Index m = 0; m < rows; ++m) {
    elements.insert(elements.end(), y.begin() + m * stride, y.begin() + m * stride + columns);
  }
  return elements;
}

/// How many are kept, within five standard deviations; that neighbours, in a row and in a column, and steps are
/// independent; that strides change nothing.
void expect_statistics(float p) {
  constexpr Index rows = 500, columns = 801;
  const auto n = static_cast<double>(rows * columns);
  const double keep = 1.0 - static_cast<double>(p), variance = keep * static_cast<double>(p);
  const auto one = dropped_ones(rows, columns, columns, p, 3), other = dropped_ones(rows, columns, columns, p, 4);
  EXPECT_EQ(one, dropped_ones(rows, columns, columns + 3, p, 3));
  double kept = 0.0, in_row = 0.0, in_column = 0.0, in_time = 0.0;
  const auto centred = [&](const std::vector<float>& values, std::size_t i) {
    return (values[i] != 0.0f ? 1.0 : 0.0) - keep;
  };
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_TRUE(one[i] == 0.0f || std::fabs(static_cast<double>(one[i]) * keep - 1.0) < 1e-6);
    kept += one[i] != 0.0f ? 1.0 : 0.0;
    if (i + 1 < one.size()) in_row += centred(one, i) * centred(one, i + 1);
    if (i + columns < one.size()) in_column += centred(one, i) * centred(one, i + columns);
    in_time += centred(one, i) * centred(other, i);
  }
  EXPECT_NEAR(kept / n, keep, 5 * std::sqrt(variance / n));
  for (const double product : {in_row, in_column, in_time}) EXPECT_NEAR(product / n, 0.0, 5 * variance / std::sqrt(n));
}

void expect_not_a_number_to_stay() {
  const std::vector<float> x(64, std::nanf(""));
  std::vector<float> y(64, 0.0f);
  Stream stream{DeviceId{}};
  kernels::dropout_forward(stream, key, nullptr, 0.5f, {x.data(), 4, 16}, {y.data(), 4, 16});
  for (const float value : y) EXPECT_TRUE(std::isnan(value));
}

void expect_refusals() {
  for (const float p : {-0.1f, 1.0f, 2.0f, std::nanf("")}) EXPECT_THROW(Dropout{p}, Error) << p;
  const std::vector<Index> two{3, 3};
  EXPECT_THROW(Dropout{}.output_columns(two), Error);
}

LayerCase layer_case(Index rows, Index columns, float p, Mode mode) {
  LayerCase one;
  one.layer = std::make_shared<Dropout>(p);
  one.rows = rows;
  one.input_columns = {columns};
  one.mode = mode;
  one.padding = rows % 3;
  return one;
}

const Family dropout("dropout", [](Family& family) {
  std::size_t next = 0;
  for (const MatrixCase& shape : matrix_cases()) {
    const float p = std::vector<float>{0.5f, 0.1f, 0.9f, 0.0f}[next % 4];
    const Index step = static_cast<Index>(next % 3) * 5000000000 - 1;
    ++next;
    family.operation("dropout_forward", text_of(shape) + " p " + std::to_string(p).substr(0, 3),
                     [=](Parity& run) { forward_case(run, shape, p, step); });
    if (next % 4 == 0) {
      family.parity("dropout_forward", text_of(shape) + " in place", [=](Parity& run) { in_place_case(run, shape); });
    }
  }
  for (const MatrixCase& shape : {MatrixCase{256, 1024, {}}, {2048, 256, {}}}) {
    family.operation("dropout_forward", text_of(shape), [=](Parity& run) { forward_case(run, shape, 0.5f, 0); });
  }
  family.parity("dropout_forward", "share kept", [](Parity&) {
    for (const float p : {0.1f, 0.5f, 0.9f}) expect_statistics(p);
  });
  family.parity("dropout_forward", "not a number", [](Parity&) { expect_not_a_number_to_stay(); });
  const std::vector<std::string> shown{"dropout layer", "dropout_forward"};
  for (const auto& [rows, columns] : {std::pair<Index, Index>{0, 5}, {5, 0}, {1, 1}, {1, 33}, {7, 17}}) {
    for (const Mode mode : {Mode::train, Mode::evaluate}) {
      family.gradient(
          shown,
          std::to_string(rows) + " x " + std::to_string(columns) + (mode == Mode::train ? " train" : " evaluate"),
          [=, rows = rows, columns = columns] { return differentiable(layer_case(rows, columns, 0.3f, mode)); });
    }
  }
  family.check(Aspect::gradient, {"dropout layer"}, "refusals", expect_refusals);
  family.pytorch(shown, "evaluate", [](PyTorchCase& dump) { dump.expect_layer(Dropout(0.3f)); });
  for (const char* name : {"none", "tenth", "half", "most"}) {
    family.pytorch(shown, name,
                   [](PyTorchCase& dump) { dump.expect_layer(Dropout(dump.number("probability")), Mode::train); });
  }
});

}  // namespace
}  // namespace mynah::tests
