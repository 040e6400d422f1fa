#include "algorithms/policy_export.h"

#include "engine/run_folder.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// One linear layer on the host.
struct HostLinear {
  std::string name;
  std::vector<float> weight;  // [outputs, inputs]
  std::vector<float> bias;
  std::size_t inputs = 0;
};

void fold_into_first(HostLinear& layer, const std::vector<float>& mean, const std::vector<float>& deviation) {
  for (std::size_t o = 0; o < layer.bias.size(); ++o) {
    double bias = layer.bias[o];
    for (std::size_t i = 0; i < layer.inputs; ++i) {
      const double scaled = static_cast<double>(layer.weight[o * layer.inputs + i]) / deviation[i];
      bias -= scaled * mean[i];
      layer.weight[o * layer.inputs + i] = static_cast<float>(scaled);
    }
    layer.bias[o] = static_cast<float>(bias);
  }
}

void fold_into_last(HostLinear& layer, const std::vector<float>& mean, const std::vector<float>& deviation) {
  for (std::size_t o = 0; o < layer.bias.size(); ++o) {
    for (std::size_t i = 0; i < layer.inputs; ++i) layer.weight[o * layer.inputs + i] *= deviation[o];
    layer.bias[o] = static_cast<float>(static_cast<double>(deviation[o]) * layer.bias[o] + mean[o]);
  }
}

/// Of a head that is a distribution: the last layer gives the logarithms of the deviations themselves, also of those
/// that do not depend on the observation, which become outputs without weights.
void fold_deviations(Policy& policy, HostLinear& layer, std::string& sequential) {
  const auto outputs = static_cast<std::size_t>(policy.parameter_size());
  const std::string old_size = ", " + std::to_string(layer.bias.size()) + ")";
  if (layer.bias.size() < outputs) {
    const auto own = policy.network().parameters.get(policy.stream(), "log_deviation.value");
    layer.bias.insert(layer.bias.end(), own.begin(), own.end());
    layer.weight.resize(outputs * layer.inputs, 0.0f);
  }
  sequential.replace(sequential.size() - old_size.size(), old_size.size(), ", " + std::to_string(outputs) + ")");
  const std::vector<float> log_scale = policy.log_scale();
  const std::size_t deviations = log_scale.size() * static_cast<std::size_t>(policy.description().head.components());
  for (std::size_t i = 0; i < deviations; ++i) {
    layer.bias[outputs - deviations + i] += log_scale[i % log_scale.size()];
  }
}

}  // namespace

std::filesystem::path find_policy(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return path;
  auto policy = path / "policy.safetensors";
  if (std::filesystem::exists(policy)) return policy;
  if (RunFolder::is_run(path)) {
    throw input_error(path.string(), "this run has no policy yet: it was stopped before its end",
                      "finish it with `mynah resume " + path.string() + "`");
  }
  throw input_error(path.string(), "is a folder without a policy", "name a run folder or a policy.safetensors file");
}

std::vector<std::filesystem::path> find_members(const std::filesystem::path& path) {
  const std::filesystem::path first = find_policy(path);
  if (!RunFolder::is_run(path) || !std::filesystem::exists(RunFolder::member_path(path, 0))) return {first};
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(RunFolder::member_path(path, 0).parent_path())) {
    count += entry.path().extension() == ".safetensors" ? 1 : 0;
  }
  std::vector<std::filesystem::path> files;
  for (Index member = 0; files.size() < count; ++member) {
    files.push_back(RunFolder::member_path(path, member));
    if (!std::filesystem::exists(files.back())) {
      throw input_error(files.back().string(), "is missing: this member of the population has no policy",
                        "take the file back, or train the population again");
    }
  }
  return files;
}

SafetensorsFile plain_network(Policy& policy) {
  const PolicyDescription& description = policy.description();
  if (description.memory.recurrent > 0) {
    throw input_error(
        "export", "this policy " + description.memory.describe() + ", and a torch.nn.Sequential has none",
        "read its policy.safetensors: the tensors gru.* are those of torch.nn.GRU, the others Linear layers");
  }
  Parameters& parameters = policy.network().parameters;
  std::vector<HostLinear> layers;
  std::string sequential;
  std::size_t inputs = static_cast<std::size_t>(policy.input_size());
  for (std::size_t i = 0; i <= description.mlp.hidden.size(); ++i) {
    const std::string name = std::to_string(2 * i);
    HostLinear layer{name, parameters.get(policy.stream(), name + ".weight"),
                     parameters.get(policy.stream(), name + ".bias"), inputs};
    sequential += (i == 0 ? "" : ", " + activation_name(description.mlp.activation) + ", ") + "Linear(" +
                  std::to_string(inputs) + ", " + std::to_string(layer.bias.size()) + ")";
    inputs = layer.bias.size();
    layers.push_back(std::move(layer));
  }
  const auto get = [&](const char* name) { return parameters.get(policy.stream(), name); };
  if (description.normalize_observations) {
    fold_into_first(layers.front(), get("observation_normalization.mean"), get("observation_normalization.deviation"));
  }
  if (description.normalize_actions) {
    fold_into_last(layers.back(), get("action_normalization.mean"), get("action_normalization.deviation"));
  }
  if (description.head.is_distribution()) fold_deviations(policy, layers.back(), sequential);
  SafetensorsFile file;
  file.metadata["format"] = "pt";
  if (description.head.is_distribution()) {
    file.metadata["mynah.outputs"] = description.head.describe(policy.output_size());
  }
  file.metadata["torch.nn.Sequential"] = sequential;
  if (description.memory.remembers()) file.metadata["memory"] = description.memory.describe();
  for (const HostLinear& layer : layers) {
    const auto outputs = static_cast<Index>(layer.bias.size());
    file.add_floats(layer.name + ".weight", {outputs, static_cast<Index>(layer.inputs)}, layer.weight);
    file.add_floats(layer.name + ".bias", {outputs}, layer.bias);
  }
  return file;
}

}  // namespace mynah
