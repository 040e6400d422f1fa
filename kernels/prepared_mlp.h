#pragma once

#include <vector>

#include "kernels/mlp_inference.h"

namespace mynah::kernels {

/// kernels::infer_mlp for one row or a few on the CPU, with nothing between the caller and the arithmetic: weights laid
/// out once, all memory its own. run() and prepare() allocate nothing, take no lock and make no system call.
///
/// It has copies of everything and sees no change of the originals: whoever changes them prepares it again.
/// Move-only; used by one thread at a time.
class PreparedMlp {
 public:
  /// Rows go through the layers `rows` at a time, at least 1.
  PreparedMlp(const MlpShape& shape, Index rows);

  /// Takes over the parameters and what stands at the ends, in the CPU's memory. Errors: as infer_mlp.
  void prepare(const float* parameters, const MlpEnds& ends);

  /// As infer_mlp, any number of rows; sums in another order. prepare() comes before. Errors: as infer_mlp.
  void run(ConstMatrix x, Matrix y);

  Index inputs() const { return shape_.inputs; }
  Index outputs() const { return shape_.outputs(); }

 private:
  void run_tile(ConstMatrix x, Matrix y);

  MlpShape shape_;
  Index rows_;
  Stream stream_;
  bool prepared_ = false;
  std::vector<float> memory_;
  float* input_ = nullptr;  // [rows, input_length_], with zeros behind the inputs
  Index input_length_ = 0;
  float* values_[2] = {};  // [rows, length_]
  Index length_ = 0;
  float* packed_ = nullptr;  // the layers one behind the other
  float* ends_ = nullptr;    // those that are there, one behind the other
  MlpEnds own_ends_;
};

}  // namespace mynah::kernels
