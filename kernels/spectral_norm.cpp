#include "kernels/spectral_norm.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

template <class Scalar>
void require_input(const char* operation, const SpectralNormInput<Scalar>& input) {
  require(input.u.size == input.normalized.rows && input.v.size == input.normalized.columns, operation,
          "the weight [outputs, inputs], u [outputs] and v [inputs]");
  require(input.sigma.size == 1, operation, "sigma [1]");
}

}  // namespace

template <class Scalar>
void spectral_norm_power_iteration(Stream& stream, ConstMatrixOf<Scalar> w, int iterations, VectorOf<Scalar> u,
                                   VectorOf<Scalar> v, VectorOf<Scalar> kept_u, VectorOf<Scalar> kept_v) {
  const char* const name = "spectral_norm_power_iteration";
  require(u.size == w.rows && kept_u.size == w.rows, name, "u and kept_u [outputs]");
  require(v.size == w.columns && kept_v.size == w.columns, name, "v and kept_v [inputs]");
  require(iterations >= 0, name, "a number of iterations that is not negative");
  if (w.empty()) return;
  if (is_only_counted(stream, w, u, v, kept_u, kept_v)) return;
  MYNAH_CALL_TWIN(spectral_norm_power_iteration, stream, w, iterations, u, v, kept_u, kept_v);
}

template <class Scalar>
void spectral_norm_forward(Stream& stream, ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> u, ConstVectorOf<Scalar> v,
                           VectorOf<Scalar> sigma, MatrixOf<Scalar> normalized) {
  const char* const name = "spectral_norm_forward";
  require_input<Scalar>(name, {w, u, v, sigma});
  require(same_shape(w, normalized), name, "the normalised weight of the shape of w");
  if (w.empty()) return;
  if (is_only_counted(stream, w, u, v, sigma, normalized)) return;
  MYNAH_CALL_TWIN(spectral_norm_forward, stream, w, u, v, sigma, normalized);
}

template <class Scalar>
void spectral_norm_backward(Stream& stream, const SpectralNormInput<Scalar>& input, ConstMatrixOf<Scalar> gradient,
                            MatrixOf<Scalar> dw) {
  const char* const name = "spectral_norm_backward";
  require_input(name, input);
  require(same_shape(input.normalized, gradient) && same_shape(input.normalized, dw), name,
          "gradients of the shape of the weight");
  if (dw.empty()) return;
  if (is_only_counted(stream, Untold{}, gradient, changed(dw))) return;
  MYNAH_CALL_TWIN(spectral_norm_backward, stream, input, gradient, dw);
}

template <class Scalar>
void spectral_norm_tangent(Stream& stream, const SpectralNormInput<Scalar>& input, ConstMatrixOf<Scalar> w_tangent,
                           VectorOf<Scalar> sigma_tangent, MatrixOf<Scalar> normalized_tangent) {
  const char* const name = "spectral_norm_tangent";
  require_input(name, input);
  require(same_shape(input.normalized, w_tangent) && same_shape(input.normalized, normalized_tangent), name,
          "tangents of the shape of the weight");
  require(sigma_tangent.size == 1, name, "sigma_tangent [1]");
  if (w_tangent.empty()) return;
  if (is_only_counted(stream, Untold{}, w_tangent, sigma_tangent, normalized_tangent)) return;
  MYNAH_CALL_TWIN(spectral_norm_tangent, stream, input, w_tangent, sigma_tangent, normalized_tangent);
}

template <class Scalar>
void spectral_norm_tangent_backward(Stream& stream, const SpectralNormInput<Scalar>& input,
                                    const SpectralNormTangents<Scalar>& tangents, MatrixOf<Scalar> dw) {
  const char* const name = "spectral_norm_tangent_backward";
  require_input(name, input);
  require(same_shape(dw, input.normalized) && same_shape(dw, tangents.w_tangent) && same_shape(dw, tangents.gradient) &&
              same_shape(dw, tangents.tangent_gradient),
          name, "tangents and gradients of the shape of the weight");
  require(tangents.sigma_tangent.size == 1, name, "sigma_tangent [1]");
  if (dw.empty()) return;
  if (is_only_counted(stream, Untold{}, changed(dw))) return;
  MYNAH_CALL_TWIN(spectral_norm_tangent_backward, stream, input, tangents, dw);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(spectral_norm_power_iteration)
MYNAH_FOR_FLOAT_AND_DOUBLE(spectral_norm_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(spectral_norm_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(spectral_norm_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(spectral_norm_tangent_backward)

}  // namespace mynah::kernels
