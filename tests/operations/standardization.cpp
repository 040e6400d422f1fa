#include "kernels/standardization.h"

#include "engine/layers/standardization.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using Direction = Standardization::Direction;

/// As Family::operation does, or as Family::speed for the large ones.
void register_cases(Family& family, const MatrixCase& shape, decltype(&Family::operation) add) {
  const auto with_moments = [=](auto operation) {
    return [=](Parity& run) {
      const auto x = run.input(shape.rows, shape.columns, shape.layout);
      const auto mean = run.input(1, shape.columns, shape.layout);
      const std::vector<float> deviations(static_cast<std::size_t>(shape.columns), 0.37f);
      const auto deviation = run.given(deviations, 1, shape.columns);
      const auto y = run.output(shape.rows, shape.columns, {shape.layout.padding, 0});
      run.expect_same([=](const Place& at) {
        operation(at.stream, at.matrix(x), at.vector(mean), at.vector(deviation), at.matrix(y));
      });
    };
  };
  const auto backward = [=](auto operation) {
    return with_moments([=](Stream& stream, ConstMatrix dy, ConstVector, ConstVector deviation, Matrix dx) {
      operation(stream, dy, deviation, dx);
    });
  };
  const std::string text = text_of(shape);
  constexpr auto float32 = kernels::Precision::float32;
  (family.*add)("standardize", text, with_moments(kernels::standardize<float>), float32);
  (family.*add)("unstandardize", text, with_moments(kernels::unstandardize<float>), float32);
  (family.*add)("standardize_backward", text, backward(kernels::standardize_backward<float>), float32);
  (family.*add)("unstandardize_backward", text, backward(kernels::unstandardize_backward<float>), float32);
}

const Family standardization("standardization", [](Family& family) {
  for (const MatrixCase& shape : matrix_cases()) register_cases(family, shape, &Family::operation);
  for (const MatrixCase& shape : large_matrix_cases()) register_cases(family, shape, &Family::speed);
  family.parity("standardize", "there and back in place", [](Parity& run) {
    const auto x = run.changed(33, 17, {3, 1});
    const auto mean = run.input(1, 17);
    const auto deviation = run.given(std::vector<float>(17, 1.7f), 1, 17);
    run.expect_same([=](const Place& at) {
      kernels::standardize(at.stream, at.matrix(x), at.vector(mean), at.vector(deviation), at.matrix(x));
      kernels::unstandardize(at.stream, at.matrix(x), at.vector(mean), at.vector(deviation), at.matrix(x));
    });
  });
  for (const Direction direction : {Direction::standardize, Direction::unstandardize}) {
    const std::string name = direction == Direction::standardize ? "standardize" : "unstandardize";
    const std::vector<std::string> shown{"standardization layer", name, name + "_backward"};
    for (const auto& [rows, columns] : {std::pair<Index, Index>{0, 3}, {1, 5}, {9, 17}}) {
      family.gradient(shown, name + " " + std::to_string(rows) + " x " + std::to_string(columns),
                      [=, rows = rows, columns = columns] {
                        LayerCase one;
                        one.layer = std::make_shared<Standardization>(direction);
                        one.rows = rows;
                        one.input_columns = {columns};
                        return differentiable(one);
                      });
    }
    family.pytorch(shown, name, [=](PyTorchCase& dump) { dump.expect_layer(Standardization(direction)); });
  }
});

}  // namespace
}  // namespace mynah::tests
