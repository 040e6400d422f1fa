#include "engine/parameters.h"

#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/random.h"

namespace mynah {
namespace {

constexpr Index alignment = 16;  // values: 64 bytes, a cache line and a 512-bit vector

Index aligned(Index size) {
  return (size + alignment - 1) / alignment * alignment;
}

TensorView view_of(float* base, const Parameters::Tensor& tensor) {
  const auto& shape = tensor.spec.shape;
  const Index columns = shape.back();
  return {base + tensor.offset, columns == 0 ? shape.front() : tensor.spec.size() / columns, columns};
}

}  // namespace

Parameters::Parameters(Stream& stream, const Graph& graph) {
  Index offset = 0;
  tensors_of_node_.resize(graph.nodes().size());
  for (const bool trainable : {true, false}) {
    for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
      const Graph::Node& node = graph.nodes()[n];
      if (node.layer == nullptr) continue;
      for (TensorSpec& spec : node.layer->tensors(graph.input_columns(node))) {
        if (spec.trainable != trainable) continue;
        if (trainable) trained_count_ += spec.size();
        const Index size = aligned(spec.size());
        tensors_of_node_[n].push_back(tensors_.size());
        tensors_.push_back({node.name + "." + spec.name, std::move(spec), offset});
        offset += size;
      }
    }
    if (trainable) trained_size_ = offset;
  }
  values_ = Buffer<float>(stream.device(), offset);
  gradient_ = Buffer<float>(stream.device(), trained_size_);
  kernels::fill(stream, values_.view(), 0.0f);
  kernels::fill(stream, gradient_.view(), 0.0f);
}

void Parameters::initialize(Stream& stream, std::uint64_t seed) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const TensorSpec& spec = tensors_[i].spec;
    const Vector values{values_.data() + tensors_[i].offset, spec.size()};
    const RandomKey key = random_key(seed, RandomStream::initialization, static_cast<std::uint32_t>(i));
    switch (spec.initialization) {
      case Initialization::zeros:
        kernels::fill(stream, values, 0.0f);
        break;
      case Initialization::ones:
        kernels::fill(stream, values, 1.0f);
        break;
      case Initialization::kaiming_uniform:
        kernels::kaiming_uniform(stream, key, spec.fan_in, values);
        break;
      case Initialization::xavier_uniform:
        kernels::xavier_uniform(stream, key, spec.fan_in, spec.fan_out, values);
        break;
    }
  }
}

std::vector<TensorView> Parameters::views_into(float* base, Value node, bool gradients) const {
  std::vector<TensorView> views;
  for (const std::size_t number : tensors_of_node_[static_cast<std::size_t>(node.index)]) {
    const Tensor& tensor = tensors_[number];
    views.push_back(gradients && !tensor.spec.trainable ? TensorView{} : view_of(base, tensor));
  }
  return views;
}

std::vector<TensorView> Parameters::views(Value node) const {
  return views_into(values_.data(), node, false);
}

std::vector<TensorView> Parameters::gradient_views(Value node) const {
  return views_into(gradient_.data(), node, true);
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
