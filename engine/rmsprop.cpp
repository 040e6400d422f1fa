#include "engine/rmsprop.h"

namespace mynah {
namespace {

/// "square_average", then "momentum" and "gradient_average" where they are used.
std::vector<std::string> states_of(const kernels::RmsPropOptions& constants) {
  std::vector<std::string> states{"square_average"};
  if (constants.momentum != 0.0) states.emplace_back("momentum");
  if (constants.centered) states.emplace_back("gradient_average");
  return states;
}

}  // namespace

RmsProp::RmsProp(Stream& stream, const Parameters& parameters, const Options& options)
    : Optimizer(stream, "rmsprop", parameters, options.learning_rate, options.common, states_of(options.constants)),
      constants_(options.constants) {}

void RmsProp::apply(Stream& stream, const float* learning_rate, const float* gradient_scale) const {
  const bool with_momentum = constants_.momentum != 0.0;
  kernels::rmsprop_step(stream, constants_, learning_rate, parameters().trained(), parameters().gradient(), state(0),
                        with_momentum ? state(1) : Vector{},
                        constants_.centered ? state(with_momentum ? 2 : 1) : Vector{}, gradient_scale);
}

}  // namespace mynah
