#pragma once

#include "kernels/view.h"

namespace mynah::kernels::eigen {

/// row(m) for every m in [0, rows), in order.
template <class Row>
void for_each_row(Index rows, const Row& row) {
  for (Index m = 0; m < rows; ++m) row(m);
}

}  // namespace mynah::kernels::eigen
