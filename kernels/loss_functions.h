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
/// Comparisons are written so that NaN falls through to an expression that keeps it.
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
    return p > t ? Scalar(1) : p < t ? Scalar(-1) : p - t;
  }
  MYNAH_LOSS_FUNCTION(Scalar) second_derivative(Scalar, Scalar, Scalar) { return Scalar(0); }
};

struct Huber {
  MYNAH_LOSS_FUNCTION(double) value(Scalar p, Scalar t, Scalar delta) {
    const auto d = static_cast<double>(p < t ? t - p : p - t);
    const auto limit = static_cast<double>(delta);
    return d <= limit ? 0.5 * d * d : limit * (d - 0.5 * limit);
  }
  MYNAH_LOSS_FUNCTION(Scalar) gradient(Scalar p, Scalar t, Scalar delta) {
    const Scalar d = p - t;
    return d > delta ? delta : d < -delta ? -delta : d;
  }
  MYNAH_LOSS_FUNCTION(Scalar) second_derivative(Scalar p, Scalar t, Scalar delta) {
    const Scalar d = p - t;
    return d > delta || d < -delta ? Scalar(0) : Scalar(1);
  }
};

/// With softplus(x) = ln(1 + eˣ): -ln σ(p) = softplus(-p) and -ln(1 - σ(p)) = softplus(p), hence
///
///   f = q t softplus(-p) + (1 - t) softplus(p)     f' = (1 - t) σ(p) - q t σ(-p)     f'' = (1 - t + q t) σ(p) σ(-p)
///
/// None of which cancels or overflows, with exponentials of -|p| alone. A term whose factor is 0 is left out: certainty
/// (a logit of infinity) that is right costs nothing.
struct LogitBinaryCrossEntropy {
  /// σ(|p|) and σ(-|p|).
  template <class Scalar>
  struct Probabilities {
    Scalar likely, unlikely;
  };
  template <class Scalar>
  MYNAH_HOST_DEVICE static inline Probabilities<Scalar> probabilities(Scalar p) {
    using std::exp;
    const Scalar e = exp(p > Scalar(0) ? -p : p);
    const Scalar likely = Scalar(1) / (Scalar(1) + e);
    return {likely, e * likely};
  }
  MYNAH_LOSS_FUNCTION(double) value(Scalar p, Scalar t, Scalar q) {
    using std::exp;
    using std::log1p;
    const Scalar rest = log1p(exp(p > Scalar(0) ? -p : p));
    const Scalar of_one = q * t, of_zero = Scalar(1) - t;
    const Scalar one = of_one == Scalar(0) ? Scalar(0) : of_one * ((p < Scalar(0) ? -p : Scalar(0)) + rest);
    const Scalar zero = of_zero == Scalar(0) ? Scalar(0) : of_zero * ((p > Scalar(0) ? p : Scalar(0)) + rest);
    return static_cast<double>(one + zero);
  }
  MYNAH_LOSS_FUNCTION(Scalar) gradient(Scalar p, Scalar t, Scalar q) {
    const Probabilities<Scalar> s = probabilities(p);
    const bool above = p > Scalar(0);
    return (Scalar(1) - t) * (above ? s.likely : s.unlikely) - q * t * (above ? s.unlikely : s.likely);
  }
  MYNAH_LOSS_FUNCTION(Scalar) second_derivative(Scalar p, Scalar t, Scalar q) {
    const Probabilities<Scalar> s = probabilities(p);
    return (Scalar(1) - t + q * t) * s.likely * s.unlikely;
  }
};

struct Hinge {
  MYNAH_LOSS_FUNCTION(double) value(Scalar p, Scalar t, Scalar) {
    const Scalar margin = Scalar(1) - t * p;
    return static_cast<double>(margin <= Scalar(0) ? Scalar(0) : margin);
  }
  MYNAH_LOSS_FUNCTION(Scalar) gradient(Scalar p, Scalar t, Scalar) {
    const Scalar margin = Scalar(1) - t * p;
    return margin <= Scalar(0) ? Scalar(0) : margin > Scalar(0) ? -t : margin;
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
