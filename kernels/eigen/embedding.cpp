#include "kernels/embedding.h"

#include <limits>

#include "kernels/eigen/map.h"
#include "kernels/embedding_index.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void embedding_forward(Stream&, ConstMatrixOf<Scalar> indices, ConstMatrixOf<Scalar> table, MatrixOf<Scalar> y,
                       Index constant_row) {
  for (Index r = 0; r < indices.rows; ++r) {
    for (Index i = 0; i < indices.columns; ++i) {
      const Index t = embedding_index(indices.row(r).data[i], table.rows);
      auto place = map(y.middle_columns(i * table.columns, table.columns).row(r));
      if (t < 0) {
        place.setConstant(std::numeric_limits<Scalar>::quiet_NaN());
      } else if (t == constant_row) {
        place.setZero();
      } else {
        place = map(table.row(t));
      }
    }
  }
}

template <class Scalar>
void embedding_backward(Stream&, ConstMatrixOf<Scalar> indices, ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dtable,
                        Index constant_row) {
  for (Index r = 0; r < indices.rows; ++r) {
    for (Index i = 0; i < indices.columns; ++i) {
      const Index t = embedding_index(indices.row(r).data[i], dtable.rows);
      if (t < 0 || t == constant_row) continue;
      map(dtable.row(t)) += map(dy.middle_columns(i * dtable.columns, dtable.columns).row(r));
    }
  }
}

MYNAH_FOR_FLOAT_AND_DOUBLE(embedding_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(embedding_backward)

}  // namespace mynah::kernels::eigen
