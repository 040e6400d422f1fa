#pragma once

#include "kernels/host_device.h"

namespace mynah::kernels {

/// The derivatives of standardising a set of n values by its own mean and deviation, shared by layer normalisation (a
/// set is a part of a row) and batch normalisation (a set is a channel):
///
///   x̂ = (x - μ) r,   μ = mean(x),   r = (mean((x - μ)²) + epsilon)^(-1/2)
///
/// With dμ = mean(dx) and dr = -r² mean(x̂ dx), since mean(x̂) = 0, and with the linear map
///
///   P(a) = a - mean(a) - x̂ mean(x̂ a)         which is its own transpose,
///
/// dx̂ = r P(dx). Hence, for y = w x̂ + b and its tangent with q = r P(ẋ),
///
///   backward of y       dx = r P(w dy)
///   tangent             ẏ = w q + ẇ x̂ + ḃ
///
/// Backward of y and ẏ together, given ȳ = dL/dy and u = dL/dẏ. With h = w u (what reaches q) and a = w ȳ + ẇ u (what
/// reaches x̂ directly):
///
///   dL/dẋ = r P(h)
///   dL/dw = Σ ȳ x̂ + u q,   dL/db = Σ ȳ
///
/// and q = r (ẋ - mean(ẋ) - c x̂), c = mean(x̂ ẋ), changes with x̂ and with r:
///
///   Σ h dq = (dr / r) Σ h q - r c Σ h dx̂ - r mean(h x̂) Σ ẋ dx̂
///
/// so that x̂ receives A = a - r c h - r e ẋ, e = mean(h x̂), and r receives n mean(h q) / r, which dr carries to x:
///
///   dL/dx = r P(A) - r mean(h q) x̂
///
/// All means follow from seven sums that one walk over the set collects:
///
///   mean(h q)   = r (mean(h ẋ) - mean(h) mean(ẋ) - c e)
///   mean(A)     = mean(a) - r c mean(h) - r e mean(ẋ)
///   mean(x̂ A)  = mean(x̂ a) - 2 r c e
///
/// Where μ and r are constants, as in batch normalisation by running statistics, all of these corrections are zero.

/// P(a) at one place, given mean(a) and mean(x̂ a).
template <class Scalar>
MYNAH_HOST_DEVICE inline Scalar centred(Scalar a, Scalar x_hat, Scalar mean_a, Scalar mean_xa) {
  return a - mean_a - x_hat * mean_xa;
}

/// The sums over a set, in this order.
enum NormalizedSum { sum_tangent, sum_x_tangent, sum_h, sum_x_h, sum_h_tangent, sum_a, sum_x_a };
constexpr int normalized_sums = 7;

/// Means over a set and what follows from them. Zero: μ and r are constants.
template <class Scalar>
struct NormalizedMeans {
  Scalar tangent = 0;    ///< mean(ẋ)
  Scalar x_tangent = 0;  ///< c = mean(x̂ ẋ)
  Scalar h = 0;          ///< mean(h)
  Scalar x_h = 0;        ///< e = mean(x̂ h)
  Scalar h_q = 0;        ///< mean(h q)
  Scalar total = 0;      ///< mean(A)
  Scalar x_total = 0;    ///< mean(x̂ A)

  /// From `sums` in the order of NormalizedSum, each times `share` = 1/n.
  template <class Sum>
  MYNAH_HOST_DEVICE static inline NormalizedMeans of(const Sum* sums, Sum share, Sum r) {
    const Sum tangent = sums[sum_tangent] * share, c = sums[sum_x_tangent] * share;
    const Sum h = sums[sum_h] * share, e = sums[sum_x_h] * share;
    NormalizedMeans means;
    means.tangent = static_cast<Scalar>(tangent);
    means.x_tangent = static_cast<Scalar>(c);
    means.h = static_cast<Scalar>(h);
    means.x_h = static_cast<Scalar>(e);
    means.h_q = static_cast<Scalar>(r * (sums[sum_h_tangent] * share - h * tangent - c * e));
    means.total = static_cast<Scalar>(sums[sum_a] * share - r * (c * h + e * tangent));
    means.x_total = static_cast<Scalar>(sums[sum_x_a] * share - Sum(2) * r * c * e);
    return means;
  }
};

/// What is known at one place of a set.
template <class Scalar>
struct NormalizedPlace {
  Scalar x_hat, tangent, h, a;

  /// q
  MYNAH_HOST_DEVICE inline Scalar q(const NormalizedMeans<Scalar>& means, Scalar r) const {
    return r * centred(tangent, x_hat, means.tangent, means.x_tangent);
  }
  /// dL/dẋ
  MYNAH_HOST_DEVICE inline Scalar tangent_gradient(const NormalizedMeans<Scalar>& means, Scalar r) const {
    return r * centred(h, x_hat, means.h, means.x_h);
  }
  /// dL/dx
  MYNAH_HOST_DEVICE inline Scalar gradient(const NormalizedMeans<Scalar>& means, Scalar r) const {
    const Scalar total = a - r * (means.x_tangent * h + means.x_h * tangent);
    return r * (centred(total, x_hat, means.total, means.x_total) - means.h_q * x_hat);
  }
  /// The terms of the seven sums.
  template <class Sum>
  MYNAH_HOST_DEVICE inline void add_to(Sum* sums) const {
    const Sum x = x_hat, t = tangent, g = h;
    sums[sum_tangent] += t;
    sums[sum_x_tangent] += x * t;
    sums[sum_h] += g;
    sums[sum_x_h] += x * g;
    sums[sum_h_tangent] += g * t;
    sums[sum_a] += a;
    sums[sum_x_a] += x * a;
  }
};

/// A set whose w and ẇ are two numbers, as a channel's are: everything follows from the sums of places {x̂, ẋ, u, ȳ}.
template <class Scalar>
struct NormalizedChannel {
  NormalizedMeans<Scalar> means;
  double dw, db;

  /// moving: μ and r change with x.
  MYNAH_HOST_DEVICE static inline NormalizedChannel of(const double* sums, double share, double r, double w,
                                                       double w_tangent, bool moving) {
    double weighted[normalized_sums];
    for (int k = 0; k < normalized_sums; ++k) weighted[k] = k < sum_h ? sums[k] : w * sums[k];
    weighted[sum_a] += w_tangent * sums[sum_h];
    weighted[sum_x_a] += w_tangent * sums[sum_x_h];
    NormalizedChannel channel;
    if (moving) channel.means = NormalizedMeans<Scalar>::of(weighted, share, r);
    double u_q = sums[sum_h_tangent];  // Σ u q / r
    if (moving) u_q -= share * (sums[sum_tangent] * sums[sum_h] + sums[sum_x_tangent] * sums[sum_x_h]);
    channel.dw = sums[sum_x_a] + r * u_q;
    channel.db = sums[sum_a];
    return channel;
  }
};

}  // namespace mynah::kernels
