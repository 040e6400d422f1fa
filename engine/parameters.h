#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/buffer.h"
#include "engine/graph.h"
#include "engine/safetensors.h"

namespace mynah {

/// Every tensor of a network in one device buffer, and their gradients in another.
///
/// Trained tensors come first, constants after them, each aligned to 64 bytes with zeros between: one optimizer launch,
/// one checkpoint blob. Gradients exist for the trained part.
class Parameters {
 public:
  struct Tensor {
    std::string name;  ///< "0.weight"
    TensorSpec spec;
    Index offset = 0;  ///< In values, from the start of the buffer.
  };

  /// Tensors of every layer of the graph, zeroed. `frozen` names tensors that are not to be trained, by name or by a
  /// pattern with * and ? ("encoder.*", "*.bias"): they become constants, without gradients and without a place in the
  /// optimizer. Errors: input_error for a pattern that names no tensor.
  Parameters(Stream& stream, const Graph& graph, const std::vector<std::string>& frozen = {});

  /// Fills every tensor as its spec says: the same seed gives the same values on every device.
  void initialize(Stream& stream, std::uint64_t seed);

  std::span<const Tensor> tensors() const { return tensors_; }
  /// Number of trained values, without the padding.
  Index trained_count() const { return trained_count_; }
  /// Errors: input_error at `place` where nothing is trained, naming the tensors: for whoever would train.
  void require_trained(const std::string& place) const;

  /// The whole trained part as one flat vector, padding included, and its gradient.
  Vector trained() const { return {values_.data(), trained_size_}; }
  Vector gradient() const { return gradient_.view(); }
  Vector all() const { return values_.view(); }

  /// Counts the changes: whoever has copies of the values sees by it that they are old. Everything in mynah that
  /// changes values says so; whoever writes through the views has to call changed().
  std::uint64_t version() const { return version_; }
  void changed() const { ++version_; }

  /// The tensors of one node of the graph, in the order of its layer's tensors(); gradients are null for constants.
  std::vector<TensorView> views(Value node) const { return views_into(values_.data(), node, false); }
  std::vector<TensorView> gradient_views(Value node) const { return views_into(gradient_.data(), node, true); }
  /// The same in a vector that is laid out as trained(), such as a direction in parameter space.
  std::vector<TensorView> trained_views(Vector values, Value node) const { return views_into(values.data, node, true); }

  /// Values of one tensor, by name. Errors: input_error for an unknown name or a wrong number of values.
  std::vector<float> get(Stream& stream, const std::string& name) const;
  std::vector<float> get_gradient(Stream& stream, const std::string& name) const;
  void set(Stream& stream, const std::string& name, std::span<const float> values);

  /// Adds every tensor to the file under prefix + name; reads every tensor back, refusing missing ones and other
  /// shapes.
  void save(Stream& stream, SafetensorsFile& file, const std::string& prefix = {}) const;
  void load(Stream& stream, const SafetensorsFile& file, const std::string& prefix = {});

 private:
  const Tensor& find(const std::string& name) const;
  std::vector<TensorView> views_into(float* base, Value node, bool trained_only) const;

  std::vector<Tensor> tensors_;
  std::vector<std::vector<std::size_t>> tensors_of_node_;  // numbers in tensors_
  Index trained_size_ = 0;
  Index trained_count_ = 0;
  Buffer<float> values_;
  Buffer<float> gradient_;
  mutable std::uint64_t version_ = 1;  // views, through which values change, are had from constant parameters
};

}  // namespace mynah
