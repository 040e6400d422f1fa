#pragma once

#include "engine/optimizer.h"
#include "kernels/optimizer.h"

namespace mynah {

/// RMSprop over all trained tensors of a network in one launch.
class RmsProp final : public Optimizer {
 public:
  struct Options {
    double learning_rate = 1e-2;
    kernels::RmsPropOptions constants = {};
    OptimizerOptions common = {};
  };

  RmsProp(Stream& stream, const Parameters& parameters, const Options& options);

  std::string name() const override { return "rmsprop"; }

 private:
  void apply(Stream& stream, const float* learning_rate, const float* gradient_scale) const override;

  kernels::RmsPropOptions constants_;
};

}  // namespace mynah
