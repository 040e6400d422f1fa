#include "kernels/optimizer.h"

namespace mynah::kernels {

void adam_step(Stream& stream, const AdamOptions& options, const float* learning_rate, const Index* step,
               Vector parameters, ConstVector gradient, Vector first_moment, Vector second_moment) {
  const Index n = parameters.size;
  require(gradient.size == n && first_moment.size == n && second_moment.size == n, "adam_step",
          "gradient and moments of the size of parameters");
  require(learning_rate != nullptr && step != nullptr, "adam_step", "learning_rate and step in device memory");
  if (n == 0) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(adam_step, stream, options, learning_rate, step, parameters, gradient, first_moment,
                         second_moment);
  }
  eigen::adam_step<float>(stream, options, learning_rate, step, parameters, gradient, first_moment, second_moment);
}

}  // namespace mynah::kernels
