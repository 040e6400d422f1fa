#include "kernels/gather.h"

#include <algorithm>

#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"

namespace mynah::kernels::eigen {
namespace {

ConstLabels chosen_rows(ConstLabels rows, const Index* first, Index count) {
  return {rows.data + (first == nullptr ? 0 : first[0]), count};
}

}  // namespace

template <class Scalar>
void gather_rows(Stream&, MatrixView<const Scalar> source, ConstLabels rows, const Index* first,
                 MatrixView<Scalar> out) {
  const ConstLabels chosen = chosen_rows(rows, first, out.rows);
  for (Index i = 0; i < out.rows; ++i) map(out.row(i)) = map(source.row(chosen.data[i]));
}

void gather_labels(Stream&, ConstLabels source, ConstLabels rows, const Index* first, Labels out) {
  const ConstLabels chosen = chosen_rows(rows, first, out.size);
  for (Index i = 0; i < out.size; ++i) out.data[i] = source.data[chosen.data[i]];
}

void gather_label_windows(Stream&, ConstLabels source, Index window, ConstLabels rows, const Index* first, Labels out) {
  const Index count = out.size / window;
  const ConstLabels chosen = chosen_rows(rows, first, count);
  for (Index i = 0; i < count; ++i) std::copy_n(source.data + chosen.data[i], window, out.data + i * window);
}

template <>
void gather_rows<float>(Stream&, ConstMatrix source, ConstLabels rows, const Index* first, Matrix out) {
  using namespace vectorized;
  operations().gather_rows(out.rows, out.columns, rows_of(source), chosen_rows(rows, first, out.rows).data,
                           rows_of(out));
}

void gather_batch(Stream& stream, const BatchSource& source, ConstLabels rows, const Index* first,
                  const BatchPlace& out) {
  eigen::gather_rows<float>(stream, source.inputs, rows, first, out.inputs);
  if (!out.labels.empty()) {
    eigen::gather_labels(stream, source.labels, rows, first, out.labels);
  } else if (!out.values.empty()) {
    eigen::gather_rows<float>(stream, source.values, rows, first, out.values);
  }
}

template void gather_rows(Stream&, MatrixView<const double>, ConstLabels, const Index*, MatrixView<double>);

}  // namespace mynah::kernels::eigen
