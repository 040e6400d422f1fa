#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/linear_tuning.h"

namespace mynah::tests {

/// One product of a linear layer, in memory as the engine lays it out: rows of values and gradients begin at multiples
/// of four floats, rows of weights follow each other.
struct LayerProduct {
  kernels::cuda::LinearProduct product = kernels::cuda::LinearProduct::forward;
  kernels::Precision precision = kernels::Precision::float32;
  Index rows = 0;
  Index inputs = 0;
  Index outputs = 0;
  friend bool operator==(const LayerProduct&, const LayerProduct&) = default;
};

struct TunerOptions {
  /// Operands change from call to call, through as many copies as a large L2 cache does not hold (64 at most, where
  /// they are small); else it is the same ones again and again.
  bool cold = true;
  int rounds = 7;  ///< In which the contestants take turns; 5 or more.
};

/// Everyone who computed a product.
struct Contestant {
  std::string name;                                        ///< "medium", "small in 4 parts", "cuBLASLt".
  std::optional<kernels::cuda::LinearChoice> choice = {};  ///< Of ours.
  double microseconds = 0.0;                               ///< Median of the rounds; 0: not timed.
  std::string problem = {};  ///< Why it was not timed: an error, or a result that is not the product.
};

struct ProductContest {
  kernels::LinearKey key;
  Index copies = 1;                     ///< Of the operands.
  std::vector<Contestant> contestants;  ///< The rule's choice first, the other library last.
  std::size_t winner = 0;               ///< Of ours; the rule's, unless another is faster by more than noise.
  bool wrong = false;                   ///< A contestant's result is not the product.

  const Contestant& rule() const { return contestants.front(); }
  const Contestant& best() const { return contestants[winner]; }
  /// cuBLASLt, if it is here.
  const Contestant* rival() const { return contestants.back().choice ? nullptr : &contestants.back(); }
  TunedProduct tuned() const;
};

/// Times every candidate (kernels::linear_candidates) for a product on a CUDA device, and cuBLASLt where the build has
/// it; compares all results with the CPU's. Changes which choices are in use, and leaves none.
ProductContest hold_contest(DeviceId device, const LayerProduct& product, const TunerOptions& options);

}  // namespace mynah::tests
