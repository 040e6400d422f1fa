#include "kernels/standardization.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

template <class Scalar>
void require_columns(const char* operation, MatrixView<const Scalar> x, Index parameters, MatrixView<Scalar> y) {
  require(same_shape(x, y), operation, "input and output of one shape");
  require(parameters == x.columns, operation, "mean and deviation [columns]");
}

}  // namespace

template <class Scalar>
void standardize(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> mean, ConstVectorOf<Scalar> deviation,
                 MatrixOf<Scalar> y) {
  require_columns("standardize", x, mean.size, y);
  require_columns("standardize", x, deviation.size, y);
  if (y.empty()) return;
  if (is_only_counted(stream, x, mean, deviation, y)) return;
  MYNAH_CALL_TWIN(standardize, stream, x, mean, deviation, y);
}

template <class Scalar>
void standardize_backward(Stream& stream, ConstMatrixOf<Scalar> dy, ConstVectorOf<Scalar> deviation,
                          MatrixOf<Scalar> dx) {
  require_columns("standardize_backward", dy, deviation.size, dx);
  if (dx.empty()) return;
  if (is_only_counted(stream, dy, deviation, dx)) return;
  MYNAH_CALL_TWIN(standardize_backward, stream, dy, deviation, dx);
}

template <class Scalar>
void unstandardize(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> mean, ConstVectorOf<Scalar> deviation,
                   MatrixOf<Scalar> y) {
  require_columns("unstandardize", x, mean.size, y);
  require_columns("unstandardize", x, deviation.size, y);
  if (y.empty()) return;
  if (is_only_counted(stream, x, mean, deviation, y)) return;
  MYNAH_CALL_TWIN(unstandardize, stream, x, mean, deviation, y);
}

template <class Scalar>
void unstandardize_backward(Stream& stream, ConstMatrixOf<Scalar> dy, ConstVectorOf<Scalar> deviation,
                            MatrixOf<Scalar> dx) {
  require_columns("unstandardize_backward", dy, deviation.size, dx);
  if (dx.empty()) return;
  if (is_only_counted(stream, dy, deviation, dx)) return;
  MYNAH_CALL_TWIN(unstandardize_backward, stream, dy, deviation, dx);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(standardize)
MYNAH_FOR_FLOAT_AND_DOUBLE(standardize_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(unstandardize)
MYNAH_FOR_FLOAT_AND_DOUBLE(unstandardize_backward)

}  // namespace mynah::kernels
