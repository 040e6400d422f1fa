#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Spectral normalisation (Miyato et al. 2018), as torch.nn.utils.parametrizations.spectral_norm: a weight, taken as a
/// matrix W [outputs, inputs] (of a convolution: [filters, all other extents]), is divided by an estimate of its
/// largest singular value,
///
///   W̃ = W / σ,   σ = uᵀ W v          u  [outputs]      v  [inputs]      σ  one number
///
/// u and v come from power iteration and are constants in every derivative; where it has converged, dσ = uᵀ dW v is the
/// derivative of the singular value itself. W = 0 gives NaN, as in torch. Sums have a fixed order per backend and
/// shape; outputs and inputs may be zero: then nothing happens. No output may overlap an input.

/// `iterations` times: u = n(W v), v = n(Wᵀ u), n(a) = a / max(|a|, 1e-12). The result is written to kept_u and kept_v,
/// which a pass keeps for itself, and, with iterations >= 1, to the state u and v. u = 0 says that the state is new:
/// then 15 more iterations come first, as torch does when it registers the parametrization; v must not be 0 then.
template <class Scalar = float>
void spectral_norm_power_iteration(Stream& stream, ConstMatrixOf<Scalar> w, int iterations, VectorOf<Scalar> u,
                                   VectorOf<Scalar> v, VectorOf<Scalar> kept_u, VectorOf<Scalar> kept_v);
constexpr int first_power_iterations = 15;
constexpr float least_norm = 1e-12f;

/// σ = uᵀ W v, W̃ = W / σ.
template <class Scalar = float>
void spectral_norm_forward(Stream& stream, ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> u, ConstVectorOf<Scalar> v,
                           VectorOf<Scalar> sigma, MatrixOf<Scalar> normalized);

/// What the passes after forward read.
template <class Scalar>
struct SpectralNormInput {
  MatrixView<const Scalar> normalized;  ///< W̃
  VectorView<const Scalar> u, v, sigma;
};

/// Given G = dL/dW̃, from dW̃ = dW / σ - W (uᵀ dW v) / σ²:
///
///   dL/dW = (G - <G, W̃> u vᵀ) / σ           <A, B> = Σ_ij A_ij B_ij          added to dw
template <class Scalar = float>
void spectral_norm_backward(Stream& stream, const SpectralNormInput<Scalar>& input, ConstMatrixOf<Scalar> gradient,
                            MatrixOf<Scalar> dw);

/// s = uᵀ Ẇ v, the tangent of σ, and that of W̃: (Ẇ - s W̃) / σ.
template <class Scalar = float>
void spectral_norm_tangent(Stream& stream, const SpectralNormInput<Scalar>& input, ConstMatrixOf<Scalar> w_tangent,
                           VectorOf<Scalar> sigma_tangent, MatrixOf<Scalar> normalized_tangent);

/// What the backward pass of forward and tangent reads beside SpectralNormInput.
template <class Scalar>
struct SpectralNormTangents {
  MatrixView<const Scalar> w_tangent;         ///< Ẇ
  VectorView<const Scalar> sigma_tangent;     ///< s
  MatrixView<const Scalar> gradient;          ///< G = dL/dW̃
  MatrixView<const Scalar> tangent_gradient;  ///< U = dL/d(tangent of W̃)
};

/// Backward of W̃ and its tangent together. With T = Ẇ / σ - W s / σ² and Ẇ constant,
///
///   dT = -Ẇ dσ / σ² - dW s / σ² + 2 W s dσ / σ³,     dσ = uᵀ dW v
///
///   dL/dW = G / σ - U s / σ² + c u vᵀ,     c = -<G, W̃> / σ - <U, Ẇ> / σ² + 2 s <U, W̃> / σ²          added to dw
template <class Scalar = float>
void spectral_norm_tangent_backward(Stream& stream, const SpectralNormInput<Scalar>& input,
                                    const SpectralNormTangents<Scalar>& tangents, MatrixOf<Scalar> dw);

MYNAH_CUDA_TWIN_OF_FLOATS(spectral_norm_power_iteration)
MYNAH_CUDA_TWIN_OF_FLOATS(spectral_norm_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(spectral_norm_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(spectral_norm_tangent)
MYNAH_CUDA_TWIN_OF_FLOATS(spectral_norm_tangent_backward)

namespace eigen {
template <class Scalar>
void spectral_norm_power_iteration(Stream&, ConstMatrixOf<Scalar> w, int iterations, VectorOf<Scalar> u,
                                   VectorOf<Scalar> v, VectorOf<Scalar> kept_u, VectorOf<Scalar> kept_v);
template <class Scalar>
void spectral_norm_forward(Stream&, ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> u, ConstVectorOf<Scalar> v,
                           VectorOf<Scalar> sigma, MatrixOf<Scalar> normalized);
template <class Scalar>
void spectral_norm_backward(Stream&, const SpectralNormInput<Scalar>& input, ConstMatrixOf<Scalar> gradient,
                            MatrixOf<Scalar> dw);
template <class Scalar>
void spectral_norm_tangent(Stream&, const SpectralNormInput<Scalar>& input, ConstMatrixOf<Scalar> w_tangent,
                           VectorOf<Scalar> sigma_tangent, MatrixOf<Scalar> normalized_tangent);
template <class Scalar>
void spectral_norm_tangent_backward(Stream&, const SpectralNormInput<Scalar>& input,
                                    const SpectralNormTangents<Scalar>& tangents, MatrixOf<Scalar> dw);
}  // namespace eigen

}  // namespace mynah::kernels
