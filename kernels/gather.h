#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// out_i = source[rows[first + i]] for i in [0, out.rows)
///
/// source [source_rows, columns], rows: row numbers in [0, source_rows) (not checked), out [count, columns].
/// first: one Index in device memory (so that a recorded plan walks through an epoch), or null for 0;
/// first + count <= rows.size. out may not overlap source.
template <class Scalar = float>
void gather_rows(Stream& stream, ConstMatrixOf<Scalar> source, ConstLabels rows, const Index* first,
                 MatrixOf<Scalar> out);

/// The same for class indices: out_i = source[rows[first + i]]. source [source_rows], out [count].
void gather_labels(Stream& stream, ConstLabels source, ConstLabels rows, const Index* first, Labels out);

/// The same for `window` labels in a row: out_(i window + s) = source[rows[first + i] + s] for s in [0, window): what
/// gather_rows does for a matrix whose rows overlap. source [any size], rows: numbers in [0, source.size - window] (not
/// checked), out [count window].
void gather_label_windows(Stream& stream, ConstLabels source, Index window, ConstLabels rows, const Index* first,
                          Labels out);

/// A data set, or a batch of it: inputs and, row by row, either target values or class indices.
struct BatchSource {
  ConstMatrix inputs;
  ConstMatrix values;  ///< No columns where targets are classes.
  ConstLabels labels;  ///< Empty where they are values.
};
struct BatchPlace {
  Matrix inputs;
  Matrix values;
  Labels labels;
};

/// The rows of a batch in one launch: gather_rows of the inputs, and gather_rows of the values or gather_labels of the
/// labels, from the same place on.
void gather_batch(Stream& stream, const BatchSource& source, ConstLabels rows, const Index* first,
                  const BatchPlace& out);

MYNAH_CUDA_TWIN_OF_FLOATS(gather_rows)
MYNAH_CUDA_TWIN(gather_labels)
MYNAH_CUDA_TWIN(gather_label_windows)
MYNAH_CUDA_TWIN(gather_batch)

namespace eigen {
template <class Scalar>
void gather_rows(Stream&, MatrixView<const Scalar> source, ConstLabels rows, const Index* first,
                 MatrixView<Scalar> out);
void gather_labels(Stream&, ConstLabels source, ConstLabels rows, const Index* first, Labels out);
void gather_label_windows(Stream&, ConstLabels source, Index window, ConstLabels rows, const Index* first, Labels out);
void gather_batch(Stream&, const BatchSource& source, ConstLabels rows, const Index* first, const BatchPlace& out);
}  // namespace eigen

}  // namespace mynah::kernels
