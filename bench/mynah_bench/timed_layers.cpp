#include "bench/mynah_bench/timed_layers.h"

#include <sstream>

#include "engine/layers/conv2d.h"
#include "engine/layers/conv_transpose2d.h"
#include "engine/layers/gru.h"
#include "engine/layers/layer_norm.h"
#include "engine/layers/linear.h"
#include "engine/layers/nonlinearity.h"
#include "engine/mlp.h"
#include "kernels/error.h"

namespace mynah::bench {

LayerSpec::LayerSpec(const std::string& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  kind_ = text.substr(0, colon);
  std::istringstream rest(colon < text.size() ? text.substr(colon + 1) : "");
  for (std::string option; std::getline(rest, option, ',');) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos) throw input_error("layer", "'" + option + "' is not NAME=VALUE");
    options_[option.substr(0, equals)] = option.substr(equals + 1);
  }
}

std::string LayerSpec::text(const std::string& name) {
  const auto found = options_.find(name);
  if (found == options_.end()) throw input_error("layer", kind_ + " needs " + name + "=...");
  used_.insert(name);
  return found->second;
}

Index LayerSpec::parse_number(const std::string& name, const std::string& value) const {
  try {
    return std::stoll(value);
  } catch (const std::exception&) {
    throw input_error("layer", name + "=" + value + " is no number");
  }
}

void LayerSpec::expect_all_used() const {
  for (const auto& [name, value] : options_) {
    if (used_.count(name) == 0) throw input_error("layer", kind_ + " has no option '" + name + "'");
  }
}

namespace {

TimedLayer linear(LayerSpec& spec) {
  const kernels::Activation activation = parse_activation(spec.text("activation", "none"));
  return {std::make_shared<Linear>(spec.number("out"), activation), spec.number("in")};
}

TimedLayer nonlinearity(LayerSpec& spec) {
  return {std::make_shared<Nonlinearity>(parse_activation(spec.text("activation"))), spec.number("columns")};
}

/// Square kernels, as Conv2d and ConvTranspose2d take them alike.
template <class Convolution, class Options>
TimedLayer convolution(LayerSpec& spec) {
  Options options;
  options.in_channels = spec.number("in");
  options.in_height = spec.number("height");
  options.in_width = spec.number("width");
  options.out_channels = spec.number("out");
  options.kernel = spec.number("kernel");
  options.stride = spec.number("stride", 1);
  options.padding = spec.number("padding", 0);
  return {std::make_shared<Convolution>(options), options.in_channels * options.in_height * options.in_width};
}

TimedLayer gru(LayerSpec& spec) {
  const Index steps = spec.number("steps");
  return {std::make_shared<Gru>(steps, spec.number("hidden")), steps * spec.number("features")};
}

TimedLayer layer_norm(LayerSpec& spec) {
  return {std::make_shared<LayerNorm>(), spec.number("columns")};
}

}  // namespace

TimedLayer make_timed_layer(LayerSpec& spec) {
  static const std::map<std::string, TimedLayer (*)(LayerSpec&)> factories = {
      {"conv2d", convolution<Conv2d, Conv2dOptions>},
      {"conv_transpose2d", convolution<ConvTranspose2d, ConvTranspose2dOptions>},
      {"gru", gru},
      {"layer_norm", layer_norm},
      {"linear", linear},
      {"nonlinearity", nonlinearity},
  };
  const auto found = factories.find(spec.kind());
  if (found == factories.end()) {
    std::string known;
    for (const auto& [name, factory] : factories) known += " " + name;
    throw input_error("layer", "'" + spec.kind() + "' is not one of" + known);
  }
  TimedLayer result = found->second(spec);
  spec.expect_all_used();
  return result;
}

}  // namespace mynah::bench
