#include "kernels/ensemble.h"

#include <algorithm>
#include <cmath>

namespace mynah::kernels::eigen {
namespace {

/// ln Σ_c exp(s_c): softmax(s)_c = exp(s_c - it).
double log_normalizer(ConstVector scores) {
  const double largest = *std::max_element(scores.data, scores.data + scores.size);
  double sum = 0.0;
  for (Index c = 0; c < scores.size; ++c) sum += std::exp(scores.data[c] - largest);
  return largest + std::log(sum);
}

/// -p ln p; NaN stays NaN.
double entropy_of(double p) {
  return p <= 0.0 ? 0.0 : -p * std::log(p);
}

double clipped(float value, const EnsembleBounds& bounds, Index member, Index column) {
  if (bounds.low.empty()) return value;
  const float low = bounds.low.row(member).data[column], high = bounds.high.row(member).data[column];
  return value < low ? low : value > high ? high : value;
}

}  // namespace

void ensemble_moments(Stream&, ConstMatrix x, const EnsembleBounds& bounds, Matrix mean, Matrix deviation) {
  const Index members = x.rows / mean.rows;
  for (Index row = 0; row < mean.rows; ++row) {
    for (Index c = 0; c < mean.columns; ++c) {
      const auto output = [&](Index k) { return clipped(x.row(k * mean.rows + row).data[c], bounds, k, c); };
      double sum = 0.0, squares = 0.0;
      for (Index k = 0; k < members; ++k) sum += output(k);
      const double average = sum / static_cast<double>(members);
      for (Index k = 0; k < members; ++k) {
        const double difference = output(k) - average;
        squares += difference * difference;
      }
      mean.row(row).data[c] = static_cast<float>(average);
      deviation.row(row).data[c] = static_cast<float>(std::sqrt(squares / static_cast<double>(members)));
    }
  }
}

void ensemble_probabilities(Stream& stream, ConstMatrix scores, Matrix mean, Vector information) {
  const Index members = scores.rows / mean.rows;
  auto* normalizers = static_cast<double*>(stream.scratch(static_cast<std::size_t>(members) * sizeof(double)));
  for (Index row = 0; row < mean.rows; ++row) {
    for (Index k = 0; k < members; ++k) normalizers[k] = log_normalizer(scores.row(k * mean.rows + row));
    double entropy = 0.0, entropies = 0.0;
    for (Index c = 0; c < mean.columns; ++c) {
      double sum = 0.0;
      for (Index k = 0; k < members; ++k) {
        const double p = std::exp(scores.row(k * mean.rows + row).data[c] - normalizers[k]);
        sum += p;
        entropies += entropy_of(p);
      }
      const double average = sum / static_cast<double>(members);
      entropy += entropy_of(average);
      mean.row(row).data[c] = static_cast<float>(average);
    }
    const double gain = entropy - entropies / static_cast<double>(members);
    information.data[row] = static_cast<float>(gain < 0.0 ? 0.0 : gain);  // NaN stays NaN
  }
}

}  // namespace mynah::kernels::eigen
