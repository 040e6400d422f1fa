#include "engine/adam.h"

namespace mynah {

Adam::Adam(Stream& stream, const Parameters& parameters, const Options& options)
    : Optimizer(stream, options.constants.decoupled ? "adamw" : "adam", parameters, options.learning_rate,
                options.common, {"first_moment", "second_moment"}),
      constants_(options.constants) {}

void Adam::apply(Stream& stream, const float* learning_rate, const float* gradient_scale) const {
  kernels::adam_step(stream, constants_, learning_rate, step_counter(), parameters().trained(), parameters().gradient(),
                     first_moment(), second_moment(), gradient_scale);
}

std::string Adam::find_resident_step(kernels::MlpObjective& objective, kernels::MlpMember& member) const {
  if (constants_.epsilon == 0.0) return "adam's epsilon is 0";
  objective.adam = constants_;
  member.first_moment = first_moment().data;
  member.second_moment = second_moment().data;
  member.weight_decay = constants_.weight_decay;
  return {};
}

}  // namespace mynah
