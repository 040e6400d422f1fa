#pragma once

#include <cmath>

#include "kernels/host_device.h"
#include "kernels/random_numbers.h"
#include "kernels/view.h"

namespace mynah::kernels {

/// What the twins of categorical_distribution.h share. `Row` has log_probability(c) of each class c.
namespace categorical_terms {

/// p x, and 0 where p is 0 although x = log p is -∞. NaN of p stays.
MYNAH_HOST_DEVICE inline double weighted(double p, double x) {
  return p == 0.0 ? 0.0 : p * x;
}

/// A number of the standard Gumbel distribution.
MYNAH_HOST_DEVICE inline double gumbel(std::uint32_t word) {
  using std::log;
  const double u = (static_cast<double>(word) + 0.5) * (1.0 / 4294967296.0);  // (0, 1)
  return -log(-log(u));
}

/// What class c adds to the entropy.
template <class Row>
MYNAH_HOST_DEVICE inline double entropy_term(const Row& row, Index c) {
  using std::exp;
  const double log_p = row.log_probability(c);
  return -weighted(exp(log_p), log_p);
}

/// dH/dl_c
template <class Row>
MYNAH_HOST_DEVICE inline double entropy_derivative(const Row& row, Index c, double entropy) {
  using std::exp;
  const double log_p = row.log_probability(c);
  return -weighted(exp(log_p), log_p + entropy);
}

/// What class c adds to KL(p ‖ q).
template <class Row>
MYNAH_HOST_DEVICE inline double divergence_term(const Row& p, const Row& q, Index c) {
  using std::exp;
  const double log_p = p.log_probability(c);
  return weighted(exp(log_p), log_p - q.log_probability(c));
}

}  // namespace categorical_terms
}  // namespace mynah::kernels
