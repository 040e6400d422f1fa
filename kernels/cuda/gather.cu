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

}  // namespace

void gather_rows(Stream& stream, ConstMatrix source, ConstLabels rows, const Index* first, Matrix out) {
  map(stream, "gather_rows", out.rows, out.columns, allows_packs(source) && allows_packs(out),
      GatherRows{source, rows, first, out});
}

void gather_labels(Stream& stream, ConstLabels source, ConstLabels rows, const Index* first, Labels out) {
  map_singly(stream, "gather_labels", out.size, GatherLabels{source, rows, first, out});
}

}  // namespace mynah::kernels::cuda
