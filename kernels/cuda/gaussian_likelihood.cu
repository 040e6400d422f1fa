#include "kernels/gaussian_likelihood.h"

#include "kernels/cuda/map.h"
#include "kernels/cuda/partial_sums.h"
#include "kernels/gaussian_likelihood_function.h"

namespace mynah::kernels::cuda {
namespace {

struct Terms {
  ConstMatrix mean;
  ConstMatrix log_variance;
  ConstMatrix target;
  const float* weights;  ///< null: all 1
  float share;           ///< 1 / elements
  GaussianLikelihoodOptions options;

  __device__ GaussianLikelihood<float> at(Index row, Index column) const {
    return {mean.data[row * mean.stride + column], log_variance.data[row * log_variance.stride + column],
            target.data[row * target.stride + column], options};
  }
  __device__ float weight(Index row) const { return weights == nullptr ? 1.0f : weights[row]; }
};

/// Limited by memory: 12 bytes read and 8 written an element. Elements are counted through the whole matrix, so that a
/// block of a narrow matrix is full: an action has a few columns. One at a time, since mean and log-variance are mostly
/// the halves of one matrix, whose second half is rarely aligned.
__global__ void __launch_bounds__(sum_threads)
    gaussian_kernel(Terms terms, Matrix mean_gradient, Matrix log_variance_gradient, SumTarget loss) {
  const Index columns = terms.mean.columns;
  const Index count = terms.mean.rows * columns;
  const Index step = Index{gridDim.x} * sum_threads;
  double sum = 0.0;
  for (Index i = Index{blockIdx.x} * sum_threads + threadIdx.x; i < count; i += step) {
    const Index row = i / columns, column = i - row * columns;
    const GaussianLikelihood<float> likelihood = terms.at(row, column);
    const float weight = terms.weight(row);
    sum += static_cast<double>(weight) * likelihood.value(terms.options.full);
    const float scale = weight * terms.share;
    if (mean_gradient.data != nullptr) {
      mean_gradient.data[row * mean_gradient.stride + column] = scale * likelihood.mean_gradient();
    }
    if (log_variance_gradient.data != nullptr) {
      log_variance_gradient.data[row * log_variance_gradient.stride + column] =
          scale * likelihood.log_variance_gradient();
    }
  }
  finish_sum(loss, sum);
}

/// Limited by memory: 28 bytes an element.
struct Tangent {
  Terms terms;
  ConstMatrix mean_tangent;
  ConstMatrix log_variance_tangent;
  Matrix mean_gradient_tangent;
  Matrix log_variance_gradient_tangent;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const GaussianLikelihood<float> likelihood = terms.at(row, column);
    const float scale = terms.weight(row) * terms.share;
    const float of_mean = mean_tangent.data[row * mean_tangent.stride + column];
    const float of_log_variance = log_variance_tangent.data[row * log_variance_tangent.stride + column];
    mean_gradient_tangent.data[row * mean_gradient_tangent.stride + column] =
        scale * likelihood.mean_tangent(of_mean, of_log_variance);
    log_variance_gradient_tangent.data[row * log_variance_gradient_tangent.stride + column] =
        scale * likelihood.log_variance_tangent(of_mean, of_log_variance);
  }
};

Terms terms_of(ConstMatrix mean, ConstMatrix log_variance, ConstMatrix target, const GaussianLikelihoodOptions& options,
               ConstVector weights) {
  const double elements = static_cast<double>(mean.rows) * static_cast<double>(mean.columns);
  return {mean,   log_variance, target, weights.empty() ? nullptr : weights.data, static_cast<float>(1.0 / elements),
          options};
}

}  // namespace

void gaussian_likelihood_loss(Stream& stream, ConstMatrix mean, ConstMatrix log_variance, ConstMatrix target,
                              VectorView<double> loss_sum, Matrix mean_gradient, Matrix log_variance_gradient,
                              GaussianLikelihoodOptions options, ConstVector weights) {
  const char* const name = "gaussian_likelihood_loss";
  const Index blocks =
      std::clamp<Index>(ceil_divide(mean.rows * mean.columns, Index{sum_threads} * 4), 1, grid_limit / 4);
  // rows * L = Σ weight f / columns
  SumTarget sum{loss_sum.empty() ? nullptr : loss_sum.data, 1.0 / static_cast<double>(mean.columns), true, nullptr};
  prepare_sum(stream, sum, blocks);
  launch(stream, name, {dim3(static_cast<unsigned>(blocks)), dim3(sum_threads)}, gaussian_kernel,
         terms_of(mean, log_variance, target, options, weights), mean_gradient, log_variance_gradient, sum);
  add_partial_sums(stream, name, sum, blocks);
}

void gaussian_likelihood_loss_tangent(Stream& stream, ConstMatrix mean, ConstMatrix log_variance, ConstMatrix target,
                                      ConstMatrix mean_tangent, ConstMatrix log_variance_tangent,
                                      Matrix mean_gradient_tangent, Matrix log_variance_gradient_tangent,
                                      GaussianLikelihoodOptions options, ConstVector weights) {
  map(stream, "gaussian_likelihood_loss_tangent", mean.rows, mean.columns, false,
      Tangent{terms_of(mean, log_variance, target, options, weights), mean_tangent, log_variance_tangent,
              mean_gradient_tangent, log_variance_gradient_tangent});
}

}  // namespace mynah::kernels::cuda
