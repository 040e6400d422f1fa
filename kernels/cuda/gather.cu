#include "kernels/gather.h"

#include "kernels/cuda/map.h"

namespace mynah::kernels::cuda {
namespace {

/// Limited by memory, and by latency where rows are short: row number, then row. Neighbouring threads copy neighbouring
/// columns, so each row is read in whole sectors; the row number is the same for all of them and comes from L1.
struct GatherRows {
  ConstMatrix source;
  ConstLabels rows;
  const Index* first;
  Matrix out;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Index from = rows.data[(first == nullptr ? 0 : first[0]) + row];
    store<width>(out.data + row * out.stride + column, load<width>(source.data + from * source.stride + column));
  }
};

struct GatherLabels {
  ConstLabels source;
  ConstLabels rows;
  const Index* first;
  Labels out;
  template <int width>
  __device__ void at(Index, Index column) const {
    out.data[column] = source.data[rows.data[(first == nullptr ? 0 : first[0]) + column]];
  }
};

struct GatherLabelWindows {
  ConstLabels source;
  Index window;
  ConstLabels rows;
  const Index* first;
  Labels out;
  template <int width>
  __device__ void at(Index row, Index column) const {
    out.data[row * window + column] = source.data[rows.data[(first == nullptr ? 0 : first[0]) + row] + column];
  }
};

/// Inputs and targets side by side: columns of the map up to `split` are those of the inputs, rounded up to a pack, the
/// others those of the values, or the label. One launch for two, in whose rows the number is looked up once.
struct GatherBatch {
  BatchSource source;
  ConstLabels rows;
  const Index* first;
  BatchPlace out;
  Index split;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Index from = rows.data[(first == nullptr ? 0 : first[0]) + row];
    if (column < split) {
      copy<width>(source.inputs, from, out.inputs, row, column);
    } else if (out.labels.data != nullptr) {
      if (column == split) out.labels.data[row] = source.labels.data[from];
    } else {
      copy<width>(source.values, from, out.values, row, column - split);
    }
  }
  template <int width>
  __device__ static void copy(const ConstMatrix& matrix, Index from, const Matrix& to, Index row, Index column) {
    const float* const x = matrix.data + from * matrix.stride;
    float* const y = to.data + row * to.stride;
    if (column + width <= to.columns) return store<width>(y + column, load<width>(x + column));
    for (Index rest = column; rest < to.columns; ++rest) y[rest] = x[rest];
  }
};

}  // namespace

void gather_batch(Stream& stream, const BatchSource& source, ConstLabels rows, const Index* first,
                  const BatchPlace& out) {
  const bool labels = !out.labels.empty();
  const bool packs = allows_packs(source.inputs) && allows_packs(out.inputs) &&
                     (labels || (allows_packs(source.values) && allows_packs(out.values)));
  const Index width = packs ? 4 : 1;
  const Index split = ceil_divide(out.inputs.columns, width) * width;
  const Index columns = split + (labels ? width : ceil_divide(out.values.columns, width) * width);
  map(stream, "gather_batch", out.inputs.rows, columns, packs, GatherBatch{source, rows, first, out, split});
}

void gather_rows(Stream& stream, ConstMatrix source, ConstLabels rows, const Index* first, Matrix out) {
  map(stream, "gather_rows", out.rows, out.columns, allows_packs(source) && allows_packs(out),
      GatherRows{source, rows, first, out});
}

void gather_labels(Stream& stream, ConstLabels source, ConstLabels rows, const Index* first, Labels out) {
  map_singly(stream, "gather_labels", out.size, GatherLabels{source, rows, first, out});
}

void gather_label_windows(Stream& stream, ConstLabels source, Index window, ConstLabels rows, const Index* first,
                          Labels out) {
  map(stream, "gather_label_windows", out.size / window, window, false,
      GatherLabelWindows{source, window, rows, first, out});
}

}  // namespace mynah::kernels::cuda
