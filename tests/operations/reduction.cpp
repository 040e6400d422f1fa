#include "kernels/reduction.h"

#include <cmath>

#include "kernels/histogram.h"
#include "kernels/prefix_sum.h"
#include "kernels/top_k.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::Norm;
using kernels::PrefixSumOptions;

constexpr float infinity = std::numeric_limits<float>::infinity();

using OfMatrix = void (*)(Stream&, ConstMatrix, Vector);

/// One value for each row or column of a matrix.
void matrix_case(Parity& run, const MatrixCase& shape, Index outputs, OfMatrix operation) {
  const auto x = run.input(shape.rows, shape.columns, shape.layout);
  const auto out = run.output(1, outputs, {0, shape.layout.offset});
  run.expect_same([=](const Place& at) { operation(at.stream, at.matrix(x), at.vector(out)); });
}

void column_sums(Stream& stream, ConstMatrix x, Vector out) {
  kernels::column_sums(stream, x, out);
}

void column_moments_case(Parity& run, const MatrixCase& shape) {
  const auto x = run.input(shape.rows, shape.columns, shape.layout);
  const auto mean = run.output(1, shape.columns, {0, shape.layout.offset});
  const auto variance = run.output(1, shape.columns);
  run.expect_same(
      [=](const Place& at) { kernels::column_moments(at.stream, at.matrix(x), at.vector(mean), at.vector(variance)); });
}

void register_columns(Family& family, const MatrixCase& shape) {
  const std::string text = text_of(shape);
  family.operation("column_moments", text, [=](Parity& run) { column_moments_case(run, shape); });
  family.parity("column_moments", text + ", mean alone", [=](Parity& run) {
    matrix_case(run, shape, shape.columns,
                [](Stream& stream, ConstMatrix x, Vector mean) { kernels::column_moments(stream, x, mean, {}); });
  });
  family.operation("column_sums", text, [=](Parity& run) { matrix_case(run, shape, shape.columns, column_sums); });
  family.parity("column_sums", text + ", added", [=](Parity& run) {
    const auto x = run.input(shape.rows, shape.columns, shape.layout);
    const auto out = run.changed(1, shape.columns, {0, shape.layout.offset});
    run.expect_same([=](const Place& at) { kernels::column_sums(at.stream, at.matrix(x), at.vector(out), true); });
  });
  family.operation("column_maxima", text,
                   [=](Parity& run) { matrix_case(run, shape, shape.columns, kernels::column_maxima<float>); });
}

void register_rows(Family& family, const MatrixCase& shape) {
  const std::string text = text_of(shape);
  family.operation("row_moments", text, [=](Parity& run) {
    const auto x = run.input(shape.rows, shape.columns, shape.layout);
    const auto mean = run.output(1, shape.rows, {0, shape.layout.offset});
    const auto variance = run.output(1, shape.rows);
    run.expect_same(
        [=](const Place& at) { kernels::row_moments(at.stream, at.matrix(x), at.vector(mean), at.vector(variance)); });
  });
  family.operation("row_sums", text,
                   [=](Parity& run) { matrix_case(run, shape, shape.rows, kernels::row_sums<float>); });
  family.operation("row_maxima", text,
                   [=](Parity& run) { matrix_case(run, shape, shape.rows, kernels::row_maxima<float>); });
}

void register_prefix_sums(Family& family, const MatrixCase& shape) {
  for (const PrefixSumOptions options : {PrefixSumOptions{}, PrefixSumOptions{true, false},
                                         PrefixSumOptions{false, true}, PrefixSumOptions{true, true}}) {
    const std::string text =
        text_of(shape) + (options.exclusive ? " exclusive" : "") + (options.reverse ? " reverse" : "");
    family.operation("prefix_sums", text, [=](Parity& run) {
      const auto x = run.input(shape.rows, shape.columns, shape.layout);
      const auto y = run.output(shape.rows, shape.columns, shape.layout);
      run.expect_same([=](const Place& at) { kernels::prefix_sums(at.stream, at.matrix(x), at.matrix(y), options); });
    });
    if (shape.rows % 2 == 0 || shape.rows > 40) continue;
    family.parity("prefix_sums", text + ", in place", [=](Parity& run) {
      const auto x = run.changed(shape.rows, shape.columns, shape.layout);
      run.expect_same([=](const Place& at) { kernels::prefix_sums(at.stream, at.matrix(x), at.matrix(x), options); });
    });
  }
}

void top_k_case(Parity& run, const MatrixCase& shape, Index k, bool ties) {
  std::vector<float> values(static_cast<std::size_t>(shape.rows * shape.columns));
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  for (float& value : values) value = ties ? std::round(normal(generator)) : normal(generator);
  const auto x = run.given(values, shape.rows, shape.columns, shape.layout);
  const auto largest = run.output(shape.rows, k, shape.layout);
  const auto positions = run.output<std::int32_t>(1, shape.rows * k);
  run.expect_same(
      [=](const Place& at) { kernels::top_k_rows(at.stream, at.matrix(x), at.matrix(largest), at.vector(positions)); });
}

void register_top_k(Family& family, const MatrixCase& shape) {
  for (const Index k : {Index{1}, Index{3}, shape.columns}) {
    if (k > shape.columns || (k > 20 && shape.rows > 2)) continue;
    const std::string text = text_of(shape) + " k " + std::to_string(k);
    family.operation("top_k_rows", text, [=](Parity& run) { top_k_case(run, shape, k, false); });
    family.parity("top_k_rows", text + ", equal values", [=](Parity& run) { top_k_case(run, shape, k, true); });
  }
}

void sum_case(Parity& run, const VectorCase& shape) {
  const auto x = run.input(1, shape.size, {0, shape.offset});
  const auto out = run.output<double>(1, 1);
  run.expect_same([=](const Place& at) { kernels::sum(at.stream, at.vector(x), at.vector(out)); });
}

void register_vectors(Family& family, const VectorCase& shape) {
  const std::string text = text_of(shape);
  family.operation("sum", text, [=](Parity& run) { sum_case(run, shape); });
  for (const auto& [norm, name] : {std::pair{Norm::l1, " L1"}, {Norm::l2, " L2"}, {Norm::maximum, " maximum"}}) {
    family.operation("vector_norm", text + name, [=, norm = norm](Parity& run) {
      const auto x = run.input(1, shape.size, {0, shape.offset});
      const auto out = run.output<double>(1, 1);
      run.expect_same([=](const Place& at) { kernels::vector_norm(at.stream, norm, at.vector(x), at.vector(out)); });
    });
  }
  for (const Index bins : {1, 10, 2048, 2049}) {
    if (bins > 10 && shape.size % 2 == 0) continue;
    family.operation("histogram", text + " in " + std::to_string(bins), [=](Parity& run) {
      const auto x = run.input(1, shape.size, {0, shape.offset});
      const auto counts = run.output<std::int32_t>(1, bins, {0, shape.offset});
      run.expect_same(
          [=](const Place& at) { kernels::histogram(at.stream, at.vector(x), -1.5f, 1.0f, at.vector(counts)); });
    });
  }
}

/// What is not a number, and what is not finite.
void register_extremes(Family& family) {
  const std::vector<float> values{1.0f,      std::nanf(""), -infinity, 0.0f,      -0.0f,     2.0f,
                                  -infinity, -infinity,     -infinity, -infinity, -infinity, -infinity,
                                  infinity,  0.0f,          -0.0f,     -infinity, -1e-42f,   1e-42f,
                                  -0.0f,     0.0f,          -0.0f,     0.0f,      -0.0f,     std::nanf("")};
  for (const auto& [name, outputs, operation] :
       {std::tuple<const char*, Index, OfMatrix>{"column_maxima", 6, kernels::column_maxima<float>},
        {"row_maxima", 4, kernels::row_maxima<float>},
        {"column_sums", 6, column_sums},
        {"row_sums", 4, kernels::row_sums<float>}}) {
    family.parity(name, "extremes", [=, outputs = outputs, operation = operation](Parity& run) {
      const auto x = run.given(values, 4, 6);
      const auto out = run.output(1, outputs);
      run.expect_same([=](const Place& at) { operation(at.stream, at.matrix(x), at.vector(out)); });
    });
  }
  family.parity("vector_norm", "extremes", [=](Parity& run) {
    const auto x = run.given(values, 1, 24);
    const auto out = run.output<double>(1, 3);
    run.expect_same([=](const Place& at) {
      for (const Index i : {0, 1, 2}) {
        kernels::vector_norm(at.stream, static_cast<Norm>(i), at.vector(x), {at.pointer(out) + i, 1});
      }
    });
  });
  for (const Index k : {1, 4, 6}) {
    family.parity("top_k_rows", "extremes, k " + std::to_string(k), [=](Parity& run) {
      const auto x = run.given(values, 4, 6);
      const auto largest = run.output(4, k);
      const auto positions = run.output<std::int32_t>(1, 4 * k);
      run.expect_same([=](const Place& at) {
        kernels::top_k_rows(at.stream, at.matrix(x), at.matrix(largest), at.vector(positions));
      });
    });
  }
  family.parity("histogram", "extremes", [=](Parity& run) {
    const auto x = run.given(values, 1, 24);
    const auto counts = run.output<std::int32_t>(1, 7);
    run.expect_same(
        [=](const Place& at) { kernels::histogram(at.stream, at.vector(x), 0.0f, 2.0f, at.vector(counts)); });
  });
}

Doubles normal_matrix(Index rows, Index columns, std::uint32_t seed) {
  std::mt19937 generator(seed);
  Doubles values(rows, columns, rows % 3);
  values.randomize(generator);
  return values;
}

Differentiable prefix_function(Index rows, Index columns, PrefixSumOptions options) {
  const PrefixSumOptions transposed{options.exclusive, !options.reverse};
  Differentiable one;
  one.inputs = {normal_matrix(rows, columns, 5)};
  one.outputs = {{rows, columns}};
  one.forward = [=](Stream& stream, Differentiable::In in, Differentiable::Out out) {
    kernels::prefix_sums<double>(stream, in[0], out[0], options);
  };
  one.backward = [=](Stream& stream, Differentiable::In, Differentiable::In, Differentiable::Out dy,
                     Differentiable::Out dx) { kernels::prefix_sums<double>(stream, dy[0], dx[0], transposed); };
  one.tangent = [=](Stream& stream, Differentiable::In, Differentiable::In, Differentiable::In tangents,
                    Differentiable::Out out) { kernels::prefix_sums<double>(stream, tangents[0], out[0], options); };
  one.tangent_backward = [=](Stream& stream, Differentiable::In, Differentiable::In, Differentiable::In,
                             Differentiable::Out dy, Differentiable::Out u, Differentiable::Out dx,
                             Differentiable::Out dtangent) {
    kernels::prefix_sums<double>(stream, dy[0], dx[0], transposed);
    kernels::prefix_sums<double>(stream, u[0], dtangent[0], transposed);
  };
  return one;
}

void register_gradients(Family& family) {
  for (const auto& [rows, columns] : {std::pair<Index, Index>{0, 5}, {1, 1}, {1, 33}, {7, 17}}) {
    const std::string text = std::to_string(rows) + " x " + std::to_string(columns);
    for (const PrefixSumOptions options : {PrefixSumOptions{}, PrefixSumOptions{true, false},
                                           PrefixSumOptions{false, true}, PrefixSumOptions{true, true}}) {
      family.gradient({"prefix_sums"},
                      text + (options.exclusive ? " exclusive" : "") + (options.reverse ? " reverse" : ""),
                      [=, rows = rows, columns = columns] { return prefix_function(rows, columns, options); });
    }
  }
}

void compare_matrix(PyTorchCase& dump) {
  Stream& stream = dump.stream();
  const Matrix x = dump.matrix("x");
  const Vector of_columns = dump.output(1, x.columns).row(0), of_rows = dump.output(1, x.rows).row(0);
  const Vector variance_of_columns = dump.output(1, x.columns).row(0), variance_of_rows = dump.output(1, x.rows).row(0);
  const auto expect = [&](const char* name, Vector found) { dump.expect(name, Matrix{found.data, 1, found.size}); };
  kernels::column_moments(stream, x, of_columns, variance_of_columns);
  expect("column_mean", of_columns);
  expect("column_variance", variance_of_columns);
  kernels::row_moments(stream, x, of_rows, variance_of_rows);
  expect("row_mean", of_rows);
  expect("row_variance", variance_of_rows);
  kernels::column_sums(stream, x, of_columns);
  expect("column_sums", of_columns);
  kernels::row_sums(stream, x, of_rows);
  expect("row_sums", of_rows);
  kernels::column_maxima(stream, x, of_columns);
  expect("column_maxima", of_columns);
  kernels::row_maxima(stream, x, of_rows);
  expect("row_maxima", of_rows);
  const VectorView<double> out = dump.sum();
  const Vector all{x.data, x.rows * x.columns};
  kernels::sum(stream, all, out);
  dump.expect("sum", out);
  for (const auto& [norm, name] : {std::pair{Norm::l1, "l1"}, {Norm::l2, "l2"}, {Norm::maximum, "maximum"}}) {
    kernels::vector_norm(stream, norm, all, out);
    dump.expect(name, out);
  }
}

/// Whole numbers on the device against floats of the dump.
void expect_integers(PyTorchCase& dump, const std::string& tensor, Labels found) {
  std::vector<std::int32_t> integers(static_cast<std::size_t>(found.size));
  kernels::copy_to_host(dump.stream(), integers.data(), found.data, integers.size() * sizeof(std::int32_t));
  const std::vector<float> expected = dump.values(tensor);
  ASSERT_EQ(integers.size(), expected.size());
  for (std::size_t i = 0; i < integers.size(); ++i) EXPECT_EQ(static_cast<float>(integers[i]), expected[i]) << i;
}

void compare_top_k(PyTorchCase& dump, const std::string& values, const std::string& positions) {
  const Matrix x = dump.matrix("x");
  const Matrix largest = dump.output(x.rows, dump.shape(values)[1]);
  const Buffer<std::int32_t> found(dump.stream().device(), largest.rows * largest.columns);
  kernels::top_k_rows(dump.stream(), x, largest, found.view());
  dump.expect(values, largest);
  expect_integers(dump, positions, found.view());
}

void register_pytorch(Family& family) {
  family.pytorch(
      {"column_moments", "row_moments", "column_sums", "row_sums", "column_maxima", "row_maxima", "sum", "vector_norm"},
      "matrix", compare_matrix);
  family.pytorch({"column_maxima", "row_maxima", "top_k_rows"}, "not_finite", [](PyTorchCase& dump) {
    const Matrix x = dump.matrix("x");
    const Matrix of_columns = dump.output(1, x.columns), of_rows = dump.output(1, x.rows);
    kernels::column_maxima(dump.stream(), x, of_columns.row(0));
    dump.expect("column_maxima", of_columns);
    kernels::row_maxima(dump.stream(), x, of_rows.row(0));
    dump.expect("row_maxima", of_rows);
    compare_top_k(dump, "top_values", "top_positions");
  });
  family.pytorch({"top_k_rows"}, "top_k", [](PyTorchCase& dump) { compare_top_k(dump, "values", "positions"); });
  family.pytorch({"histogram"}, "histogram", [](PyTorchCase& dump) {
    const Buffer<std::int32_t> counts(dump.stream().device(), dump.shape("counts")[0]);
    kernels::histogram(dump.stream(), dump.vector("x"), -3.0f, 3.0f, counts.view());
    expect_integers(dump, "counts", counts.view());
  });
  family.pytorch({"prefix_sums"}, "prefix_sums", [](PyTorchCase& dump) {
    const Matrix x = dump.matrix("x"), y = dump.output(x.rows, x.columns);
    for (const auto& [name, options] : {std::pair<const char*, PrefixSumOptions>{"inclusive", {}},
                                        {"exclusive", {true, false}},
                                        {"suffix", {false, true}},
                                        {"exclusive_suffix", {true, true}}}) {
      kernels::prefix_sums(dump.stream(), x, y, options);
      dump.expect(name, y);
    }
  });
}

/// Sizes that are in use.
void register_usual_sizes(Family& family) {
  register_columns(family, {256, 256, {}});
  register_rows(family, {256, 256, {}});
  register_prefix_sums(family, {64, 1000, {}});
  register_top_k(family, {32, 1000, {}});
  register_vectors(family, {75264, 0});
}

const Family reduction("reduction", [](Family& family) {
  std::vector<MatrixCase> cases = matrix_cases();
  cases.push_back({1101, 5, {}});  // several parts of a column's rows
  cases.push_back({800, 33, {1, 1}});
  cases.push_back({3, 1500, {1, 0}});  // a block for a row
  for (const MatrixCase& shape : cases) {
    register_columns(family, shape);
    register_rows(family, shape);
  }
  for (const MatrixCase& shape : {MatrixCase{4096, 17, {}}, {100000, 111, {}}}) {  // data sets
    family.speed("column_moments", text_of(shape), [=](Parity& run) { column_moments_case(run, shape); });
  }
  for (const VectorCase& shape : large_vector_cases()) {
    family.speed("sum", text_of(shape), [=](Parity& run) { sum_case(run, shape); });
  }
  for (const MatrixCase& shape : score_cases()) register_top_k(family, shape);
  cases.push_back({1, 20011, {0, 1}});  // several parts of a row
  cases.push_back({2, 8192, {3, 0}});
  for (const MatrixCase& shape : cases) register_prefix_sums(family, shape);
  for (const VectorCase& shape : vector_cases()) register_vectors(family, shape);
  register_usual_sizes(family);
  register_extremes(family);
  register_gradients(family);
  register_pytorch(family);
  family.without(
      {"column_moments", "row_moments", "column_sums", "row_sums", "column_maxima", "row_maxima", "sum", "vector_norm"},
      {Aspect::gradient, Aspect::tangent},
      "it measures: it has no backward pass, and layers that need one derive their own");
  family.without({"histogram", "top_k_rows"}, {Aspect::gradient, Aspect::tangent},
                 "counts and positions are whole numbers");
});

}  // namespace
}  // namespace mynah::tests
