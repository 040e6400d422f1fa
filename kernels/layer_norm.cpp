#include "kernels/layer_norm.h"

#include "kernels/operation_count.h"
#include "kernels/optional_view.h"

namespace mynah::kernels {
namespace {

/// What every operation reads.
void require_shapes(const char* operation, Index rows, Index columns, Index size, Index means, Index deviations) {
  require(size > 0 && columns % size == 0, operation, "x [rows, groups * size] and w [size] of at least one column");
  require(means == rows * (columns / size) && deviations == means, operation,
          "mean and reciprocal_deviation [rows * groups]");
}

}  // namespace

template <class Scalar>
void layer_norm_forward(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> b,
                        float epsilon, MatrixOf<Scalar> y, VectorOf<Scalar> mean,
                        VectorOf<Scalar> reciprocal_deviation) {
  const char* const name = "layer_norm_forward";
  require_shapes(name, x.rows, x.columns, w.size, mean.size, reciprocal_deviation.size);
  require(b.size == w.size, name, "b [size]");
  require(same_shape(x, y), name, "y of the shape of x");
  if (y.empty()) return;
  if (is_only_counted(stream, x, w, b, y, mean, reciprocal_deviation)) return;
  MYNAH_CALL_TWIN(layer_norm_forward, stream, x, w, b, epsilon, y, mean, reciprocal_deviation);
}

template <class Scalar>
void layer_norm_backward(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> mean,
                         ConstVectorOf<Scalar> reciprocal_deviation, ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx,
                         VectorOf<Scalar> dw, VectorOf<Scalar> db) {
  const char* const name = "layer_norm_backward";
  require_shapes(name, x.rows, x.columns, w.size, mean.size, reciprocal_deviation.size);
  require(same_shape(x, dy) && empty_or_same(dx, x), name, "dy and dx of the shape of x, dx possibly empty");
  require(empty_or_of(dw, w.size) && empty_or_of(db, w.size), name, "dw and db [size], or empty");
  if (x.empty()) return;
  if (is_only_counted(stream, x, w, mean, reciprocal_deviation, dy, dx, changed(dw), changed(db))) return;
  MYNAH_CALL_TWIN(layer_norm_backward, stream, x, w, mean, reciprocal_deviation, dy, dx, dw, db);
}

template <class Scalar>
void layer_norm_tangent(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> mean,
                        ConstVectorOf<Scalar> reciprocal_deviation, ConstMatrixOf<Scalar> x_tangent,
                        ConstVectorOf<Scalar> w_tangent, ConstVectorOf<Scalar> b_tangent, MatrixOf<Scalar> y_tangent) {
  const char* const name = "layer_norm_tangent";
  require_shapes(name, x.rows, x.columns, w.size, mean.size, reciprocal_deviation.size);
  require(same_shape(x, y_tangent) && empty_or_same(x_tangent, x), name,
          "tangents of x and y of the shape of x, that of x possibly empty");
  require(empty_or_of(w_tangent, w.size) && empty_or_of(b_tangent, w.size), name,
          "tangents of w and b [size], or empty");
  if (x.empty()) return;
  if (is_only_counted(stream, x, w, mean, reciprocal_deviation, x_tangent, w_tangent, b_tangent, y_tangent)) return;
  MYNAH_CALL_TWIN(layer_norm_tangent, stream, x, w, mean, reciprocal_deviation, x_tangent, w_tangent, b_tangent,
                  y_tangent);
}

template <class Scalar>
void layer_norm_tangent_backward(Stream& stream, const LayerNormTangentBackward<Scalar>& pass) {
  const char* const name = "layer_norm_tangent_backward";
  const auto& x = pass.x;
  require_shapes(name, x.rows, x.columns, pass.w.size, pass.mean.size, pass.reciprocal_deviation.size);
  require(same_shape(x, pass.y_gradient) && same_shape(x, pass.y_tangent_gradient), name,
          "gradients of y and of its tangent of the shape of x");
  require(empty_or_same(pass.x_tangent, x) && empty_or_same(pass.dx, x) && empty_or_same(pass.dx_tangent, x), name,
          "the tangent of x and the gradients of the shape of x, or empty");
  require(empty_or_of(pass.w_tangent, pass.w.size), name, "the tangent of w [size], or empty");
  require(empty_or_of(pass.dw, pass.w.size) && empty_or_of(pass.db, pass.w.size), name, "dw and db [size], or empty");
  if (x.empty()) return;
  if (is_only_counted(stream, Untold{})) return;
  MYNAH_CALL_TWIN(layer_norm_tangent_backward, stream, pass);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(layer_norm_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(layer_norm_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(layer_norm_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(layer_norm_tangent_backward)

}  // namespace mynah::kernels
