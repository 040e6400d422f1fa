#include "algorithms/policy_metadata.h"

#include <nlohmann/json.hpp>

#include "kernels/error.h"

namespace mynah {
namespace {

using nlohmann::json;

/// 1: policies without a head, as all were at first; 2: with one; 3: with a memory, and perhaps a head; 4: with one
/// that sees its actions.
constexpr int plain_format = 1, head_format = 2, memory_format = 3, actions_format = 4;
constexpr Index largest_layer = Index{1} << 24;

[[noreturn]] void refuse(const SafetensorsFile& file, const std::string& problem) {
  throw input_error(file.origin, problem, "give a policy that mynah wrote, such as RUN/policy.safetensors");
}

void check(const SafetensorsFile& file, const PolicyDescription& description) {
  const auto sized = [&](const char* what, std::size_t size, Index expected) {
    if (size != 0 && static_cast<Index>(size) != expected) {
      refuse(file, "metadata 'mynah.policy': " + std::string(what) + " has " + std::to_string(size) +
                       " entries, expected " + std::to_string(expected));
    }
  };
  const auto layer = [&](const char* what, Index size) {
    if (size < 1 || size > largest_layer) {
      refuse(file, "metadata 'mynah.policy': " + std::string(what) + " is " + std::to_string(size));
    }
  };
  layer("observation_size", description.mlp.inputs);
  layer("output_size", description.mlp.outputs);
  for (const Index width : description.mlp.hidden) layer("hidden", width);
  sized("observation_names", description.observation_names.size(), description.mlp.inputs);
  sized("action_names", description.action_names.size(), description.mlp.outputs);
  sized("action_low", description.action_low.size(), description.mlp.outputs);
  sized("action_high", description.action_high.size(), description.mlp.outputs);
  if (description.action_low.size() != description.action_high.size()) {
    refuse(file, "metadata 'mynah.policy': action_low and action_high differ in size");
  }
  for (std::size_t i = 0; i < description.action_low.size(); ++i) {
    if (!(description.action_low[i] <= description.action_high[i])) {
      refuse(file, "metadata 'mynah.policy': action_low[" + std::to_string(i) + "] is above action_high");
    }
  }
  try {
    description.memory.validate();
    if (description.head.is_distribution())
      description.memory.check_distribution(policy_head_name(description.head.kind));
  } catch (const Error& error) {
    refuse(file, "metadata 'mynah.policy': memory is not possible (" + error.place() + ")");
  }
  const PolicyHead& head = description.head;
  if (head.kind == PolicyHead::Kind::mixture &&
      (head.mixture_components < 2 || head.mixture_components > kernels::most_mixture_components)) {
    refuse(file, "metadata 'mynah.policy': the head has " + std::to_string(head.mixture_components) + " components");
  }
  if (description.discrete && head.is_distribution()) {
    refuse(file, "metadata 'mynah.policy': discrete actions have no head of kind " + policy_head_name(head.kind));
  }
  if (description.discrete && description.normalize_actions) {
    refuse(file, "metadata 'mynah.policy': discrete actions cannot be normalised");
  }
}

json to_json(const PolicyHead& head) {
  json text{{"kind", policy_head_name(head.kind)}, {"state_dependent_deviation", head.state_dependent_deviation}};
  if (head.kind == PolicyHead::Kind::mixture) text["components"] = head.mixture_components;
  return text;
}

PolicyHead head_of(const json& text) {
  PolicyHead head;
  const int format = text.at("format").get<int>();
  if (format == plain_format || (format >= memory_format && !text.contains("head"))) return head;
  const json& given = text.at("head");
  head.kind = parse_policy_head(given.at("kind").get<std::string>());
  head.state_dependent_deviation = given.at("state_dependent_deviation").get<bool>();
  if (head.kind == PolicyHead::Kind::mixture) head.mixture_components = given.at("components").get<Index>();
  return head;
}

json to_json(const PolicyMemory& memory) {
  return {{"history", memory.history},
          {"chunk", memory.chunk},
          {"chunk_execution", chunk_execution_name(memory.chunk_execution)},
          {"chunk_decay", memory.chunk_decay},
          {"recurrent", memory.recurrent},
          {"sequence_length", memory.sequence_length}};
}

PolicyMemory memory_of(const json& text) {
  PolicyMemory memory;
  const int format = text.at("format").get<int>();
  if (format < memory_format) return memory;
  memory.actions = format == actions_format;
  const json& given = text.at("memory");
  memory.history = given.at("history").get<Index>();
  memory.chunk = given.at("chunk").get<Index>();
  memory.chunk_execution = parse_chunk_execution(given.at("chunk_execution").get<std::string>());
  memory.chunk_decay = given.at("chunk_decay").get<double>();
  memory.recurrent = given.at("recurrent").get<Index>();
  memory.sequence_length = given.at("sequence_length").get<Index>();
  return memory;
}

}  // namespace

void write_policy_metadata(const PolicyDescription& description, SafetensorsFile& file) {
  const bool has_head = description.head.is_distribution();
  const bool remembers = description.memory.remembers();
  json text{{"format", description.memory.actions ? actions_format
                       : remembers                ? memory_format
                       : has_head                 ? head_format
                                                  : plain_format},
            {"observation_size", description.mlp.inputs},
            {"hidden", description.mlp.hidden},
            {"activation", activation_name(description.mlp.activation)},
            {"output_size", description.mlp.outputs},
            {"actions", description.discrete ? "discrete" : "continuous"},
            {"normalize_observations", description.normalize_observations},
            {"normalize_actions", description.normalize_actions},
            {"task", description.task},
            {"observation_names", description.observation_names},
            {"action_names", description.action_names},
            {"action_low", description.action_low},
            {"action_high", description.action_high}};
  if (has_head) text["head"] = to_json(description.head);
  if (remembers) text["memory"] = to_json(description.memory);
  file.metadata["mynah.policy"] = text.dump();
  // What torch's loaders expect: tensors as torch.nn.Sequential names and lays them out.
  file.metadata["format"] = "pt";
}

PolicyDescription read_policy_metadata(const SafetensorsFile& file) {
  const auto entry = file.metadata.find("mynah.policy");
  if (entry == file.metadata.end()) refuse(file, "is no policy file: it has no metadata entry 'mynah.policy'");
  PolicyDescription description;
  try {
    const json text = json::parse(entry->second);
    if (const int format = text.at("format").get<int>(); format < plain_format || format > actions_format) {
      refuse(file, "has policy format " + text.at("format").dump() + ", this mynah reads formats 1 to 4");
    }
    description.head = head_of(text);
    description.memory = memory_of(text);
    const auto actions = text.at("actions").get<std::string>();
    if (actions != "discrete" && actions != "continuous")
      refuse(file, "metadata 'mynah.policy': actions is " + actions);
    description.mlp.inputs = text.at("observation_size").get<Index>();
    description.mlp.hidden = text.at("hidden").get<std::vector<Index>>();
    description.mlp.activation = parse_activation(text.at("activation").get<std::string>());
    description.mlp.outputs = text.at("output_size").get<Index>();
    description.discrete = actions == "discrete";
    description.normalize_observations = text.at("normalize_observations").get<bool>();
    description.normalize_actions = text.at("normalize_actions").get<bool>();
    description.task = text.at("task").get<std::string>();
    description.observation_names = text.at("observation_names").get<std::vector<std::string>>();
    description.action_names = text.at("action_names").get<std::vector<std::string>>();
    description.action_low = text.at("action_low").get<std::vector<float>>();
    description.action_high = text.at("action_high").get<std::vector<float>>();
  } catch (const json::exception& failure) {
    refuse(file, std::string("metadata 'mynah.policy' is damaged: ") + failure.what());
  }
  check(file, description);
  return description;
}

}  // namespace mynah
