#include "kernels/linear_loss.h"

#include "kernels/cuda/linear_selection.h"
#include "kernels/operation_count.h"

namespace mynah::kernels {

void linear_loss(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y, const LinearLoss& loss) {
  constexpr const char* name = "linear_loss";
  require(x.columns == w.columns, name, "x [rows, inputs] and w [outputs, inputs]");
  require(y.rows == x.rows && y.columns == w.rows && same_shape(y, loss.gradient), name,
          "y and gradient [rows, outputs]");
  require(b.empty() || b.size == w.rows, name, "b [outputs], or empty");
  require(loss.labels.empty() ? same_shape(loss.values, y) : loss.labels.size == y.rows, name,
          "values [rows, outputs], or labels [rows]");
  require(loss.loss_sum.size == 1 && loss.ticket != nullptr, name, "the sum of the loss, and a ticket");
  require(linear_loss_fits(stream, x.rows, x.columns, w.rows), name, "sizes that linear_loss_fits");
  const auto& counts = loss.counts;
  if (is_only_counted(stream, x, w, b, y, loss.values, loss.labels, changed(loss.loss_sum), loss.gradient,
                      changed(counts[0].counter), changed(counts[1].counter))) {
    return;
  }
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(linear_loss, stream, x, w, b, y, loss);
  eigen::linear_loss(stream, x, w, b, y, loss);
}

bool linear_loss_fits(const Stream& stream, [[maybe_unused]] Index rows, [[maybe_unused]] Index inputs, Index outputs) {
  if (outputs < 1 || outputs > cuda::widest_linear_loss || rows < 1) return false;
#if MYNAH_WITH_CUDA
  if (stream.backend() == Backend::cuda) return cuda::linear_loss_fits(rows, inputs, outputs);
#endif
  return stream.backend() == Backend::cpu;
}

}  // namespace mynah::kernels
