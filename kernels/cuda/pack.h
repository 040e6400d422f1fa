#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/view.h"

namespace mynah::kernels::cuda {

/// One or four neighbouring floats of a row. Four are one 128-bit access, what memory-bound kernels need to keep enough
/// bytes in flight.
template <int width>
struct Pack {
  float value[width];
};

template <int width>
__device__ __forceinline__ Pack<width> load(const float* from) {
  if constexpr (width == 4) {
    const float4 four = *reinterpret_cast<const float4*>(from);
    return {{four.x, four.y, four.z, four.w}};
  } else if constexpr (width == 2) {
    const float2 two = *reinterpret_cast<const float2*>(from);
    return {{two.x, two.y}};
  } else {
    return {{*from}};
  }
}

template <int width>
__device__ __forceinline__ void store(float* to, const Pack<width>& pack) {
  if constexpr (width == 4) {
    *reinterpret_cast<float4*>(to) = make_float4(pack.value[0], pack.value[1], pack.value[2], pack.value[3]);
  } else if constexpr (width == 2) {
    *reinterpret_cast<float2*>(to) = make_float2(pack.value[0], pack.value[1]);
  } else {
    *to = pack.value[0];
  }
}

/// Whether every row of the matrix may be read four floats at a time.
template <class T>
bool allows_packs(MatrixView<T> x) {
  return reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0 && (x.stride % 4 == 0 || x.rows <= 1);
}

template <class T>
bool allows_packs(VectorView<T> x) {
  return reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0;
}

/// Whether the matrix has no gaps, so that it can be taken as one long row.
template <class T>
bool is_contiguous(MatrixView<T> x) {
  return x.stride == x.columns || x.rows <= 1;
}

}  // namespace mynah::kernels::cuda
