#include "engine/sgd.h"

#include "kernels/error.h"

namespace mynah {
namespace {

std::vector<std::string> states_of(const kernels::SgdOptions& constants) {
  if (constants.momentum == 0.0) return {};
  return {"momentum"};
}

}  // namespace

Sgd::Sgd(Stream& stream, const Parameters& parameters, const Options& options)
    : Optimizer(stream, "sgd", parameters, options.learning_rate, options.common, states_of(options.constants)),
      constants_(options.constants) {
  if (constants_.nesterov && constants_.momentum == 0.0) {
    throw input_error("optimizer sgd", "nesterov is set, but there is no momentum", "give a momentum, such as 0.9");
  }
}

void Sgd::apply(Stream& stream, const float* learning_rate, const float* gradient_scale) const {
  kernels::sgd_step(stream, constants_, learning_rate, parameters().trained(), parameters().gradient(),
                    constants_.momentum == 0.0 ? Vector{} : state(0), gradient_scale);
}

std::string Sgd::find_resident_step(kernels::MlpObjective& objective, kernels::MlpMember& member) const {
  objective.descends = true;
  objective.sgd = constants_;
  if (constants_.momentum != 0.0) member.first_moment = state(0).data;
  member.weight_decay = constants_.weight_decay;
  return {};
}

}  // namespace mynah
