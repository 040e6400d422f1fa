#include "algorithms/policy_npz.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "engine/npz.h"
#include "kernels/error.h"

namespace mynah {
namespace {

constexpr float deviation_floor = 1e-6f;  // added to obs_std, as those who trained the networks did

/// The values of an array, all finite; the shape is for the caller to look at.
std::vector<float> finite_values(const NpyArray& array, const std::string& file) {
  std::vector<float> values = npy_to_floats(array, file + ", array '" + array.name + "'");
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    throw input_error(fmt::format("{}, array '{}'", file, array.name), fmt::format("value {} is {}", i, values[i]),
                      "export the network again");
  }
  return values;
}

std::vector<float> vector_of(NpzReader& reader, const std::string& name, Index size) {
  const NpyArray array = reader.read(name);
  if (array.shape.size() != 1 || (size >= 0 ? array.shape[0] != size : array.shape[0] < 1)) {
    throw input_error(
        reader.source() + ", array '" + name + "'",
        fmt::format("has the shape {}, not ({},)", array.shape_text(), size < 0 ? "N" : fmt::to_string(size)),
        "store one value a column");
  }
  return finite_values(array, reader.source());
}

struct HostLayer {
  std::vector<float> weight;  // [outputs, inputs]
  std::vector<float> bias;
};

HostLayer layer_of(NpzReader& reader, Index number, Index inputs) {
  const std::string name = fmt::format("w{}", number);
  const NpyArray array = reader.read(name);
  if (array.shape.size() != 2 || array.shape[0] != inputs || array.shape[1] < 1) {
    throw input_error(reader.source() + ", array '" + name + "'",
                      fmt::format("has the shape {}, not ({}, outputs)", array.shape_text(), inputs),
                      "store weights as [inputs, outputs]");
  }
  const Index outputs = array.shape[1];
  const std::vector<float> stored = finite_values(array, reader.source());
  HostLayer layer;
  layer.weight.resize(stored.size());
  for (Index i = 0; i < inputs; ++i) {
    for (Index o = 0; o < outputs; ++o) {
      layer.weight[static_cast<std::size_t>(o * inputs + i)] = stored[static_cast<std::size_t>(i * outputs + o)];
    }
  }
  layer.bias = vector_of(reader, fmt::format("b{}", number), outputs);
  return layer;
}

/// Layers are numbered without a gap: what lies behind one would silently be left out.
void refuse_layers_beyond(const NpzReader& reader, std::size_t layers) {
  for (const std::string& name : reader.names()) {
    if (name.size() < 2 || (name[0] != 'w' && name[0] != 'b')) continue;
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
    if (error != std::errc() || end != name.data() + name.size() || number < layers) continue;
    throw input_error(reader.source(), fmt::format("holds '{}', but no array 'w{}'", name, layers),
                      "number the layers w0, b0, w1, b1, ... without a gap");
  }
}

}  // namespace

Policy load_npz_policy(const std::filesystem::path& path, DeviceId device) {
  NpzReader reader(path);
  if (!reader.contains("w0") || !reader.contains("obs_mean")) {
    throw input_error(path.string(), "holds no policy: it has no arrays 'obs_mean' and 'w0'",
                      "a policy is a safetensors file of `mynah train`, or an npz file with obs_mean, obs_std, w0, b0, "
                      "w1, b1, ...");
  }
  const std::vector<float> mean = vector_of(reader, "obs_mean", -1);
  const auto columns = static_cast<Index>(mean.size());
  std::vector<float> deviation = vector_of(reader, "obs_std", columns);
  for (float& value : deviation) {
    value += deviation_floor;
    if (!(value > 0.0f)) {
      throw input_error(path.string() + ", array 'obs_std'", "has a negative value", "store standard deviations");
    }
  }
  std::vector<HostLayer> layers;
  Index inputs = columns;
  while (reader.contains(fmt::format("w{}", layers.size()))) {
    layers.push_back(layer_of(reader, static_cast<Index>(layers.size()), inputs));
    inputs = static_cast<Index>(layers.back().bias.size());
  }
  refuse_layers_beyond(reader, layers.size());
  PolicyDescription description;
  description.mlp.inputs = columns;
  description.mlp.hidden.clear();
  for (std::size_t k = 0; k + 1 < layers.size(); ++k) {
    description.mlp.hidden.push_back(static_cast<Index>(layers[k].bias.size()));
  }
  description.mlp.outputs = inputs;
  description.mlp.activation = kernels::Activation::tanh;
  Policy policy(device, std::move(description), 0);
  policy.set_observation_normalization(mean, deviation);
  Parameters& parameters = policy.network().parameters;
  for (std::size_t k = 0; k < layers.size(); ++k) {
    parameters.set(policy.stream(), fmt::format("{}.weight", 2 * k), layers[k].weight);
    parameters.set(policy.stream(), fmt::format("{}.bias", 2 * k), layers[k].bias);
  }
  return policy;
}

}  // namespace mynah
