#include "kernels/initialization.h"

#include <cmath>

#include "kernels/random.h"
#include "kernels/truncated_normal.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

const RandomKey key = random_key(0x123456789abcdef0u, RandomStream::initialization, 5);

std::vector<float> download(Stream& stream, const float* from, Index size) {
  std::vector<float> values(static_cast<std::size_t>(size));
  kernels::copy_to_host(stream, values.data(), from, values.size() * sizeof(float));
  return values;
}

void register_truncated_normal(Family& family) {
  for (const VectorCase& shape : vector_cases()) {
    family.operation("truncated_normal", text_of(shape), [=](Parity& run) {
      const auto step = run.given<Index>({3}, 1, 1);
      const auto out = run.output(1, shape.size, {0, shape.offset});
      const auto without_step = run.output(1, shape.size);
      run.expect_same([=](const Place& at) {
        kernels::truncated_normal(at.stream, key, at.pointer(step), 1.0f, 0.5f, at.vector(out));
        kernels::truncated_normal(at.stream, key, nullptr, 0.0f, 2.0f, at.vector(without_step));
      });
    });
  }
}

/// The numbers of each device: their bounds and moments.
void expect_truncated_distribution(PyTorchCase& dump) {
  constexpr Index n = 200000;
  const Vector out = dump.output(1, n).row(0);
  kernels::truncated_normal(dump.stream(), key, nullptr, 0.0f, 1.0f, out);
  double sum = 0.0, squares = 0.0, fourth = 0.0;
  for (const float value : download(dump.stream(), out.data, n)) {
    ASSERT_LE(std::fabs(value), 2.0f);
    const auto z = static_cast<double>(value);
    sum += z;
    squares += z * z;
    fourth += z * z * z * z;
  }
  // Five standard deviations of each estimate.
  const double second = static_cast<double>(dump.number("second_moment"));
  const double fourth_moment = static_cast<double>(dump.number("fourth_moment"));
  const double root = std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(sum / n, 0.0, 5.0 * std::sqrt(second) / root);
  EXPECT_NEAR(squares / n, second, 5.0 * std::sqrt(fourth_moment - second * second) / root);
  EXPECT_NEAR(fourth / n, fourth_moment, 5.0 * 4.0 / root);
}

/// out outᵀ or outᵀ out of a matrix, whichever is smaller, as a matrix on the device.
Matrix gram_of(PyTorchCase& dump, Matrix matrix) {
  const auto values = download(dump.stream(), matrix.data, matrix.rows * matrix.columns);
  const bool wide = matrix.rows < matrix.columns;
  const Index size = wide ? matrix.rows : matrix.columns, length = wide ? matrix.columns : matrix.rows;
  const auto at = [&](Index i, Index k) {
    return static_cast<double>(
        values[static_cast<std::size_t>(wide ? i * matrix.columns + k : k * matrix.columns + i)]);
  };
  std::vector<float> gram;
  for (Index i = 0; i < size; ++i) {
    for (Index j = 0; j < size; ++j) {
      double product = 0.0;
      for (Index k = 0; k < length; ++k) product += at(i, k) * at(j, k);
      gram.push_back(static_cast<float>(product));
    }
  }
  const Matrix out = dump.output(size, size);
  kernels::copy_to_device(dump.stream(), out.data, gram.data(), gram.size() * sizeof(float));
  return out;
}

/// Qᵀ A of the normal matrix A that Q was made from is upper triangular, with a positive diagonal: R of its QR
/// decomposition, with the sign that makes it unique. (Tall; a wide matrix is the transpose of that.)
void expect_triangular(PyTorchCase& dump, Matrix q) {
  const bool wide = q.rows < q.columns;
  const Index tall = wide ? q.columns : q.rows, narrow = wide ? q.rows : q.columns;
  const Matrix normal = dump.output(q.rows, q.columns);
  kernels::normal(dump.stream(), key, nullptr, 0.0f, 1.0f, {normal.data, q.rows * q.columns});
  const auto a = download(dump.stream(), normal.data, q.rows * q.columns);
  const auto b = download(dump.stream(), q.data, q.rows * q.columns);
  const auto at = [&](const std::vector<float>& values, Index k, Index i) {
    return static_cast<double>(values[static_cast<std::size_t>(wide ? i * q.columns + k : k * q.columns + i)]);
  };
  for (Index i = 0; i < narrow; ++i) {
    for (Index j = 0; j <= i; ++j) {
      double product = 0.0;
      for (Index k = 0; k < tall; ++k) product += at(b, k, i) * at(a, k, j);
      if (i == j) {
        EXPECT_GT(product, 0.0) << i;
      } else {
        EXPECT_NEAR(product, 0.0, 1e-4) << i << ", " << j;
      }
    }
  }
}

void register_orthogonal(Family& family) {
  for (const MatrixCase& shape : matrix_cases()) {
    family.parity("orthogonal", std::to_string(shape.rows) + " x " + std::to_string(shape.columns), [=](Parity& run) {
      const auto out = run.output(shape.rows, shape.columns, {0, shape.layout.offset});
      run.expect_same([=](const Place& at) { kernels::orthogonal(at.stream, key, 1.5f, at.matrix(out)); });
    });
  }
  for (const char* name : {"orthogonal_tall", "orthogonal_wide", "orthogonal_square", "orthogonal_row"}) {
    family.pytorch({"orthogonal"}, name, [](PyTorchCase& dump) {
      const auto extents = dump.shape("matrix");
      const Matrix out = dump.output(extents[0], extents[1]);
      kernels::orthogonal(dump.stream(), key, dump.number("gain"), out);
      dump.expect("gram", gram_of(dump, out));
      expect_triangular(dump, out);
    });
  }
}

/// Those without a twin of their own: as operations of kernels/random.h with the deviation that the papers derive.
void register_derived(Family& family) {
  family.parity("uniform", "initialisation of weights", [](Parity& run) {
    const auto kaiming = run.output(1, 17 * 33);
    const auto xavier = run.output(1, 17 * 33);
    const auto without_inputs = run.output(1, 5);
    run.expect_same([=](const Place& at) {
      kernels::kaiming_uniform(at.stream, key, 17, at.vector(kaiming));
      kernels::xavier_uniform(at.stream, key, 17, 33, at.vector(xavier), 2.0);
      kernels::kaiming_uniform(at.stream, key, 0, at.vector(without_inputs));
    });
  });
  family.parity("normal", "initialisation of weights", [](Parity& run) {
    const auto kaiming = run.output(1, 17 * 33);
    const auto xavier = run.output(1, 17 * 33);
    const auto without_inputs = run.output(1, 5);
    run.expect_same([=](const Place& at) {
      kernels::kaiming_normal(at.stream, key, 17, at.vector(kaiming), std::sqrt(2.0));
      kernels::xavier_normal(at.stream, key, 17, 33, at.vector(xavier));
      kernels::xavier_normal(at.stream, key, 0, 0, at.vector(without_inputs));
    });
  });
}

const Family initialization("initialization", [](Family& family) {
  register_truncated_normal(family);
  family.pytorch({"truncated_normal"}, "truncated_normal_quantiles", [](PyTorchCase& dump) {
    const auto words = dump.values("words");  // whole numbers that floats hold exactly
    std::vector<float> found;
    found.reserve(words.size());
    for (const float word : words) found.push_back(kernels::truncated_unit_normal(static_cast<std::uint32_t>(word)));
    const Matrix out = dump.output(1, static_cast<Index>(found.size()));
    kernels::copy_to_device(dump.stream(), out.data, found.data(), found.size() * sizeof(float));
    dump.expect("quantiles", out, 1e-6);
  });
  family.pytorch({"truncated_normal"}, "truncated_normal_moments", expect_truncated_distribution);
  register_orthogonal(family);
  register_derived(family);
  family.without({"truncated_normal", "orthogonal"}, {Aspect::gradient, Aspect::tangent},
                 "random numbers depend on whole numbers alone");
  family.without("orthogonal", Aspect::speed, "it computes on the host, once, before training, and cannot be recorded");
});

}  // namespace
}  // namespace mynah::tests
