#include "kernels/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"
#include "kernels/normalized_tangent.h"

namespace mynah::kernels::eigen {
namespace {

template <class Scalar>
using Array = Eigen::Map<Eigen::Array<std::remove_const_t<Scalar>, 1, Eigen::Dynamic>>;
template <class Scalar>
using ConstArray = Eigen::Map<const Eigen::Array<std::remove_const_t<Scalar>, 1, Eigen::Dynamic>>;

/// visit(set, position): every set of `size` values of a matrix in order, `position` being the row and first column.
struct SetPosition {
  Index row, column;
  template <class T>
  T* in(MatrixView<T> matrix) const {
    return matrix.data + row * matrix.stride + column;
  }
};
template <class Visit>
void for_each_set(Index rows, Index columns, Index size, const Visit& visit) {
  Index set = 0;
  for (Index row = 0; row < rows; ++row) {
    for (Index column = 0; column < columns; column += size) visit(set++, SetPosition{row, column});
  }
}

/// The sums over sets that are the gradients of w and b. A set adds to `w` and `b` in Scalar, which vectorises; every
/// few sets these go on to doubles, so that a batch of any length loses nothing.
template <class Scalar>
class ParameterSums {
 public:
  ParameterSums(Stream& stream, Index size_of_set, VectorView<Scalar> dw, VectorView<Scalar> db)
      : dw_(dw), db_(db), size_(size_of_set) {
    if (!wanted()) return;
    const auto size = static_cast<std::size_t>(size_of_set);
    auto* totals = static_cast<double*>(stream.scratch(2 * size * (sizeof(double) + sizeof(Scalar))));
    w_total_ = totals;
    b_total_ = totals + size;
    w_ = reinterpret_cast<Scalar*>(totals + 2 * size);
    b_ = w_ + size;
    std::fill_n(totals, 2 * size, 0.0);
    std::fill_n(w_, 2 * size, Scalar(0));
  }
  bool wanted() const { return dw_.data != nullptr || db_.data != nullptr; }
  Scalar* w() const { return w_; }
  Scalar* b() const { return b_; }
  static constexpr Index sets_at_once = 64;
  void end_of_set() { end_of_sets(1); }
  void end_of_sets(Index count) {
    if (!wanted()) return;
    sets_ += count;
    if (sets_ >= sets_at_once) pass_on();
  }
  void finish() {
    if (!wanted()) return;
    pass_on();
    for (Index i = 0; i < dw_.size; ++i) dw_.data[i] += static_cast<Scalar>(w_total_[i]);
    for (Index i = 0; i < db_.size; ++i) db_.data[i] += static_cast<Scalar>(b_total_[i]);
  }

 private:
  void pass_on() {
    for (Index i = 0; i < 2 * size_; ++i) w_total_[i] += static_cast<double>(w_[i]);
    std::fill_n(w_, 2 * size_, Scalar(0));
    sets_ = 0;
  }

  VectorView<Scalar> dw_, db_;
  Index size_;
  double *w_total_ = nullptr, *b_total_ = nullptr;
  Scalar *w_ = nullptr, *b_ = nullptr;
  Index sets_ = 0;
};

/// dx, and the terms of dw and db, of one set. Each may be null.
template <class Scalar>
void write_gradients(Index size, const Scalar* __restrict x, const Scalar* __restrict w, const Scalar* __restrict dy,
                     Scalar mean, Scalar r, Scalar mean_g, Scalar mean_xg, Scalar* __restrict dx, Scalar* __restrict dw,
                     Scalar* __restrict db) {
  if (dx != nullptr) {
    for (Index i = 0; i < size; ++i) {
      dx[i] = r * centred(w[i] * dy[i], (x[i] - mean) * r, mean_g, mean_xg);
    }
  }
  if (dw != nullptr) {
    for (Index i = 0; i < size; ++i) {
      dw[i] += dy[i] * ((x[i] - mean) * r);
      db[i] += dy[i];
    }
  }
}

}  // namespace

template <class Scalar>
void layer_norm_forward(Stream&, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> b,
                        float epsilon, MatrixOf<Scalar> y, VectorOf<Scalar> mean,
                        VectorOf<Scalar> reciprocal_deviation) {
  const auto scale = map(w).array(), shift = map(b).array();
  for_each_set(x.rows, x.columns, w.size, [&](Index set, SetPosition at) {
    const ConstArray<Scalar> values(at.in(x), w.size);
    const Scalar first = values[0];
    const Scalar mu = first + (values - first).mean();
    const Scalar r = Scalar(1) / std::sqrt((values - mu).square().mean() + static_cast<Scalar>(epsilon));
    mean.data[set] = mu;
    reciprocal_deviation.data[set] = r;
    Array<Scalar>(at.in(y), w.size) = ((values - mu) * r) * scale + shift;
  });
}

template <class Scalar>
void layer_norm_backward(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> mean,
                         ConstVectorOf<Scalar> reciprocal_deviation, ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx,
                         VectorOf<Scalar> dw, VectorOf<Scalar> db) {
  ParameterSums<Scalar> parameters(stream, w.size, dw, db);
  const auto scale = map(w).array();
  for_each_set(x.rows, x.columns, w.size, [&](Index set, SetPosition at) {
    const ConstArray<Scalar> values(at.in(x), w.size), gradient(at.in(dy), w.size);
    const Scalar mu = mean.data[set], r = reciprocal_deviation.data[set];
    const Scalar mean_g = (scale * gradient).mean(), mean_xg = r * (scale * gradient * (values - mu)).mean();
    write_gradients<Scalar>(w.size, at.in(x), w.data, at.in(dy), mu, r, mean_g, mean_xg,
                            dx.data == nullptr ? nullptr : at.in(dx), parameters.w(), parameters.b());
    parameters.end_of_set();
  });
  parameters.finish();
}

template <class Scalar>
void layer_norm_tangent(Stream&, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> mean,
                        ConstVectorOf<Scalar> reciprocal_deviation, ConstMatrixOf<Scalar> x_tangent,
                        ConstVectorOf<Scalar> w_tangent, ConstVectorOf<Scalar> b_tangent, MatrixOf<Scalar> y_tangent) {
  for_each_set(x.rows, x.columns, w.size, [&](Index set, SetPosition at) {
    const Scalar mu = mean.data[set], r = reciprocal_deviation.data[set];
    const auto x_hat = (ConstArray<Scalar>(at.in(x), w.size) - mu) * r;
    Array<Scalar> out(at.in(y_tangent), w.size);
    if (x_tangent.data != nullptr) {
      const ConstArray<Scalar> tangent(at.in(x_tangent), w.size);
      out = map(w).array() * r * (tangent - tangent.mean() - x_hat * (x_hat * tangent).mean());
    } else {
      out.setZero();
    }
    if (w_tangent.data != nullptr) out += map(w_tangent).array() * x_hat;
    if (b_tangent.data != nullptr) out += map(b_tangent).array();
  });
}

template <class Scalar>
void layer_norm_tangent_backward(Stream& stream, const LayerNormTangentBackward<Scalar>& pass) {
  ParameterSums<Scalar> parameters(stream, pass.w.size, pass.dw, pass.db);
  const Index size = pass.w.size;
  for_each_set(pass.x.rows, pass.x.columns, size, [&](Index set, SetPosition at) {
    const Scalar mu = pass.mean.data[set], r = pass.reciprocal_deviation.data[set];
    const Scalar* x = at.in(pass.x);
    const Scalar* tangent = pass.x_tangent.data == nullptr ? nullptr : at.in(pass.x_tangent);
    const Scalar *g = at.in(pass.y_gradient), *u = at.in(pass.y_tangent_gradient);
    const auto place = [&](Index i) {
      const Scalar change = pass.w_tangent.data == nullptr ? Scalar(0) : pass.w_tangent.data[i];
      return NormalizedPlace<Scalar>{(x[i] - mu) * r, tangent == nullptr ? Scalar(0) : tangent[i],
                                     pass.w.data[i] * u[i], pass.w.data[i] * g[i] + change * u[i]};
    };
    double sums[normalized_sums] = {};
    for (Index i = 0; i < size; ++i) place(i).add_to(sums);
    const auto means = NormalizedMeans<Scalar>::of(sums, 1.0 / static_cast<double>(size), static_cast<double>(r));
    for (Index i = 0; i < size; ++i) {
      const NormalizedPlace<Scalar> here = place(i);
      if (pass.dx.data != nullptr) at.in(pass.dx)[i] = here.gradient(means, r);
      if (pass.dx_tangent.data != nullptr) at.in(pass.dx_tangent)[i] = here.tangent_gradient(means, r);
      if (!parameters.wanted()) continue;
      parameters.w()[i] += g[i] * here.x_hat + u[i] * here.q(means, r);
      parameters.b()[i] += g[i];
    }
    parameters.end_of_set();
  });
  parameters.finish();
}

template <>
void layer_norm_forward<float>(Stream&, ConstMatrix x, ConstVector w, ConstVector b, float epsilon, Matrix y,
                               Vector mean, Vector reciprocal_deviation) {
  using namespace vectorized;
  operations().layer_norm_forward({x.rows, x.columns / w.size, w.size}, rows_of(x), w.data, b.data, epsilon, rows_of(y),
                                  mean.data, reciprocal_deviation.data);
}

template <>
void layer_norm_backward<float>(Stream& stream, ConstMatrix x, ConstVector w, ConstVector mean,
                                ConstVector reciprocal_deviation, ConstMatrix dy, Matrix dx, Vector dw, Vector db) {
  using namespace vectorized;
  ParameterSums<float> parameters(stream, w.size, dw, db);
  const Index groups = x.columns / w.size;
  const Index rows_at_once = std::max<Index>(1, ParameterSums<float>::sets_at_once / groups);
  for (Index row = 0; row < x.rows; row += rows_at_once) {
    const Index rows = std::min(rows_at_once, x.rows - row);
    operations().layer_norm_backward(
        {rows, groups, w.size}, rows_of(x.middle_rows(row, rows)), w.data, mean.data + row * groups,
        reciprocal_deviation.data + row * groups, rows_of(dy.middle_rows(row, rows)),
        dx.data == nullptr ? Rows{nullptr, 0} : rows_of(dx.middle_rows(row, rows)), parameters.w(), parameters.b());
    parameters.end_of_sets(rows * groups);
  }
  parameters.finish();
}

MYNAH_FOR_DOUBLE(layer_norm_forward)
MYNAH_FOR_DOUBLE(layer_norm_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(layer_norm_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(layer_norm_tangent_backward)

}  // namespace mynah::kernels::eigen
