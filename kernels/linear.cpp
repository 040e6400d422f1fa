#include "kernels/linear.h"

#include "kernels/elementwise.h"
#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void linear_forward(Stream& stream, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> b,
                    Activation activation, MatrixOf<Scalar> y, MatrixOf<Scalar> z, ProductOptions options) {
  require(x.columns == w.columns, "linear_forward", "x [rows, inputs] and w [outputs, inputs]");
  require(y.rows == x.rows && y.columns == w.rows, "linear_forward", "y [rows, outputs]");
  require(b.size == 0 || b.size == w.rows, "linear_forward", "b [outputs], or empty");
  require(z.data == nullptr || same_shape(y, z), "linear_forward", "z of the shape of y, or empty");
  require(!options.add || (activation == Activation::none && z.data == nullptr), "linear_forward",
          "no activation and no z where the product is added");
  if (y.empty()) return;
  if (is_only_counted(stream, x, w, b, changed(y, options.add), z)) return;
  MYNAH_CALL_TWIN(linear_forward, stream, x, w, b, activation, y, z, options);
}

template <class Scalar>
void linear_backward(Stream& stream, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w, ConstMatrixOf<Scalar> dz,
                     MatrixOf<Scalar> dx, MatrixOf<Scalar> dw, VectorOf<Scalar> db,
                     InputActivation<Scalar> input_activation, ProductOptions options) {
  require(x.columns == w.columns, "linear_backward", "x [rows, inputs] and w [outputs, inputs]");
  require(dz.rows == x.rows && dz.columns == w.rows, "linear_backward", "dz [rows, outputs]");
  require(dx.data == nullptr || same_shape(dx, x), "linear_backward", "dx of the shape of x, or empty");
  require(dw.data == nullptr || (dw.rows == w.rows && dw.columns == w.columns), "linear_backward",
          "dw of the shape of w, or empty");
  require(db.data == nullptr || db.size == 0 || db.size == w.rows, "linear_backward", "db [outputs], or empty");
  require(input_activation.activation == Activation::none || (same_shape(input_activation.operand, x) && !options.add),
          "linear_backward", "the operand of the input's activation, of the shape of x, and dx not added to");
  if (x.rows == 0) {
    if (options.overwrite_weights) {
      zero<Scalar>(stream, dw);
      fill<Scalar>(stream, db, 0.0f);
    }
    return;
  }
  if (dx.empty()) input_activation = {};
  const ConstMatrixOf<Scalar> for_dw = dw.empty() ? ConstMatrixOf<Scalar>{} : x;
  const ConstMatrixOf<Scalar> for_dx = dx.empty() ? ConstMatrixOf<Scalar>{} : w;
  if (is_only_counted(stream, for_dw, for_dx, dz, changed(dx, options.add), changed(dw, !options.overwrite_weights),
                      changed(db, !options.overwrite_weights), input_activation.operand)) {
    return;
  }
  MYNAH_CALL_TWIN(linear_backward, stream, x, w, dz, dx, dw, db, input_activation, options);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(linear_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(linear_backward)

}  // namespace mynah::kernels
