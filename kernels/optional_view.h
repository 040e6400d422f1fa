#pragma once

#include "kernels/view.h"

/// Arguments that may be left out: views without data.
namespace mynah::kernels {

template <class A, class B>
constexpr bool empty_or_same(MatrixView<A> optional, MatrixView<B> x) {
  return optional.data == nullptr || same_shape(optional, x);
}

template <class T>
constexpr bool empty_or_of(VectorView<T> optional, Index size) {
  return optional.data == nullptr || optional.size == size;
}

}  // namespace mynah::kernels
