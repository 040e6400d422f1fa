#include "kernels/gather.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void gather_rows(Stream& stream, ConstMatrixOf<Scalar> source, ConstLabels rows, const Index* first,
                 MatrixOf<Scalar> out) {
  require(source.columns == out.columns, "gather_rows", "out [count, columns] for source [source_rows, columns]");
  require(out.rows <= rows.size, "gather_rows", "no more rows in out than row numbers");
  if (out.empty()) return;
  if (is_only_counted(stream, source.middle_rows(0, out.rows), ConstLabels{rows.data, out.rows}, first, out)) return;
  MYNAH_CALL_TWIN(gather_rows, stream, source, rows, first, out);
}

void gather_labels(Stream& stream, ConstLabels source, ConstLabels rows, const Index* first, Labels out) {
  require(out.size <= rows.size, "gather_labels", "no more labels in out than row numbers");
  if (out.empty()) return;
  if (is_only_counted(stream, ConstLabels{source.data, out.size}, ConstLabels{rows.data, out.size}, first, out)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(gather_labels, stream, source, rows, first, out);
  eigen::gather_labels(stream, source, rows, first, out);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(gather_rows)

}  // namespace mynah::kernels
