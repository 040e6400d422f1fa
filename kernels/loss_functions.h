#pragma once

#include <cmath>

#include "kernels/host_device.h"
#include "kernels/loss.h"

namespace mynah::kernels {

/// The functions of kernels/loss.h, one text for both twins; p is a prediction, t its target, q the parameter. Each
/// struct has
///
///   value(p, t, q)              f, wide so that squares neither overflow nor lose digits
///   gradient(p, t, q)           f'
///   second_derivative(p, t, q)  f''
///
/// Selections are written so that NaN falls through to an operand that keeps it, and so that both operands are known
/// before: a compiler makes vector instructions of them, where branches would be mispredicted.
namespace loss_functions {

#define MYNAH_LOSS_FUNCTION(Result) \
  template <class Scalar>           \
  MYNAH_HOST_DEVICE static inline Result

struct SquaredError {
  MYNAH_LOSS_FUNCTION(double) value(Scalar p, Scalar t, Scalar) {
    const auto d = static_cast<double>(p - t);
    return d * d;
  }
  MYNAH_LOSS_FUNCTION(Scalar) gradient(Scalar p, Scalar t, Scalar) { return Scalar(2) * (p - t); }
  MYNAH_LOSS_FUNCTION(Scalar) second_derivative(Scalar, Scalar, Scalar) { return Scalar(2); }
};

struct AbsoluteError {
  MYNAH_LOSS_FUNCTION(double) value(Scalar p, Scalar t, Scalar) { return static_cast<double>(p < t ? t - p : p - t); }
  MYNAH_LOSS_FUNCTION(Scalar) gradient(Scalar p, Scalar t, Scalar) {
    const Scalar d = p - t;
    const Scalar up = d > Scalar(0) ? Scalar(1) : d;
    return d < Scalar(0) ? Scalar(-1) : up;
  }
  MYNAH_LOSS_FUNCTION(Scalar) second_derivative(Scalar, Scalar, Scalar) { return Scalar(0); }
};

struct Huber {
  /// |d| - x/2 times x, where x is |d| and delta at most.
  MYNAH_LOSS_FUNCTION(double) value(Scalar p, Scalar t, Scalar delta) {
    const Scalar d = p < t ? t - p : p - t;
    const auto x = static_cast<double>(d > delta ? delta : d);
    return x * (static_cast<double>(d) - 0.5 * x);
  }
  MYNAH_LOSS_FUNCTION(Scalar) gradient(Scalar p, Scalar t, Scalar delta) {
    const Scalar d = p - t;
    const Scalar up = d > delta ? delta : d;
    return d < -delta ? -delta : up;
  }
  MYNAH_LOSS_FUNCTION(Scalar) second_derivative(Scalar p, Scalar t, Scalar delta) {
    const Scalar d = p < t ? t - p : p - t;
    return d > delta ? Scalar(0) : Scalar(1);
  }
};

/// With softplus(x) = ln(1 + eˣ): -ln σ(p) = softplus(-p) and -ln(1 - σ(p)) = softplus(p), hence
///
///   f = q t softplus(-p) + (1 - t) softplus(p)     f' = (1 - t) σ(p) - q t σ(-p)     f'' = (1 - t + q t) σ(p) σ(-p)
///
/// None of which cancels or overflows, with e = exp(-|p|) and ln(1 + e) alone, which may be given. A term whose factor
/// is 0 is left out: certainty (a logit of infinity) that is right costs nothing.
struct LogitBinaryCrossEntropy {
  MYNAH_LOSS_FUNCTION(Scalar) exponential(Scalar p) {
    using std::exp;
    return exp(p > Scalar(0) ? -p : p);
  }
  MYNAH_LOSS_FUNCTION(double) value_given(Scalar p, Scalar t, Scalar q, Scalar logarithm) {
    const Scalar of_one = q * t, of_zero = Scalar(1) - t;
    const Scalar below = (p < Scalar(0) ? -p : Scalar(0)) + logarithm;
    const Scalar above = (p > Scalar(0) ? p : Scalar(0)) + logarithm;
    const Scalar one = of_one * below, zero = of_zero * above;
    return static_cast<double>((of_one == Scalar(0) ? Scalar(0) : one) + (of_zero == Scalar(0) ? Scalar(0) : zero));
  }
  MYNAH_LOSS_FUNCTION(Scalar) gradient_given(Scalar p, Scalar t, Scalar q, Scalar e) {
    const Scalar likely = Scalar(1) / (Scalar(1) + e), unlikely = e * likely;  // σ(|p|), σ(-|p|)
    const Scalar of_one = q * t, of_zero = Scalar(1) - t;
    return of_zero * (p > Scalar(0) ? likely : unlikely) - of_one * (p > Scalar(0) ? unlikely : likely);
  }
  MYNAH_LOSS_FUNCTION(Scalar) second_derivative_given(Scalar t, Scalar q, Scalar e) {
    const Scalar likely = Scalar(1) / (Scalar(1) + e);
    return (Scalar(1) - t + q * t) * likely * (e * likely);
  }
  MYNAH_LOSS_FUNCTION(double) value(Scalar p, Scalar t, Scalar q) {
    using std::log1p;
    return value_given(p, t, q, log1p(exponential(p)));
  }
  MYNAH_LOSS_FUNCTION(Scalar) gradient(Scalar p, Scalar t, Scalar q) { return gradient_given(p, t, q, exponential(p)); }
  MYNAH_LOSS_FUNCTION(Scalar) second_derivative(Scalar p, Scalar t, Scalar q) {
    return second_derivative_given(t, q, exponential(p));
  }
};

struct Hinge {
  MYNAH_LOSS_FUNCTION(double) value(Scalar p, Scalar t, Scalar) {
    const Scalar margin = Scalar(1) - t * p;
    return static_cast<double>(margin <= Scalar(0) ? Scalar(0) : margin);
  }
  MYNAH_LOSS_FUNCTION(Scalar) gradient(Scalar p, Scalar t, Scalar) {
    const Scalar margin = Scalar(1) - t * p;
    const Scalar inside = margin > Scalar(0) ? -t : margin;
    return margin <= Scalar(0) ? Scalar(0) : inside;
  }
  MYNAH_LOSS_FUNCTION(Scalar) second_derivative(Scalar, Scalar, Scalar) { return Scalar(0); }
};

struct Wasserstein {
  MYNAH_LOSS_FUNCTION(double) value(Scalar p, Scalar t, Scalar) {
    return static_cast<double>(t) * static_cast<double>(p);
  }
  MYNAH_LOSS_FUNCTION(Scalar) gradient(Scalar, Scalar t, Scalar) { return t; }
  MYNAH_LOSS_FUNCTION(Scalar) second_derivative(Scalar, Scalar, Scalar) { return Scalar(0); }
};

#undef MYNAH_LOSS_FUNCTION

}  // namespace loss_functions

/// visitor(Function{}) with the struct of a kind.
template <class Visitor>
inline decltype(auto) visit_elementwise_loss(ElementwiseLoss::Kind kind, const Visitor& visitor) {
  switch (kind) {
#define MYNAH_CASE(name, type) \
  case ElementwiseLoss::name:  \
    return visitor(loss_functions::type{});
    MYNAH_ELEMENTWISE_LOSSES(MYNAH_CASE)
#undef MYNAH_CASE
  }
  return visitor(loss_functions::SquaredError{});
}

}  // namespace mynah::kernels
