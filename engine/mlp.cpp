#include "engine/mlp.h"

#include "engine/layers/linear.h"
#include "kernels/error.h"

namespace mynah {

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
  const auto kinds = kernels::activation_kinds();
  for (Index i = 0; i < kinds.size; ++i) {
    const kernels::Activation activation = kinds.data[i];
    if (name == activation.name()) return activation;
  }
  throw input_error("--activation " + name, "is not an activation that mynah has", "use one of: " + activation_names());
}

std::string activation_name(kernels::Activation activation) {
  return activation.name();
}

std::string activation_names() {
  std::string names;
  const auto kinds = kernels::activation_kinds();
  for (Index i = 0; i < kinds.size; ++i) {
    names += (i == 0 ? "" : ", ") + std::string(kernels::Activation(kinds.data[i]).name());
  }
  return names;
}

}  // namespace mynah
