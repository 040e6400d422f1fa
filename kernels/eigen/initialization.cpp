#include "kernels/initialization.h"

#include <Eigen/QR>
#include <algorithm>

#include "kernels/random.h"
#include "kernels/random_numbers.h"
#include "kernels/truncated_normal.h"

namespace mynah::kernels::eigen {

void truncated_normal(Stream&, RandomKey key, const Index* step, float mean, float deviation, Vector out) {
  const std::uint64_t at = step == nullptr ? 0 : static_cast<std::uint64_t>(step[0]);
  for (Index i = 0; i < out.size; ++i) {
    const float z = truncated_unit_normal(random_word(key, at, static_cast<std::uint64_t>(i)));
    out.data[i] = scaled_normal(z, mean, deviation);
  }
}

void orthogonal(Stream& stream, RandomKey key, float gain, Matrix out) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::Map<RowMajor> result(out.data, out.rows, out.columns);
  normal(stream, key, nullptr, 0.0f, 1.0f, {out.data, out.rows * out.columns});
  const bool wide = out.rows < out.columns;
  Eigen::MatrixXd tall = wide ? Eigen::MatrixXd(result.transpose().cast<double>()) : result.cast<double>();
  const Eigen::HouseholderQR<Eigen::Ref<Eigen::MatrixXd>> decomposition(tall);
  Eigen::MatrixXd q = decomposition.householderQ() * Eigen::MatrixXd::Identity(tall.rows(), tall.cols());
  for (Eigen::Index c = 0; c < q.cols(); ++c) {
    q.col(c) *= decomposition.matrixQR()(c, c) < 0.0 ? -static_cast<double>(gain) : static_cast<double>(gain);
  }
  if (wide) {
    result = q.transpose().cast<float>();
  } else {
    result = q.cast<float>();
  }
}

}  // namespace mynah::kernels::eigen
