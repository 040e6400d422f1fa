#include "kernels/optimizer.h"

#include "kernels/operation_count.h"
#include "kernels/reduction.h"

namespace mynah::kernels {

void adam_step(Stream& stream, const AdamOptions& options, const float* learning_rate, const Index* step,
               Vector parameters, ConstVector gradient, Vector first_moment, Vector second_moment,
               const float* gradient_scale) {
  const Index n = parameters.size;
  require(gradient.size == n && first_moment.size == n && second_moment.size == n, "adam_step",
          "gradient and moments of the size of parameters");
  require(learning_rate != nullptr && step != nullptr, "adam_step", "learning_rate and step in device memory");
  if (n == 0) return;
  if (is_only_counted(stream, learning_rate, step, changed(parameters), gradient, changed(first_moment),
                      changed(second_moment), gradient_scale))
    return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(adam_step, stream, options, learning_rate, step, parameters, gradient, first_moment,
                         second_moment, gradient_scale);
  }
  eigen::adam_step<float>(stream, options, learning_rate, step, parameters, gradient, first_moment, second_moment,
                          gradient_scale);
}

void sgd_step(Stream& stream, const SgdOptions& options, const float* learning_rate, Vector parameters,
              ConstVector gradient, Vector momentum_buffer, const float* gradient_scale) {
  const Index n = parameters.size;
  const bool with_momentum = options.momentum != 0.0;
  require(gradient.size == n, "sgd_step", "a gradient of the size of parameters");
  require(momentum_buffer.size == n || (!with_momentum && momentum_buffer.empty()), "sgd_step",
          "a momentum buffer of the size of parameters, or none without momentum");
  require(with_momentum || !options.nesterov, "sgd_step", "momentum where nesterov is set");
  require(learning_rate != nullptr, "sgd_step", "learning_rate in device memory");
  if (n == 0) return;
  if (is_only_counted(stream, learning_rate, changed(parameters), gradient, changed(momentum_buffer), gradient_scale))
    return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(sgd_step, stream, options, learning_rate, parameters, gradient, momentum_buffer,
                         gradient_scale);
  }
  eigen::sgd_step(stream, options, learning_rate, parameters, gradient, momentum_buffer, gradient_scale);
}

void rmsprop_step(Stream& stream, const RmsPropOptions& options, const float* learning_rate, Vector parameters,
                  ConstVector gradient, Vector square_average, Vector momentum_buffer, Vector gradient_average,
                  const float* gradient_scale) {
  const Index n = parameters.size;
  require(gradient.size == n && square_average.size == n, "rmsprop_step",
          "gradient and square average of the size of parameters");
  require(momentum_buffer.size == n || (options.momentum == 0.0 && momentum_buffer.empty()), "rmsprop_step",
          "a momentum buffer of the size of parameters, or none without momentum");
  require(gradient_average.size == n || (!options.centered && gradient_average.empty()), "rmsprop_step",
          "a gradient average of the size of parameters, or none unless centered");
  require(learning_rate != nullptr, "rmsprop_step", "learning_rate in device memory");
  if (n == 0) return;
  if (is_only_counted(stream, learning_rate, changed(parameters), gradient, changed(square_average),
                      changed(momentum_buffer), changed(gradient_average), gradient_scale))
    return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(rmsprop_step, stream, options, learning_rate, parameters, gradient, square_average,
                         momentum_buffer, gradient_average, gradient_scale);
  }
  eigen::rmsprop_step(stream, options, learning_rate, parameters, gradient, square_average, momentum_buffer,
                      gradient_average, gradient_scale);
}

void global_norm(Stream& stream, ConstVector gradient, VectorView<double> norm) {
  vector_norm(stream, Norm::l2, gradient, norm);
}

void clip_factor(Stream& stream, VectorView<const double> norm, double max_norm, float* factor) {
  require(norm.size == 1 && factor != nullptr, "clip_factor", "a norm of one value, and a factor in device memory");
  require(max_norm > 0.0, "clip_factor", "max_norm above 0");
  if (is_only_counted(stream, norm, factor)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(clip_factor, stream, norm, max_norm, factor);
  eigen::clip_factor(stream, norm, max_norm, factor);
}

void ema_update(Stream& stream, double decay, const Index* step, ConstVector values, Vector average) {
  require(average.size == values.size, "ema_update", "an average of the size of values");
  require(decay >= 0.0 && decay < 1.0, "ema_update", "a decay in [0, 1)");
  if (values.empty()) return;
  if (is_only_counted(stream, step, values, changed(average))) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(ema_update, stream, decay, step, values, average);
  eigen::ema_update(stream, decay, step, values, average);
}

void exchange(Stream& stream, Vector a, Vector b) {
  require(a.size == b.size, "exchange", "vectors of the same size");
  if (a.empty()) return;
  if (is_only_counted(stream, changed(a), changed(b))) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(exchange, stream, a, b);
  eigen::exchange(stream, a, b);
}

}  // namespace mynah::kernels
