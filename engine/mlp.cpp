#include "engine/mlp.h"

#include <array>

#include "engine/layers/linear.h"
#include "kernels/error.h"

namespace mynah {
namespace {

struct NamedActivation {
  const char* name;
  kernels::Activation activation;
};
constexpr std::array<NamedActivation, 2> activations{
    {{"none", kernels::Activation::none}, {"relu", kernels::Activation::relu}}};

}  // namespace

Value add_mlp(Graph& graph, Value input, const MlpOptions& options, const std::string& prefix) {
  Value value = input;
  int position = 0;
  for (const Index width : options.hidden) {
    value = graph.add(prefix + std::to_string(position),
                      std::make_shared<Linear>(width, options.activation, options.initialization), value);
    position += 2;
  }
  return graph.add(prefix + std::to_string(position),
                   std::make_shared<Linear>(options.outputs, kernels::Activation::none, options.initialization), value);
}

kernels::Activation parse_activation(const std::string& name) {
  std::string known;
  for (const auto& one : activations) {
    if (name == one.name) return one.activation;
    known += (known.empty() ? "" : ", ") + std::string(one.name);
  }
  throw input_error("--activation " + name, "is not an activation that mynah has", "use one of: " + known);
}

std::string activation_name(kernels::Activation activation) {
  for (const auto& one : activations) {
    if (activation == one.activation) return one.name;
  }
  throw Error(Error::Cause::internal, "activation", "has no name");
}

}  // namespace mynah
