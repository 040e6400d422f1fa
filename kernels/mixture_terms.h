#pragma once

#include <cmath>

#include "kernels/host_device.h"
#include "kernels/mixture_likelihood.h"

namespace mynah::kernels {

/// The formulas of kernels/mixture_likelihood.h for one component of one row, one text for both twins. What goes over
/// components is theirs to add up.
template <class Scalar>
struct MixtureTerms {
  MatrixView<const Scalar> prediction;
  MatrixView<const Scalar> target;
  const Scalar* weights;  ///< null: all 1
  MixtureOptions<Scalar> options;

  MYNAH_HOST_DEVICE Index components() const { return options.components; }
  /// Where the means of component k begin in a row, and its log-deviations.
  MYNAH_HOST_DEVICE Index means(Index k) const { return (components() == 1 ? 0 : components()) + k * target.columns; }
  MYNAH_HOST_DEVICE Index log_deviations(Index k) const { return means(k) + components() * target.columns; }

  /// One number of a component.
  struct Element {
    double residual;   ///< r = (t - μ)/σ
    double precision;  ///< 1/σ
    double log_deviation;
    bool below, above;  ///< which limit s was cut to

    MYNAH_HOST_DEVICE bool cut() const { return below || above; }
    MYNAH_HOST_DEVICE double log_density() const {
      constexpr double half_log_two_pi = 0.91893853320467274178;
      return -0.5 * residual * residual - log_deviation - half_log_two_pi;
    }
    /// By s, of a component of responsibility 1.
    MYNAH_HOST_DEVICE double log_deviation_gradient() const {
      const double gradient = 1.0 - residual * residual;
      // Descent goes against the gradient: below, it leads back where it is negative.
      return (below && gradient > 0.0) || (above && gradient < 0.0) ? 0.0 : gradient;
    }
  };
  MYNAH_HOST_DEVICE Element element(Index row, Index k, Index column) const {
    using std::exp;
    const Scalar* const of_row = prediction.data + row * prediction.stride;
    const auto smallest = static_cast<double>(options.smallest_log_deviation);
    const auto largest = static_cast<double>(options.largest_log_deviation);
    const auto given = static_cast<double>(of_row[log_deviations(k) + column]);
    Element one;
    one.below = given < smallest;
    one.above = given > largest;
    const double cut = one.below ? smallest : one.above ? largest : given;  // NaN stays NaN
    one.log_deviation = cut + (options.log_scale.size == 0 ? 0.0 : static_cast<double>(options.log_scale.data[column]));
    one.precision = exp(-one.log_deviation);
    one.residual = (static_cast<double>(target.data[row * target.stride + column]) -
                    static_cast<double>(of_row[means(k) + column])) *
                   one.precision;
    return one;
  }

  /// l_k
  MYNAH_HOST_DEVICE double logit(Index row, Index k) const {
    return components() == 1 ? 0.0 : static_cast<double>(prediction.data[row * prediction.stride + k]);
  }
  /// a_k
  MYNAH_HOST_DEVICE double log_joint(Index row, Index k) const {
    double sum = logit(row, k);
    for (Index c = 0; c < target.columns; ++c) sum += element(row, k, c).log_density();
    return sum;
  }
  /// weight_m / rows
  MYNAH_HOST_DEVICE double share(Index row) const {
    return (weights == nullptr ? 1.0 : static_cast<double>(weights[row])) / static_cast<double>(prediction.rows);
  }

  /// What a component is in its row: w_k and γ_k.
  struct Shares {
    double weight, responsibility;
  };
  MYNAH_HOST_DEVICE void write_gradient(Index row, Index k, Shares of, const MatrixView<Scalar>& gradient) const {
    const double scale = share(row);
    Scalar* const out = gradient.data + row * gradient.stride;
    if (components() > 1) out[k] = static_cast<Scalar>(scale * (of.weight - of.responsibility));
    for (Index c = 0; c < target.columns; ++c) {
      const Element at = element(row, k, c);
      out[means(k) + c] = static_cast<Scalar>(-scale * of.responsibility * at.residual * at.precision);
      out[log_deviations(k) + c] = static_cast<Scalar>(scale * of.responsibility * at.log_deviation_gradient());
    }
  }

  /// The direction of one number of a component.
  struct Direction {
    double mean;           ///< μ̇ / σ
    double log_deviation;  ///< ṡ, 0 where s is cut
  };
  MYNAH_HOST_DEVICE Direction direction(const Scalar* tangent, Index k, Index column, const Element& at) const {
    return {static_cast<double>(tangent[means(k) + column]) * at.precision,
            at.cut() ? 0.0 : static_cast<double>(tangent[log_deviations(k) + column])};
  }
  /// l̇_k
  MYNAH_HOST_DEVICE double logit_tangent(const MatrixView<const Scalar>& tangent, Index row, Index k) const {
    return components() == 1 ? 0.0 : static_cast<double>(tangent.data[row * tangent.stride + k]);
  }
  /// ȧ_k
  MYNAH_HOST_DEVICE double log_joint_tangent(const MatrixView<const Scalar>& tangent, Index row, Index k) const {
    double sum = logit_tangent(tangent, row, k);
    for (Index c = 0; c < target.columns; ++c) {
      const Element at = element(row, k, c);
      const Direction by = direction(tangent.data + row * tangent.stride, k, c, at);
      sum += at.residual * by.mean + (at.residual * at.residual - 1.0) * by.log_deviation;
    }
    return sum;
  }
  /// `rates`: ẇ_k and γ̇_k.
  MYNAH_HOST_DEVICE void write_tangent(Index row, Index k, Shares of, Shares rates,
                                       const MatrixView<const Scalar>& tangent, const MatrixView<Scalar>& out) const {
    const double scale = share(row);
    Scalar* const to = out.data + row * out.stride;
    if (components() > 1) to[k] = static_cast<Scalar>(scale * (rates.weight - rates.responsibility));
    for (Index c = 0; c < target.columns; ++c) {
      const Element at = element(row, k, c);
      const Direction by = direction(tangent.data + row * tangent.stride, k, c, at);
      const double r = at.residual;
      to[means(k) + c] =
          static_cast<Scalar>(scale * at.precision *
                              (of.responsibility * (by.mean + 2.0 * r * by.log_deviation) - rates.responsibility * r));
      to[log_deviations(k) + c] =
          at.cut() ? Scalar(0)
                   : static_cast<Scalar>(scale * (rates.responsibility * (1.0 - r * r) +
                                                  2.0 * of.responsibility * r * (by.mean + r * by.log_deviation)));
    }
  }
};

}  // namespace mynah::kernels
