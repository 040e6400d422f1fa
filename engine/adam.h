#pragma once

#include "engine/parameters.h"
#include "kernels/optimizer.h"

namespace mynah {

/// Adam over all trained tensors of a network in one launch. Its step number and learning rate live in device memory.
class Adam {
 public:
  struct Options {
    double learning_rate = 1e-3;
    kernels::AdamOptions constants = {};
  };

  /// The parameters must outlive it and keep their place.
  Adam(Stream& stream, const Parameters& parameters, const Options& options);

  /// Counts one step and applies the gradient that stands in the parameters' gradient buffer.
  void step(Stream& stream) const;

  void set_learning_rate(Stream& stream, double learning_rate);
  Index steps(Stream& stream) const { return steps_.download(stream)[0]; }

  /// First and second moments, [trained values with padding]; the step number as "step".
  void save(Stream& stream, SafetensorsFile& file, const std::string& prefix) const;
  void load(Stream& stream, const SafetensorsFile& file, const std::string& prefix);

  Vector first_moment() const { return first_moment_.view(); }
  Vector second_moment() const { return second_moment_.view(); }

 private:
  const Parameters* parameters_;
  kernels::AdamOptions constants_;
  Buffer<float> learning_rate_;
  Buffer<Index> steps_;
  Buffer<float> first_moment_;
  Buffer<float> second_moment_;
};

}  // namespace mynah
