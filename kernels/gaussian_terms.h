#pragma once

#include <cmath>

#include "kernels/host_device.h"
#include "kernels/random_numbers.h"
#include "kernels/view.h"

namespace mynah::kernels {

/// What one element contributes to the operations of gaussian_distribution.h and squashed_gaussian_distribution.h: one
/// text for the host and for kernels. A *term* is added up over a row; *derivatives* go to up to `count` operands, each
/// of which may be shared by all rows; a draw writes what it draws.
namespace gaussian_terms {

#define MYNAH_TERM MYNAH_HOST_DEVICE inline

/// The derivatives of one element by `count` operands, and where they go.
template <class Scalar, int count>
struct Derivatives {
  Scalar of[count];
};
template <class Scalar, int count>
struct Targets {
  MatrixView<Scalar> of[count];
};

/// Whether all of `rows` rows share this target, whose derivatives are to be summed.
template <class Scalar>
MYNAH_TERM bool is_shared(const MatrixView<Scalar>& target, Index rows) {
  return target.data != nullptr && target.rows == 1 && rows != 1;
}

/// An element of an operand that all rows may share.
template <class Scalar>
MYNAH_TERM Scalar at(const MatrixView<const Scalar>& x, Index row, Index column) {
  return x.data[(x.rows == 1 ? 0 : row) * x.stride + column];
}

constexpr double half_log_two_pi = 0.91893853320467274178;

template <class Scalar>
MYNAH_TERM Scalar log_density(Scalar z, Scalar log_std) {
  return Scalar(-0.5) * z * z - log_std - Scalar(half_log_two_pi);
}

/// 1/σ and z = (x - mean)/σ.
template <class Scalar>
struct Standardized {
  Scalar inverse, z;
};
template <class Scalar>
MYNAH_TERM Standardized<Scalar> standardized(Scalar x, Scalar mean, Scalar log_std) {
  using std::exp;
  const Scalar inverse = exp(-log_std);
  return {inverse, (x - mean) * inverse};
}

/// log(1 - tanh² u) = 2 (log 2 - u - softplus(-2u)), written with |u| since it is even: nothing can overflow, and the
/// absolute error is that of rounding log 2.
template <class Scalar>
MYNAH_TERM Scalar log_tanh_slope(Scalar u) {
  using std::exp;
  using std::log1p;
  const Scalar magnitude = u < Scalar(0) ? -u : u;
  return Scalar(2) * (Scalar(0.69314718055994530942) - magnitude - log1p(exp(Scalar(-2) * magnitude)));
}

/// 1 - tanh² u = 4 e / (1 + e)², e = exp(-2|u|): not 0 where tanh u rounds to 1.
template <class Scalar>
MYNAH_TERM Scalar tanh_slope(Scalar u) {
  using std::exp;
  const Scalar e = exp(u < Scalar(0) ? Scalar(2) * u : Scalar(-2) * u);
  return Scalar(4) * e / ((Scalar(1) + e) * (Scalar(1) + e));
}

template <class Scalar>
struct Sample {
  RandomKey key;
  const Index* step;
  MatrixView<const Scalar> mean, log_std;
  MatrixView<Scalar> noise, action;
  MYNAH_TERM void operator()(Index row, Index column) const {
    using std::exp;
    const auto time = static_cast<std::uint64_t>(step == nullptr ? 0 : step[0]);
    const auto e =
        static_cast<Scalar>(random_normal(key, time, static_cast<std::uint64_t>(row * mean.columns + column)));
    noise.data[row * noise.stride + column] = e;
    action.data[row * action.stride + column] = at(mean, row, column) + exp(at(log_std, row, column)) * e;
  }
};

/// By mean and log_std.
template <class Scalar>
struct SampleDerivatives {
  MatrixView<const Scalar> noise, log_std, action_gradient;
  MYNAH_TERM Derivatives<Scalar, 2> operator()(Index row, Index column) const {
    using std::exp;
    const Scalar g = at(action_gradient, row, column);
    return {{g, g * exp(at(log_std, row, column)) * at(noise, row, column)}};
  }
};

template <class Scalar>
struct LogProbability {
  MatrixView<const Scalar> action, mean, log_std;
  MYNAH_TERM Scalar operator()(Index row, Index column) const {
    const Scalar log = at(log_std, row, column);
    return log_density(standardized(at(action, row, column), at(mean, row, column), log).z, log);
  }
};

/// By action, mean and log_std.
template <class Scalar>
struct LogProbabilityDerivatives {
  MatrixView<const Scalar> action, mean, log_std;
  VectorView<const Scalar> gradient;
  MYNAH_TERM Derivatives<Scalar, 3> operator()(Index row, Index column) const {
    const auto of = standardized(at(action, row, column), at(mean, row, column), at(log_std, row, column));
    const Scalar g = gradient.data[row];
    return {{-g * of.z * of.inverse, g * of.z * of.inverse, g * (of.z * of.z - Scalar(1))}};
  }
};

template <class Scalar>
struct Entropy {
  MatrixView<const Scalar> log_std;
  MYNAH_TERM Scalar operator()(Index row, Index column) const {
    return at(log_std, row, column) + Scalar(half_log_two_pi + 0.5);
  }
};

template <class Scalar>
struct EntropyDerivatives {
  VectorView<const Scalar> gradient;
  MYNAH_TERM Derivatives<Scalar, 1> operator()(Index row, Index) const { return {{gradient.data[row]}}; }
};

template <class Scalar>
struct KlDivergence {
  MatrixView<const Scalar> p_mean, p_log_std, q_mean, q_log_std;
  MYNAH_TERM Scalar operator()(Index row, Index column) const {
    using std::expm1;
    const Scalar q_log = at(q_log_std, row, column);
    const Scalar t = standardized(at(p_mean, row, column), at(q_mean, row, column), q_log).z;
    // In double, since of two numbers of the size of d only d² is left.
    const double d = static_cast<double>(at(p_log_std, row, column)) - static_cast<double>(q_log);
    return static_cast<Scalar>(0.5 * expm1(2.0 * d) - d) + Scalar(0.5) * t * t;
  }
};

/// By mean and log_std of p, then of q.
template <class Scalar>
struct KlDivergenceDerivatives {
  MatrixView<const Scalar> p_mean, p_log_std, q_mean, q_log_std;
  VectorView<const Scalar> gradient;
  MYNAH_TERM Derivatives<Scalar, 4> operator()(Index row, Index column) const {
    using std::expm1;
    const Scalar q_log = at(q_log_std, row, column);
    const Scalar excess = expm1(Scalar(2) * (at(p_log_std, row, column) - q_log));
    const auto of = standardized(at(p_mean, row, column), at(q_mean, row, column), q_log);
    const Scalar g = gradient.data[row];
    const Scalar by_mean = g * of.z * of.inverse;
    return {{by_mean, g * excess, -by_mean, -g * (excess + of.z * of.z)}};
  }
};

/// By mean and log_std; an empty tangent is 0.
template <class Scalar>
struct FisherProduct {
  MatrixView<const Scalar> log_std, mean_tangent, log_std_tangent;
  Scalar scale;
  MYNAH_TERM Derivatives<Scalar, 2> operator()(Index row, Index column) const {
    using std::exp;
    Derivatives<Scalar, 2> product{{Scalar(0), Scalar(0)}};
    if (mean_tangent.data != nullptr) {
      product.of[0] = scale * at(mean_tangent, row, column) * exp(Scalar(-2) * at(log_std, row, column));
    }
    if (log_std_tangent.data != nullptr) product.of[1] = scale * Scalar(2) * at(log_std_tangent, row, column);
    return product;
  }
};

/// Of the action tanh(pre_tanh).
template <class Scalar>
struct SquashedSample {
  Sample<Scalar> pre_tanh;
  MatrixView<Scalar> action;
  MYNAH_TERM void operator()(Index row, Index column) const {
    using std::tanh;
    pre_tanh(row, column);
    action.data[row * action.stride + column] = tanh(pre_tanh.action.data[row * pre_tanh.action.stride + column]);
  }
};

/// The log-probability of what was drawn: z is the noise itself.
template <class Scalar>
struct SquashedSampleLogProbability {
  MatrixView<const Scalar> noise, pre_tanh, log_std;
  MYNAH_TERM Scalar operator()(Index row, Index column) const {
    return log_density(at(noise, row, column), at(log_std, row, column)) - log_tanh_slope(at(pre_tanh, row, column));
  }
};

/// By mean and log_std, through the action and through the log-probability of what was drawn.
template <class Scalar>
struct SquashedSampleDerivatives {
  MatrixView<const Scalar> noise, pre_tanh, log_std, action_gradient;
  VectorView<const Scalar> log_probability_gradient;
  MYNAH_TERM Derivatives<Scalar, 2> operator()(Index row, Index column) const {
    using std::exp;
    using std::tanh;
    const Scalar u = at(pre_tanh, row, column);
    const Scalar of_action = action_gradient.data == nullptr ? Scalar(0) : at(action_gradient, row, column);
    const Scalar g = log_probability_gradient.data == nullptr ? Scalar(0) : log_probability_gradient.data[row];
    const Scalar of_u = of_action * tanh_slope(u) + g * Scalar(2) * tanh(u);
    return {{of_u, of_u * exp(at(log_std, row, column)) * at(noise, row, column) - g}};
  }
};

template <class Scalar>
struct SquashedLogProbability {
  LogProbability<Scalar> before;
  MYNAH_TERM Scalar operator()(Index row, Index column) const {
    return before(row, column) - log_tanh_slope(at(before.action, row, column));
  }
};

/// By pre_tanh, mean and log_std.
template <class Scalar>
struct SquashedLogProbabilityDerivatives {
  LogProbabilityDerivatives<Scalar> before;
  MYNAH_TERM Derivatives<Scalar, 3> operator()(Index row, Index column) const {
    using std::tanh;
    auto derivatives = before(row, column);
    derivatives.of[0] += before.gradient.data[row] * Scalar(2) * tanh(at(before.action, row, column));
    return derivatives;
  }
};

/// atanh of an action that is taken to lie within the largest float below 1. NaN stays NaN.
template <class Scalar>
struct InverseTanh {
  MatrixView<const Scalar> action;
  MatrixView<Scalar> pre_tanh;
  MYNAH_TERM void operator()(Index row, Index column) const {
    using std::atanh;
    const auto limit = Scalar(1) - Scalar(1.0 / 16777216.0);
    const Scalar a = at(action, row, column);
    pre_tanh.data[row * pre_tanh.stride + column] = atanh(a > limit ? limit : a < -limit ? -limit : a);
  }
};

#undef MYNAH_TERM

}  // namespace gaussian_terms
}  // namespace mynah::kernels
