#include "kernels/elementwise.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void fill(Stream& stream, VectorOf<Scalar> x, float value) {
  if (x.empty()) return;
  if (is_only_counted(stream, x)) return;
  MYNAH_CALL_TWIN(fill, stream, x, value);
}

template <class Scalar>
void zero(Stream& stream, MatrixOf<Scalar> x) {
  if (x.empty()) return;
  if (is_only_counted(stream, x)) return;
  MYNAH_CALL_TWIN(zero, stream, x);
}

template <class Scalar>
void add(Stream& stream, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y) {
  require(same_shape(x, y), "add", "x and y of one shape");
  if (y.empty()) return;
  if (is_only_counted(stream, x, changed(y))) return;
  MYNAH_CALL_TWIN(add, stream, x, y);
}

template <class Scalar>
void copy(Stream& stream, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y) {
  require(same_shape(x, y), "copy", "x and y of one shape");
  if (y.empty()) return;
  if (is_only_counted(stream, x, y)) return;
  MYNAH_CALL_TWIN(copy, stream, x, y);
}

void advance(Stream& stream, Index* counter, Index amount) {
  require(counter != nullptr, "advance", "a counter");
  if (is_only_counted(stream, changed(counter))) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(advance, stream, counter, amount);
  eigen::advance(stream, counter, amount);
}

void set_counters(Stream& stream, VectorView<Index> counters, Index value) {
  if (counters.empty()) return;
  if (is_only_counted(stream, counters)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(set_counters, stream, counters, value);
  eigen::set_counters(stream, counters, value);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(fill)
MYNAH_FOR_FLOAT_AND_DOUBLE(zero)
MYNAH_FOR_FLOAT_AND_DOUBLE(add)
MYNAH_FOR_FLOAT_AND_DOUBLE(copy)

}  // namespace mynah::kernels
