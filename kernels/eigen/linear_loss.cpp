#include "kernels/linear_loss.h"

#include "kernels/classification.h"
#include "kernels/elementwise.h"
#include "kernels/linear.h"

namespace mynah::kernels::eigen {

void linear_loss(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y, const LinearLoss& loss) {
  eigen::linear_forward<float>(stream, x, w, b, Activation::none, y, {}, {loss.precision});
  if (loss.labels.empty()) {
    eigen::elementwise_loss<float>(stream, loss.loss, y, loss.values, loss.loss_sum, loss.gradient, {});
  } else {
    eigen::softmax_cross_entropy_loss<float>(stream, y, loss.labels, loss.loss_sum, loss.gradient, {});
  }
  for (const PassingCount& count : loss.counts) {
    if (count.counter != nullptr) eigen::advance(stream, count.counter, count.amount);
  }
}

}  // namespace mynah::kernels::eigen
