#pragma once

#include <optional>

#include "engine/layer.h"

namespace mynah {

/// Rows of a trained table by their numbers, as torch.nn.Embedding: the input [rows, positions] holds whole numbers in
/// [0, count), the output [rows, positions size] the table's rows side by side. Tensor: "weight" [count, size].
///
/// A number that names no row gives NaN, on every device; check_indices() refuses it beforehand, with its place.
/// padding: a row that is not trained, as torch's padding_idx. Torch also starts it as zeros; here it starts as the
/// other rows do, until somebody writes it.
///
/// With e_ri the row of the identity that index_ri names, y_ri = e_ri W. Backward: dW = Σ_ri e_riᵀ dy_ri, without the
/// padding row. y is constant between whole numbers, so the gradient of the indices is 0. Tangent: ẏ_ri = e_ri Ẇ, with
/// 0 for the padding row. Backward of both: dL/dW = Σ_ri e_riᵀ ȳ_ri; ẏ depends neither on W nor on the indices, so u
/// contributes nothing, and dL/dindices and dL/d(their tangent) are 0.
class Embedding : public LayerOf<Embedding> {
 public:
  /// count in [1, 2²⁴], since indices are floats; size at least 1; padding a row, or none. Errors: input_error.
  Embedding(Index count, Index size, std::optional<Index> padding = std::nullopt);

  std::string kind() const override { return "embedding"; }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;

  /// Checks indices [rows, positions] in host memory. Errors: input_error naming the layer (`place`), row and position
  /// of the first number that is no row of the table.
  void check_indices(const std::string& place, MatrixView<const float> indices) const;

  MYNAH_LAYER_PASSES

 private:
  Index count_;
  Index size_;
  Index padding_;  ///< -1: none
};

}  // namespace mynah
