#include "engine/named_graph.h"

#include <algorithm>
#include <set>

#include "engine/nearest_name.h"
#include "kernels/error.h"

namespace mynah {
namespace {

std::string did_you_mean(const std::string& name, const std::vector<std::string>& known) {
  const std::string nearest = nearest_name(name, known);
  return nearest.empty() ? "name an input or a layer of this network" : "did you mean '" + nearest + "'?";
}

class Connector {
 public:
  explicit Connector(const GraphDescription& description) : description_(description) {
    for (const auto& input : description.inputs) {
      require_new(input.name);
      result_.values[input.name] = result_.graph.input(input.columns);
    }
    for (const auto& node : description.nodes) {
      require_new(node.name);
      nodes_[node.name] = &node;
    }
  }

  NamedGraph run() {
    for (const auto& node : description_.nodes) add(node);
    require_used();
    return std::move(result_);
  }

 private:
  void require_new(const std::string& name) {
    if (!names_.insert(name).second) throw input_error("'" + name + "'", "stands in the network twice", "rename one");
  }

  /// The value of an input or a layer, which is added first if it is not there yet.
  Value value_of(const std::string& name, const GraphDescription::Node& user) {
    if (const auto found = result_.values.find(name); found != result_.values.end()) return found->second;
    const auto node = nodes_.find(name);
    if (node == nodes_.end()) {
      throw input_error("layer '" + user.name + "'", "uses '" + name + "', which is neither an input nor a layer",
                        did_you_mean(name, {names_.begin(), names_.end()}));
    }
    return add(*node->second);
  }

  Value add(const GraphDescription::Node& node) {
    if (const auto found = result_.values.find(node.name); found != result_.values.end()) return found->second;
    const auto waiting = std::find(path_.begin(), path_.end(), node.name);
    if (waiting != path_.end()) throw_cycle({waiting, path_.end()});
    path_.push_back(node.name);
    std::vector<Value> inputs;
    for (const std::string& input : node.inputs) inputs.push_back(value_of(input, node));
    const Value value = node.shares_tensors_of.empty()
                            ? result_.graph.add(node.name, node.layer, inputs)
                            : result_.graph.share(node.name, value_of(node.shares_tensors_of, node), inputs);
    path_.pop_back();
    return result_.values[node.name] = value;
  }

  [[noreturn]] static void throw_cycle(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += "'" + name + "' needs ";
    throw input_error("layer '" + names.front() + "'", "stands in a cycle: " + text + "'" + names.front() + "'",
                      "a network runs once through its layers; use a recurrent layer for sequences");
  }

  /// Everything that is described must matter to an output: what does not is a slip of the pen.
  void require_used() const {
    std::set<std::string> used;
    std::vector<std::string> open = description_.outputs;
    for (const std::string& output : open) (void)result_.at(output);
    while (!open.empty()) {
      const std::string name = open.back();
      open.pop_back();
      if (!used.insert(name).second) continue;
      const auto node = nodes_.find(name);
      if (node == nodes_.end()) continue;
      open.insert(open.end(), node->second->inputs.begin(), node->second->inputs.end());
      if (!node->second->shares_tensors_of.empty()) open.push_back(node->second->shares_tensors_of);
    }
    for (const auto& input : description_.inputs) {
      if (!used.contains(input.name)) {
        throw input_error("input '" + input.name + "' (" + std::to_string(input.columns) + " columns)",
                          "dangles: no output depends on it", "connect it to a layer, or leave it out");
      }
    }
    for (const auto& node : description_.nodes) {
      if (!used.contains(node.name)) {
        throw input_error("layer '" + node.name + "'", "dangles: no output depends on it",
                          "connect it, name it among the outputs, or leave it out");
      }
    }
  }

  const GraphDescription& description_;
  NamedGraph result_;
  std::set<std::string> names_;
  std::map<std::string, const GraphDescription::Node*> nodes_;
  std::vector<std::string> path_;  ///< layers that wait for the one being added
};

}  // namespace

Value NamedGraph::at(const std::string& name) const {
  const auto found = values.find(name);
  if (found != values.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [one, value] : values) known.push_back(one);
  throw input_error("'" + name + "'", "is neither an input nor a layer of the network", did_you_mean(name, known));
}

NamedGraph connect(const GraphDescription& description) {
  return Connector(description).run();
}

}  // namespace mynah
