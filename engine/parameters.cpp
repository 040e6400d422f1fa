#include "engine/parameters.h"

#include <fnmatch.h>

#include <algorithm>
#include <numeric>

#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/initialization.h"
#include "kernels/random.h"

namespace mynah {
namespace {

constexpr Index alignment = 16;  // values: 64 bytes, a cache line and a 512-bit vector

Index aligned(Index size) {
  return (size + alignment - 1) / alignment * alignment;
}

TensorView view_of(float* base, const Parameters::Tensor& tensor) {
  const auto& shape = tensor.spec.shape;
  const Index rows = shape.size() == 1 ? 1 : shape.front();
  return {base + tensor.offset, rows, rows == 0 ? 0 : tensor.spec.size() / rows};
}

void initialize_tensor(Stream& stream, RandomKey key, const TensorSpec& spec, TensorView tensor) {
  const Vector values = tensor.vector();
  const auto rounded = [](double value) { return static_cast<float>(value); };
  switch (spec.initialization) {
    case Initialization::zeros:
      return kernels::fill(stream, values, 0.0f);
    case Initialization::ones:
      return kernels::fill(stream, values, 1.0f);
    case Initialization::kaiming_uniform:
      return kernels::kaiming_uniform(stream, key, spec.fan_in, values, spec.gain);
    case Initialization::xavier_uniform:
      return kernels::xavier_uniform(stream, key, spec.fan_in, spec.fan_out, values, spec.gain);
    case Initialization::kaiming_normal:
      return kernels::kaiming_normal(stream, key, spec.fan_in, values, spec.gain);
    case Initialization::xavier_normal:
      return kernels::xavier_normal(stream, key, spec.fan_in, spec.fan_out, values, spec.gain);
    case Initialization::orthogonal:
      return kernels::orthogonal(stream, key, rounded(spec.gain), tensor.matrix());
    case Initialization::truncated_normal:
      return kernels::truncated_normal(stream, key, nullptr, rounded(spec.mean), rounded(spec.deviation), values);
    case Initialization::normal:
      return kernels::normal(stream, key, nullptr, rounded(spec.mean), rounded(spec.deviation), values);
    case Initialization::uniform:
      return kernels::uniform(stream, key, nullptr, rounded(spec.low), rounded(spec.high), values);
    case Initialization::constant:
      return kernels::fill(stream, values, rounded(spec.value));
  }
}

/// Sets trainable = false where a pattern names the tensor.
void freeze(std::vector<Parameters::Tensor>& tensors, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    bool found = false;
    std::string known;
    for (Parameters::Tensor& tensor : tensors) {
      known += (known.empty() ? "" : ", ") + tensor.name;
      if (fnmatch(pattern.c_str(), tensor.name.c_str(), 0) != 0) continue;
      tensor.spec.trainable = false;
      found = true;
    }
    if (!found) throw input_error("frozen tensors", "'" + pattern + "' names no tensor", "the network has " + known);
  }
}

}  // namespace

Parameters::Parameters(Stream& stream, const Graph& graph, const std::vector<std::string>& frozen) {
  const auto nodes = graph.nodes();
  std::vector<Tensor> all;
  std::vector<std::size_t> node_of;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (nodes[n].layer == nullptr || !graph.owns_tensors(n)) continue;
    for (TensorSpec& spec : nodes[n].layer->tensors(graph.input_columns(nodes[n]))) {
      std::string name = nodes[n].name + "." + spec.name;
      all.push_back({std::move(name), std::move(spec), 0});
      node_of.push_back(n);
    }
  }
  freeze(all, frozen);
  tensors_of_node_.resize(nodes.size());
  Index offset = 0;
  for (const bool trainable : {true, false}) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].spec.trainable != trainable) continue;
      if (trainable) trained_count_ += all[i].spec.size();
      all[i].offset = offset;
      offset += aligned(all[i].spec.size());
    }
    if (trainable) trained_size_ = offset;
  }
  // In a node's own order, trained or not; the tensors themselves trained ones first.
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return all[a].offset < all[b].offset; });
  std::vector<std::size_t> place(all.size());
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  for (std::size_t i = 0; i < all.size(); ++i) tensors_of_node_[node_of[i]].push_back(place[i]);
  for (const std::size_t i : order) tensors_.push_back(std::move(all[i]));
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (nodes[n].layer != nullptr && !graph.owns_tensors(n)) {
      tensors_of_node_[n] = tensors_of_node_[static_cast<std::size_t>(nodes[n].tensors_of)];
    }
  }
  values_ = Buffer<float>(stream.device(), offset);
  gradient_ = Buffer<float>(stream.device(), trained_size_);
  kernels::fill(stream, values_.view(), 0.0f);
  kernels::fill(stream, gradient_.view(), 0.0f);
}

void Parameters::initialize(Stream& stream, std::uint64_t seed) {
  changed();
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    initialize_tensor(stream, random_key(seed, RandomStream::initialization, static_cast<std::uint32_t>(i)),
                      tensors_[i].spec, view_of(values_.data(), tensors_[i]));
  }
}

void Parameters::require_trained(const std::string& place) const {
  if (trained_count_ > 0) return;
  std::string known;
  for (const Tensor& tensor : tensors_) known += (known.empty() ? "" : ", ") + tensor.name;
  if (known.empty()) throw input_error(place, "the network has no tensors, so there is nothing to train");
  throw input_error(place,
                    "the network has no trained tensor: all of its tensors are constants or frozen (" + known + ")",
                    "freeze fewer of them");
}

std::vector<TensorView> Parameters::views_into(float* base, Value node, bool trained_only) const {
  std::vector<TensorView> views;
  for (const std::size_t number : tensors_of_node_[static_cast<std::size_t>(node.index)]) {
    const Tensor& tensor = tensors_[number];
    views.push_back(trained_only && (!tensor.spec.trainable || base == nullptr) ? TensorView{} : view_of(base, tensor));
  }
  return views;
}

const Parameters::Tensor& Parameters::find(const std::string& name) const {
  for (const Tensor& tensor : tensors_) {
    if (tensor.name == name) return tensor;
  }
  std::string known;
  for (const Tensor& tensor : tensors_) known += (known.empty() ? "" : ", ") + tensor.name;
  throw input_error("network", "has no tensor '" + name + "'", "it has " + known);
}

std::vector<float> Parameters::get(Stream& stream, const std::string& name) const {
  const Tensor& tensor = find(name);
  std::vector<float> values(static_cast<std::size_t>(tensor.spec.size()));
  kernels::copy_to_host(stream, values.data(), values_.data() + tensor.offset, values.size() * sizeof(float));
  return values;
}

std::vector<float> Parameters::get_gradient(Stream& stream, const std::string& name) const {
  const Tensor& tensor = find(name);
  if (!tensor.spec.trainable) throw input_error("tensor '" + name + "'", "is a constant and has no gradient");
  std::vector<float> values(static_cast<std::size_t>(tensor.spec.size()));
  kernels::copy_to_host(stream, values.data(), gradient_.data() + tensor.offset, values.size() * sizeof(float));
  return values;
}

void Parameters::set(Stream& stream, const std::string& name, std::span<const float> values) {
  const Tensor& tensor = find(name);
  if (static_cast<Index>(values.size()) != tensor.spec.size()) {
    throw input_error("tensor '" + name + "'",
                      "has " + std::to_string(tensor.spec.size()) + " values, got " + std::to_string(values.size()));
  }
  changed();
  kernels::copy_to_device(stream, values_.data() + tensor.offset, values.data(), values.size_bytes());
}

void Parameters::save(Stream& stream, SafetensorsFile& file, const std::string& prefix) const {
  for (const Tensor& tensor : tensors_) {
    file.add_floats(prefix + tensor.name, tensor.spec.shape, get(stream, tensor.name));
  }
}

void Parameters::load(Stream& stream, const SafetensorsFile& file, const std::string& prefix) {
  // Everything is checked before anything changes.
  for (const Tensor& tensor : tensors_) (void)file.at(prefix + tensor.name, tensor.spec.shape);
  for (const Tensor& tensor : tensors_) set(stream, tensor.name, file.floats(prefix + tensor.name));
}

}  // namespace mynah
