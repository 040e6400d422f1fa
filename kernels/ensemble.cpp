#include "kernels/ensemble.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

void require_members(const char* operation, ConstMatrix x, Matrix mean) {
  require(x.columns == mean.columns && x.rows % mean.rows == 0 && x.rows >= mean.rows, operation,
          "outputs [members rows, columns], at least one member, and their mean [rows, columns]");
}

}  // namespace

void ensemble_moments(Stream& stream, ConstMatrix x, const EnsembleBounds& bounds, Matrix mean, Matrix deviation) {
  require(same_shape(mean, deviation), "ensemble_moments", "mean and deviation [rows, columns]");
  if (mean.empty()) return;
  require_members("ensemble_moments", x, mean);
  const ConstMatrix low = bounds.low;
  require(same_shape(low, bounds.high) && (low.empty() || (low.rows * mean.rows == x.rows && low.columns == x.columns)),
          "ensemble_moments", "low and high [members, columns], or neither");
  if (is_only_counted(stream, x, low, bounds.high, mean, deviation)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(ensemble_moments, stream, x, bounds, mean, deviation);
  eigen::ensemble_moments(stream, x, bounds, mean, deviation);
}

void ensemble_probabilities(Stream& stream, ConstMatrix scores, Matrix mean, Vector information) {
  require(information.size == mean.rows, "ensemble_probabilities", "information [rows]");
  if (mean.rows == 0) return;
  require(mean.columns >= 1, "ensemble_probabilities", "at least one class");
  require_members("ensemble_probabilities", scores, mean);
  if (is_only_counted(stream, scores, mean, information)) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(ensemble_probabilities, stream, scores, mean, information);
  }
  eigen::ensemble_probabilities(stream, scores, mean, information);
}

}  // namespace mynah::kernels
