#include "kernels/spectral_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/eigen/map.h"

namespace mynah::kernels::eigen {
namespace {

/// a / max(|a|, least_norm); NaN stays NaN.
template <class Scalar>
void normalize(VectorView<Scalar> a) {
  map(a) /= std::max(map(a).norm(), static_cast<Scalar>(least_norm));
}

template <class Scalar>
void iterate(MatrixView<const Scalar> w, VectorView<Scalar> u, VectorView<Scalar> v) {
  for (Index i = 0; i < w.rows; ++i) u.data[i] = map(w.row(i)).dot(map(v));
  normalize(u);
  map(v).setZero();
  for (Index i = 0; i < w.rows; ++i) map(v) += u.data[i] * map(w.row(i));
  normalize(v);
}

/// uᵀ A v
template <class Scalar>
double between(VectorView<const Scalar> u, MatrixView<const Scalar> a, VectorView<const Scalar> v) {
  double sum = 0.0;
  for (Index i = 0; i < a.rows; ++i) {
    sum += static_cast<double>(u.data[i]) * static_cast<double>(map(a.row(i)).dot(map(v)));
  }
  return sum;
}

/// <A, B>
template <class Scalar>
double product(MatrixView<const Scalar> a, MatrixView<const Scalar> b) {
  double sum = 0.0;
  for (Index i = 0; i < a.rows; ++i) sum += static_cast<double>(map(a.row(i)).dot(map(b.row(i))));
  return sum;
}

}  // namespace

template <class Scalar>
void spectral_norm_power_iteration(Stream&, ConstMatrixOf<Scalar> w, int iterations, VectorOf<Scalar> u,
                                   VectorOf<Scalar> v, VectorOf<Scalar> kept_u, VectorOf<Scalar> kept_v) {
  map(kept_u) = map(u);
  map(kept_v) = map(v);
  const bool is_new = map(u).squaredNorm() == Scalar(0);
  for (int i = 0; i < iterations + (is_new ? first_power_iterations : 0); ++i) iterate<Scalar>(w, kept_u, kept_v);
  if (iterations == 0) return;
  map(u) = map(kept_u);
  map(v) = map(kept_v);
}

template <class Scalar>
void spectral_norm_forward(Stream&, ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> u, ConstVectorOf<Scalar> v,
                           VectorOf<Scalar> sigma, MatrixOf<Scalar> normalized) {
  sigma.data[0] = static_cast<Scalar>(between<Scalar>(u, w, v));
  map(normalized) = map(w) / sigma.data[0];
}

template <class Scalar>
void spectral_norm_backward(Stream&, const SpectralNormInput<Scalar>& input, ConstMatrixOf<Scalar> gradient,
                            MatrixOf<Scalar> dw) {
  const Scalar share = Scalar(1) / input.sigma.data[0];
  const Scalar c = -share * static_cast<Scalar>(product<Scalar>(gradient, input.normalized));
  for (Index i = 0; i < dw.rows; ++i) {
    map(dw.row(i)) += share * map(gradient.row(i)) + (c * input.u.data[i]) * map(input.v);
  }
}

template <class Scalar>
void spectral_norm_tangent(Stream&, const SpectralNormInput<Scalar>& input, ConstMatrixOf<Scalar> w_tangent,
                           VectorOf<Scalar> sigma_tangent, MatrixOf<Scalar> normalized_tangent) {
  const auto s = static_cast<Scalar>(between<Scalar>(input.u, w_tangent, input.v));
  sigma_tangent.data[0] = s;
  map(normalized_tangent) = (map(w_tangent) - s * map(input.normalized)) / input.sigma.data[0];
}

template <class Scalar>
void spectral_norm_tangent_backward(Stream&, const SpectralNormInput<Scalar>& input,
                                    const SpectralNormTangents<Scalar>& tangents, MatrixOf<Scalar> dw) {
  const double share = 1.0 / static_cast<double>(input.sigma.data[0]);
  const auto s = static_cast<double>(tangents.sigma_tangent.data[0]);
  const double c = -share * product<Scalar>(tangents.gradient, input.normalized) +
                   share * share *
                       (2.0 * s * product<Scalar>(tangents.tangent_gradient, input.normalized) -
                        product<Scalar>(tangents.tangent_gradient, tangents.w_tangent));
  const auto of_gradient = static_cast<Scalar>(share), of_tangent = static_cast<Scalar>(-share * share * s);
  for (Index i = 0; i < dw.rows; ++i) {
    map(dw.row(i)) += of_gradient * map(tangents.gradient.row(i)) + of_tangent * map(tangents.tangent_gradient.row(i)) +
                      (static_cast<Scalar>(c) * input.u.data[i]) * map(input.v);
  }
}

MYNAH_FOR_FLOAT_AND_DOUBLE(spectral_norm_power_iteration)
MYNAH_FOR_FLOAT_AND_DOUBLE(spectral_norm_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(spectral_norm_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(spectral_norm_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(spectral_norm_tangent_backward)

}  // namespace mynah::kernels::eigen
