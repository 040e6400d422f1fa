#pragma once

#include "engine/optimizer.h"
#include "kernels/optimizer.h"

namespace mynah {

/// Stochastic gradient descent, with momentum if asked for, over all trained tensors of a network in one launch.
class Sgd final : public Optimizer {
 public:
  struct Options {
    double learning_rate = 1e-2;
    kernels::SgdOptions constants = {};
    OptimizerOptions common = {};
  };

  /// Errors: input_error for nesterov without momentum, and those of Optimizer.
  Sgd(Stream& stream, const Parameters& parameters, const Options& options);

  std::string name() const override { return "sgd"; }

 private:
  void apply(Stream& stream, const float* learning_rate, const float* gradient_scale) const override;
  std::string find_resident_step(kernels::MlpObjective& objective, kernels::MlpMember& member) const override;

  kernels::SgdOptions constants_;
};

}  // namespace mynah
