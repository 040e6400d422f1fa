#pragma once

#include "engine/optimizer.h"
#include "kernels/optimizer.h"

namespace mynah {

/// Adam over all trained tensors of a network in one launch; AdamW with constants.decoupled.
class Adam final : public Optimizer {
 public:
  struct Options {
    double learning_rate = 1e-3;
    kernels::AdamOptions constants = {};
    OptimizerOptions common = {};
  };

  Adam(Stream& stream, const Parameters& parameters, const Options& options);

  std::string name() const override { return constants_.decoupled ? "adamw" : "adam"; }

  /// Saved as "first_moment" and "second_moment".
  Vector first_moment() const { return state(0); }
  Vector second_moment() const { return state(1); }

 private:
  void apply(Stream& stream, const float* learning_rate, const float* gradient_scale) const override;
  std::string find_resident_step(kernels::MlpObjective& objective, kernels::MlpMember& member) const override;

  kernels::AdamOptions constants_;
};

}  // namespace mynah
