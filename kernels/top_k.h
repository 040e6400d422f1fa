#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// The k largest values of each row, largest first, and where they stand:
///
///   values [rows, k]      positions [rows, k], contiguous, row-major      x [rows, columns], k <= columns < 2³¹ - 1
///
/// Of equal values (-0 and 0 are equal) the one with the lower position comes first. NaN counts as larger than
/// everything, as torch.topk has it. k is values.columns. Outputs may not overlap x.
void top_k_rows(Stream& stream, ConstMatrix x, Matrix values, Labels positions);

MYNAH_CUDA_TWIN(top_k_rows)

namespace eigen {
void top_k_rows(Stream&, ConstMatrix x, Matrix values, Labels positions);
}  // namespace eigen

}  // namespace mynah::kernels
