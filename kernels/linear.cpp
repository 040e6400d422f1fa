#include "kernels/linear.h"

namespace mynah::kernels {

void linear_forward(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Activation activation, Matrix y) {
  require(x.columns == w.columns, "linear_forward", "x [rows, inputs] and w [outputs, inputs]");
  require(y.rows == x.rows && y.columns == w.rows, "linear_forward", "y [rows, outputs]");
  require(b.size == 0 || b.size == w.rows, "linear_forward", "b [outputs], or empty");
  if (y.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(linear_forward, stream, x, w, b, activation, y);
  eigen::linear_forward<float>(stream, x, w, b, activation, y);
}

void linear_backward(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dy, Matrix dx, Matrix dw, Vector db) {
  require(x.columns == w.columns, "linear_backward", "x [rows, inputs] and w [outputs, inputs]");
  require(dy.rows == x.rows && dy.columns == w.rows, "linear_backward", "dy [rows, outputs]");
  require(dx.data == nullptr || same_shape(dx, x), "linear_backward", "dx of the shape of x, or empty");
  require(dw.rows == w.rows && dw.columns == w.columns, "linear_backward", "dw of the shape of w");
  require(db.size == 0 || db.size == w.rows, "linear_backward", "db [outputs], or empty");
  if (x.rows == 0) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(linear_backward, stream, x, w, dy, dx, dw, db);
  eigen::linear_backward<float>(stream, x, w, dy, dx, dw, db);
}

}  // namespace mynah::kernels
