#include "engine/resident_mlp.h"

#include <algorithm>
#include <vector>

#include "engine/layers/linear.h"
#include "engine/layers/standardization.h"

namespace mynah {
namespace {

/// Whether the value is the standardised input.
bool standardizes(const Network& network, Value value, Value input) {
  const Graph::Node& node = network.graph.node(value);
  const auto* layer = dynamic_cast<const Standardization*>(node.layer.get());
  return layer != nullptr && layer->direction() == Standardization::Direction::standardize && node.inputs[0] == input &&
         network.parameters.gradient_views(value)[0].data == nullptr &&
         network.graph.owns_tensors(static_cast<std::size_t>(value.index));
}

/// The linear layers from `input`, or from the input standardised, to `output`, in order; empty where there is anything
/// else. *first becomes what the first of them takes.
std::vector<Value> linear_chain(const Network& network, Value input, Value output, Value* first) {
  std::vector<Value> chain;
  for (Value at = output;;) {
    *first = at;
    const Graph::Node& node = network.graph.node(at);
    if (at == input || standardizes(network, at, input)) break;
    const bool is_linear = dynamic_cast<const Linear*>(node.layer.get()) != nullptr;
    if (!is_linear || !network.graph.owns_tensors(static_cast<std::size_t>(at.index))) return {};
    chain.push_back(at);
    at = node.inputs[0];
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

/// Where a tensor begins among the trained values; -1: it is not one of them.
Index place_of(const Parameters& parameters, const TensorView& tensor) {
  const Vector trained = parameters.trained();
  return tensor.data < trained.data || tensor.data >= trained.data + trained.size ? -1 : tensor.data - trained.data;
}

/// The reason why not; empty if it is done.
std::string find_shape(const Network& network, Value input, Value output, Value* first, kernels::MlpShape& shape) {
  const std::vector<Value> chain = linear_chain(network, input, output, first);
  if (chain.empty()) return "the network is more than linear layers one behind the other";
  if (chain.size() > kernels::MlpShape::most_layers) return "the network has more than 8 layers";
  shape.inputs = network.graph.columns(input);
  Index found = 0;
  for (const Value value : chain) {
    kernels::MlpLayer& layer = shape.layers[static_cast<std::size_t>(shape.layer_count++)];
    const std::vector<TensorView> tensors = network.parameters.views(value);
    layer.outputs = network.graph.columns(value);
    layer.activation = network.graph.node(value).layer->output_activation();
    layer.weight = place_of(network.parameters, tensors[0]);
    layer.bias = place_of(network.parameters, tensors[1]);
    if (layer.weight < 0 || layer.bias < 0) return "some tensors are frozen";
    for (const TensorView& tensor : tensors) found += tensor.rows * tensor.columns;
  }
  return found == network.parameters.trained_count() ? "" : "other tensors are trained beside these layers";
}

std::string find_loss(const LossOptions& loss, kernels::MlpObjective& objective) {
  if (loss.kind == Loss::softmax_cross_entropy) {
    objective.labels = true;
    const bool plain = loss.class_weights.empty() && loss.label_smoothing == 0.0f && !loss.ignored_label;
    return plain ? "" : "softmax cross-entropy has options";
  }
  const auto elementwise = elementwise_loss_of(loss);
  if (elementwise) objective.loss = *elementwise;
  return elementwise ? "" : "the loss is " + loss_name(loss.kind);
}

std::string shared_memory_of(Index blocks) {
  return blocks == 1 ? "a block's shared memory" : "the shared memory of " + std::to_string(blocks) + " blocks";
}

}  // namespace

std::optional<ResidentMlp> ResidentMlp::find(Stream& stream, const Network& network, Value input, Value output,
                                             const Optimizer& optimizer, const ResidentData& data,
                                             const LossOptions& loss, Index batch, ConstLabels order,
                                             VectorView<double> loss_sum, std::string* reason) {
  ResidentMlp found;
  Value first;
  *reason = find_shape(network, input, output, &first, found.shape_);
  if (reason->empty()) *reason = find_loss(loss, found.objective_);
  if (reason->empty()) *reason = optimizer.find_resident(found.objective_, found.member_);
  if (!reason->empty()) return std::nullopt;
  // A member has its own.
  found.objective_.adam.weight_decay = found.objective_.sgd.weight_decay = 0.0;
  found.placement_ = kernels::place_mlp_training(stream, found.shape_, found.objective_, batch);
  if (found.placement_.chunk == 0) {
    *reason = "the network does not fit into " + shared_memory_of(found.placement_.blocks);
    if (found.placement_.blocks == 1) *reason += ", and the device has no clusters of blocks";
    return std::nullopt;
  }
  found.member_.parameters = network.parameters.trained().data;
  found.member_.loss_sum = loss_sum.data;
  found.member_.order = order.data;
  found.on_device_ = Buffer<kernels::MlpMember>(stream.device(), 1);
  found.on_device_.upload(stream, found.member_);
  found.data_.inputs = data.inputs();
  if (first != input) {
    const std::vector<TensorView> constants = network.parameters.views(first);
    found.data_.inputs = data.standardized_inputs(stream, constants[0].vector(), constants[1].vector());
  }
  if (found.objective_.labels) {
    found.data_.labels = data.labels();
  } else {
    found.data_.values = data.values();
  }
  found.optimizer_ = &optimizer;
  found.rows_ = order.size;
  found.batch_ = batch;
  return found;
}

void ResidentMlp::run(Stream& stream, Index first_row, Index steps, int snapshot) const {
  kernels::train_mlp(stream, shape_, objective_, data_, on_device_.view(),
                     {rows_, 0, first_row, batch_, steps, snapshot}, placement_);
  optimizer_->steps_were_taken(stream);
}

void ResidentMlp::keep_snapshots(Stream& stream) {
  if (!snapshots_.empty()) return;
  const Index size = optimizer_->parameters().trained().size;
  snapshots_.reserve(2);
  for (kernels::MlpSnapshot& places : member_.snapshots) {
    snapshots_.emplace_back(stream, member_, size);
    places = snapshots_.back().places();
  }
  on_device_.upload(stream, member_);
}

void ResidentMlp::restore(Stream& stream, int number) const {
  snapshot(number).restore(stream, member_);
  optimizer_->steps_were_taken(stream);
}

bool ResidentMlp::trains_with(const ResidentMlp& other) const {
  return shape_ == other.shape_ && objective_ == other.objective_ && batch_ == other.batch_ &&
         data_.inputs.stride == other.data_.inputs.stride && data_.values.stride == other.data_.values.stride;
}

kernels::MlpMember ResidentMlp::member_of(std::optional<RandomKey> key, double* loss_sum) const {
  kernels::MlpMember member = member_;
  if (key) {
    member.order = nullptr;
    member.order_key = *key;
  }
  member.loss_sum = loss_sum;
  member.rows = rows_;
  member.inputs = data_.inputs.data;
  member.values = data_.values.data;
  member.labels = data_.labels.data;
  return member;
}

void ResidentMlp::run_together(Stream& stream, VectorView<const kernels::MlpMember> members, Index most_rows,
                               Index epoch, int snapshot) const {
  const Index steps = (most_rows + batch_ - 1) / batch_;
  kernels::train_mlp(stream, shape_, objective_, data_, members, {most_rows, epoch, 0, batch_, steps, snapshot},
                     placement_);
}

std::string ResidentMlp::describe() const {
  const std::string where =
      placement_.blocks == 1 ? shared_memory_of(1) : "a cluster of " + std::to_string(placement_.blocks) + " blocks";
  return "resident in " + where + ", " + std::to_string(placement_.chunk) + " rows at a time";
}

Index ResidentMlp::products() const {
  Index weights = 0;
  for (int l = 0; l < shape_.layer_count; ++l) {
    weights += shape_.inputs_of(l) * shape_.inputs_of(l + 1) * (l == 0 ? 2 : 3);  // x has no gradient
  }
  return weights * batch_;
}

}  // namespace mynah
