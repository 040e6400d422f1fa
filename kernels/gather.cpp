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

void gather_label_windows(Stream& stream, ConstLabels source, Index window, ConstLabels rows, const Index* first,
                          Labels out) {
  require(window >= 1 && out.size % window == 0, "gather_label_windows",
          "out [count window] for a window of 1 or more");
  require(out.size / window <= rows.size, "gather_label_windows", "no more windows in out than row numbers");
  if (out.empty()) return;
  if (is_only_counted(stream, ConstLabels{source.data, out.size}, ConstLabels{rows.data, out.size / window}, first,
                      out)) {
    return;
  }
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(gather_label_windows, stream, source, window, rows, first, out);
  }
  eigen::gather_label_windows(stream, source, window, rows, first, out);
}

void gather_batch(Stream& stream, const BatchSource& source, ConstLabels rows, const Index* first,
                  const BatchPlace& out) {
  const Index count = out.inputs.rows;
  const bool labels = !out.labels.empty();
  require(source.inputs.columns == out.inputs.columns, "gather_batch", "inputs [count, columns]");
  require(labels ? out.labels.size == count && out.values.empty() : out.values.rows == count, "gather_batch",
          "as many values, or labels, as inputs");
  require(labels || source.values.columns == out.values.columns, "gather_batch", "values [count, columns]");
  require(count <= rows.size, "gather_batch", "no more rows in out than row numbers");
  if (count == 0) return;
  const ConstMatrix values = labels ? ConstMatrix{} : source.values.middle_rows(0, count);
  const ConstLabels chosen = labels ? ConstLabels{source.labels.data, count} : ConstLabels{};
  if (is_only_counted(stream, source.inputs.middle_rows(0, count), values, chosen, ConstLabels{rows.data, count}, first,
                      out.inputs, out.values, out.labels)) {
    return;
  }
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(gather_batch, stream, source, rows, first, out);
  eigen::gather_batch(stream, source, rows, first, out);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(gather_rows)

}  // namespace mynah::kernels
