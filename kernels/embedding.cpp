#include "kernels/embedding.h"

#include <limits>

#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void embedding_forward(Stream& stream, ConstMatrixOf<Scalar> indices, ConstMatrixOf<Scalar> table, MatrixOf<Scalar> y,
                       Index constant_row) {
  require(y.rows == indices.rows && y.columns == indices.columns * table.columns, "embedding_forward",
          "indices [rows, positions], table [count, size] and y [rows, positions size]");
  require(constant_row >= -1 && constant_row < table.rows, "embedding_forward",
          "constant_row a row of the table, or -1");
  if (y.empty()) return;
  if (is_only_counted(stream, indices, VectorView<const Scalar>{table.data, y.rows * y.columns}, y)) return;
  MYNAH_CALL_TWIN(embedding_forward, stream, indices, table, y, constant_row);
}

template <class Scalar>
void embedding_backward(Stream& stream, ConstMatrixOf<Scalar> indices, ConstMatrixOf<Scalar> dy,
                        MatrixOf<Scalar> dtable, Index constant_row) {
  require(dy.rows == indices.rows && dy.columns == indices.columns * dtable.columns, "embedding_backward",
          "indices [rows, positions], dtable [count, size] and dy [rows, positions size]");
  require(constant_row >= -1 && constant_row < dtable.rows, "embedding_backward",
          "constant_row a row of the table, or -1");
  require(indices.columns == 0 || indices.rows <= std::numeric_limits<std::int32_t>::max() / indices.columns,
          "embedding_backward", "at most 2147483647 indices");
  if (dy.empty() || dtable.empty()) return;
  if (is_only_counted(stream, indices, dy, changed(VectorView<Scalar>{dtable.data, dy.rows * dy.columns}))) return;
  MYNAH_CALL_TWIN(embedding_backward, stream, indices, dy, dtable, constant_row);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(embedding_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(embedding_backward)

}  // namespace mynah::kernels
