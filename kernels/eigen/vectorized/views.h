#pragma once

#include "kernels/eigen/vectorized/operations.h"
#include "kernels/view.h"

/// From mynah's views to the plain pointers of operations.h; for the twins, not for the vectorised sources.
namespace mynah::kernels::eigen::vectorized {

inline ConstRows rows_of(ConstMatrix view) {
  return {view.data, view.stride};
}
inline Rows rows_of(Matrix view) {
  return {view.data, view.stride};
}

}  // namespace mynah::kernels::eigen::vectorized
