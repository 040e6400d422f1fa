#include "kernels/elementwise.h"

#include "kernels/cuda/map.h"

namespace mynah::kernels::cuda {
namespace {

// Limited by memory: 4, 4, 12 and 8 bytes an element.

struct Fill {
  float value;
  Vector x;
  template <int width>
  __device__ void at(Index, Index column) const {
    Pack<width> pack;
    for (float& element : pack.value) element = value;
    store<width>(x.data + column, pack);
  }
};

struct Zero {
  Matrix x;
  template <int width>
  __device__ void at(Index row, Index column) const {
    store<width>(x.data + row * x.stride + column, Pack<width>{});
  }
};

struct Add {
  ConstMatrix x;
  Matrix y;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Pack<width> addend = load<width>(x.data + row * x.stride + column);
    float* to = y.data + row * y.stride + column;
    Pack<width> sum = load<width>(to);
    for (int i = 0; i < width; ++i) sum.value[i] += addend.value[i];
    store<width>(to, sum);
  }
};

struct Copy {
  ConstMatrix x;
  Matrix y;
  template <int width>
  __device__ void at(Index row, Index column) const {
    store<width>(y.data + row * y.stride + column, load<width>(x.data + row * x.stride + column));
  }
};

struct SetCounters {
  VectorView<Index> counters;
  Index value;
  template <int width>
  __device__ void at(Index, Index column) const {
    counters.data[column] = value;
  }
};

/// One thread: the cost is the launch, which a recorded plan all but hides.
__global__ void advance_kernel(EarlierWork earlier, Index* counter, Index amount) {
  earlier.wait();
  counter[0] += amount;
}

}  // namespace

void fill(Stream& stream, Vector x, float value) {
  map(stream, "fill", 1, x.size, allows_packs(x), Fill{value, x});
}

void zero(Stream& stream, Matrix x) {
  map_matrices(stream, "zero", x.rows, x.columns, Zero{x}, x);
}

void add(Stream& stream, ConstMatrix x, Matrix y) {
  map_matrices(stream, "add", y.rows, y.columns, Add{x, y}, x, y);
}

void copy(Stream& stream, ConstMatrix x, Matrix y) {
  map_matrices(stream, "copy", y.rows, y.columns, Copy{x, y}, x, y);
}

void advance(Stream& stream, Index* counter, Index amount) {
  launch(stream, "advance", {}, advance_kernel, counter, amount);
}

void set_counters(Stream& stream, VectorView<Index> counters, Index value) {
  map_singly(stream, "set_counters", counters.size, SetCounters{counters, value});
}

}  // namespace mynah::kernels::cuda
