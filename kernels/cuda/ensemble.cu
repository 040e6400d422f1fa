#include "kernels/ensemble.h"

#include "kernels/cuda/group_combine.h"
#include "kernels/cuda/map.h"

namespace mynah::kernels::cuda {
namespace {

// Limited by memory: x is read twice, the second time from a cache where its members fit into one.
struct Moments {
  ConstMatrix x;
  EnsembleBounds bounds;
  Matrix mean, deviation;
  __device__ double output(Index member, Index row, Index column) const {
    const float value = x.data[(member * mean.rows + row) * x.stride + column];
    if (bounds.low.data == nullptr) return static_cast<double>(value);
    const float low = bounds.low.data[member * bounds.low.stride + column];
    const float high = bounds.high.data[member * bounds.high.stride + column];
    return static_cast<double>(value < low ? low : value > high ? high : value);
  }
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Index members = x.rows / mean.rows;
    static_assert(width == 1, "columns are taken one by one");
    double sum = 0.0, squares = 0.0;
    for (Index k = 0; k < members; ++k) sum += output(k, row, column);
    const double average = sum / static_cast<double>(members);
    for (Index k = 0; k < members; ++k) {
      const double difference = output(k, row, column) - average;
      squares += difference * difference;
    }
    mean.data[row * mean.stride + column] = static_cast<float>(average);
    deviation.data[row * deviation.stride + column] = static_cast<float>(sqrt(squares / static_cast<double>(members)));
  }
};

/// -p ln p; NaN stays NaN.
__device__ __forceinline__ double entropy_of(double p) {
  return p <= 0.0 ? 0.0 : -p * log(p);
}

/// ln Σ_c exp(s_c): softmax(s)_c = exp(s_c - it).
__device__ __forceinline__ double log_normalizer(const float* scores, Index classes) {
  float largest = scores[0];
  for (Index c = 1; c < classes; ++c) largest = fmaxf(largest, scores[c]);
  double sum = 0.0;
  for (Index c = 0; c < classes; ++c) sum += exp(static_cast<double>(scores[c]) - static_cast<double>(largest));
  return static_cast<double>(largest) + log(sum);
}

/// A group of threads for each row, which share its members. normalizers [rows, members]: each is read by the thread
/// that wrote it. There are few classes and few members, so a row's scores stay in L1 for the second time.
template <int group>
__global__ void __launch_bounds__(sum_threads)
    ensemble_probabilities_kernel(ConstMatrix scores, Matrix mean, float* information, double* normalizers) {
  const Index members = scores.rows / mean.rows, step = mean.rows * scores.stride;
  for_each_row<group>(mean.rows, [&](Index row, int lane, bool valid) {
    const float* own = scores.data + row * scores.stride;
    const Index end = valid ? members : 0;
    for (Index k = lane; k < end; k += group) {
      normalizers[row * members + k] = log_normalizer(own + k * step, mean.columns);
    }
    double entropy = 0.0, entropies = 0.0;
    for (Index c = 0; c < mean.columns; ++c) {
      double sum = 0.0;
      for (Index k = lane; k < end; k += group) {
        const double p = exp(static_cast<double>(own[k * step + c]) - normalizers[row * members + k]);
        sum += p;
        entropies += entropy_of(p);
      }
      const double average = group_sum<group>(sum) / static_cast<double>(members);
      entropy += entropy_of(average);
      if (valid && lane == 0) mean.data[row * mean.stride + c] = static_cast<float>(average);
    }
    const double mean_entropy = group_sum<group>(entropies) / static_cast<double>(members);
    const double gain = entropy - mean_entropy;
    if (valid && lane == 0) information[row] = static_cast<float>(gain < 0.0 ? 0.0 : gain);  // NaN stays NaN
  });
}

}  // namespace

void ensemble_moments(Stream& stream, ConstMatrix x, const EnsembleBounds& bounds, Matrix mean, Matrix deviation) {
  launch(stream, "ensemble_moments", map_shape(mean.rows, mean.columns), map_kernel<false, Moments>,
         Moments{x, bounds, mean, deviation}, mean.rows, mean.columns);
}

void ensemble_probabilities(Stream& stream, ConstMatrix scores, Matrix mean, Vector information) {
  auto* normalizers = static_cast<double*>(stream.scratch(static_cast<std::size_t>(scores.rows) * sizeof(double)));
  with_group(scores.rows / mean.rows, [&](auto group) {
    launch(stream, "ensemble_probabilities", row_shape(row_blocks(mean.rows, group)),
           ensemble_probabilities_kernel<group>, scores, mean, information.data, normalizers);
  });
}

}  // namespace mynah::kernels::cuda
