#include "engine/execution.h"

#include <algorithm>
#include <limits>

#include "engine/layers/linear.h"
#include "engine/memory_plan.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// Rows start at multiples of 16 bytes, so that kernels can load four values at once.
Index padded(Index columns) {
  return (columns + 3) / 4 * 4;
}

Index aligned(Index size) {
  return (size + 15) / 16 * 16;
}

std::size_t at(Value value) {
  return static_cast<std::size_t>(value.index);
}

/// Rows of a linear layer's output are kept off multiples of 2048 bytes on a CPU: rows that far apart share few places
/// of its first-level cache, from which products would read them again and again.
Index stride_of(const Graph::Node& node, DeviceId device) {
  const Index stride = padded(node.columns);
  const bool clashes = stride > 0 && stride % 512 == 0 && device.backend == Backend::cpu;
  return clashes && dynamic_cast<const Linear*>(node.layer.get()) != nullptr ? stride + 16 : stride;
}

Matrix place_of(const std::vector<Matrix>& places, Value value, const char* what) {
  const Matrix place = places.at(at(value));
  if (place.stride == 0) {
    throw Error(Error::Cause::internal, "execution", std::string("this value's ") + what + " is not computed here");
  }
  return place;
}

/// Cuts a buffer into aligned pieces.
class Cutter {
 public:
  explicit Cutter(float* memory) : next_(memory) {}
  Vector vector(Index size) {
    float* const begin = next_;
    next_ += aligned(size);
    return {begin, size};
  }

 private:
  float* next_;
};

}  // namespace

Execution::Execution(const Network& network, std::vector<Value> outputs, Options options)
    : network_(&network), options_(options), outputs_(std::move(outputs)) {
  if (outputs_.empty()) throw Error(Error::Cause::internal, "execution", "no output was asked for");
  const bool tangents = options_.input_tangents || options_.parameter_tangents;
  const std::vector<bool> needed = needed_by(outputs_);
  place(needed, with_gradient(needed), with_tangent(needed));
  make_forward_steps(needed);
  if (!options_.gradients) return;
  place_shares();
  for (const Value output : outputs_) {
    backward_steps_.push_back(make_backward_steps({output}, false));
    if (tangents) tangent_backward_steps_.push_back(make_backward_steps({output}, true));
  }
  backward_steps_.push_back(make_backward_steps(outputs_, false));
  for (Steps& steps : backward_steps_) fuse_activations(steps);
}

std::vector<bool> Execution::needed_by(const std::vector<Value>& outputs) const {
  const auto nodes = network_->graph.nodes();
  std::vector<bool> needed(nodes.size(), false);
  for (const Value output : outputs) {
    (void)network_->graph.node(output);
    needed[at(output)] = true;
  }
  for (std::size_t n = nodes.size(); n-- > 0;) {
    if (!needed[n]) continue;
    for (const Value input : nodes[n].inputs) needed[at(input)] = true;
  }
  return needed;
}

/// A gradient is needed of every output, and of every value that depends on something trained (or on an input, if
/// asked).
std::vector<bool> Execution::with_gradient(const std::vector<bool>& needed) const {
  const auto nodes = network_->graph.nodes();
  std::vector<bool> result(nodes.size(), false);
  if (!options_.gradients) return result;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (!needed[n]) continue;
    if (nodes[n].layer == nullptr) {
      result[n] = options_.input_gradients;
      continue;
    }
    const auto gradients = network_->parameters.gradient_views({static_cast<int>(n)});
    result[n] = (options_.parameter_gradients && std::any_of(gradients.begin(), gradients.end(),
                                                             [](const TensorView& g) { return g.data != nullptr; })) ||
                std::any_of(nodes[n].inputs.begin(), nodes[n].inputs.end(), [&](Value v) { return result[at(v)]; });
  }
  for (const Value output : outputs_) result[at(output)] = true;
  return result;
}

std::vector<bool> Execution::with_tangent(const std::vector<bool>& needed) const {
  const auto nodes = network_->graph.nodes();
  std::vector<bool> result(nodes.size(), false);
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (!needed[n]) continue;
    if (nodes[n].layer == nullptr) {
      result[n] = options_.input_tangents;
      continue;
    }
    const auto trained = network_->parameters.gradient_views({static_cast<int>(n)});
    const bool moves = options_.parameter_tangents && std::any_of(trained.begin(), trained.end(), [](const auto& view) {
                         return view.data != nullptr;
                       });
    result[n] =
        moves || std::any_of(nodes[n].inputs.begin(), nodes[n].inputs.end(), [&](Value v) { return result[at(v)]; });
  }
  return result;
}

/// How long a value is needed. Inputs and outputs are the caller's, always. What backward needs is kept from the
/// forward pass on; without gradients a value is needed until its last user has run. A gradient is needed from its
/// first share, which the last user computes, until its own layer has had its turn: backward goes through the nodes
/// from the last to the first.
std::vector<Lifetime> Execution::lifetimes(const std::vector<bool>& wanted, bool until_last_user) const {
  const auto nodes = network_->graph.nodes();
  const int end = static_cast<int>(nodes.size());
  std::vector<Lifetime> result(nodes.size());
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    const Index size = wanted[n] ? options_.rows * stride_of(nodes[n], network_->device) : 0;
    result[n] = {size, static_cast<int>(n), static_cast<int>(n)};
    if (!until_last_user || nodes[n].layer == nullptr) result[n] = {result[n].size, 0, end};
  }
  for (const Value output : outputs_) result[at(output)] = {result[at(output)].size, 0, end};
  for (std::size_t user = 0; user < nodes.size(); ++user) {
    for (const Value input : nodes[user].inputs) {
      result[at(input)].last = std::max(result[at(input)].last, static_cast<int>(user));
    }
  }
  return result;
}

void Execution::place(const std::vector<bool>& needed, const std::vector<bool>& differentiable,
                      const std::vector<bool>& tangible) {
  const auto nodes = network_->graph.nodes();
  std::vector<bool> both(nodes.size());
  for (std::size_t n = 0; n < nodes.size(); ++n) both[n] = tangible[n] && differentiable[n];
  const bool tangents = options_.input_tangents || options_.parameter_tangents;
  const auto lay = [&](std::vector<Matrix>& matrices, Buffer<float>& memory, const std::vector<bool>& wanted,
                       bool reuse) {
    const MemoryPlan plan = plan_memory(lifetimes(wanted, reuse), 16);
    memory = Buffer<float>(network_->device, plan.total);
    matrices.resize(nodes.size());
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      if (!wanted[n]) continue;
      matrices[n] = {memory.data() + plan.offsets[n], options_.rows, nodes[n].columns,
                     stride_of(nodes[n], network_->device)};
    }
  };
  lay(values_, value_memory_, needed, !options_.gradients && !tangents);
  lay(gradients_, gradient_memory_, differentiable, true);
  lay(tangents_, tangent_memory_, tangible, !options_.gradients);
  lay(tangent_gradients_, tangent_gradient_memory_, both, true);
}

bool Execution::is_callers(Value value) const {
  return network_->graph.node(value).layer == nullptr ||
         std::find(outputs_.begin(), outputs_.end(), value) != outputs_.end();
}

void Execution::poison(Stream& stream) const {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const bool tangents = options_.input_tangents || options_.parameter_tangents;
  const auto nodes = network_->graph.nodes();
  const auto spoil = [&](const std::vector<Matrix>& matrices, bool kept) {
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      const Matrix& one = matrices[n];
      if (kept || one.data == nullptr || is_callers({static_cast<int>(n)})) continue;
      kernels::fill(stream, {one.data, one.rows * one.stride}, nan);
    }
  };
  spoil(values_, options_.gradients || tangents);
  spoil(gradients_, false);
  spoil(tangents_, options_.gradients);
  spoil(tangent_gradients_, false);
  kernels::fill(stream, share_memory_.view(), nan);
}

Index Execution::bytes() const {
  const Index total = value_memory_.size() + gradient_memory_.size() + tangent_memory_.size() +
                      tangent_gradient_memory_.size() + share_memory_.size() + saved_memory_.size() +
                      parameter_tangent_.size();
  return total * static_cast<Index>(sizeof(float));
}

void Execution::make_forward_steps(const std::vector<bool>& needed) {
  const auto nodes = network_->graph.nodes();
  if (options_.parameter_tangents) {
    parameter_tangent_ = Buffer<float>(network_->device, network_->parameters.trained().size);
    Stream stream(network_->device);
    kernels::fill(stream, parameter_tangent_.view(), 0.0f);
    stream.synchronize();
  }
  Index saved_total = 0;
  std::vector<std::pair<Index, Index>> sizes(nodes.size());
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (!needed[n] || nodes[n].layer == nullptr) continue;
    const auto columns = network_->graph.input_columns(nodes[n]);
    sizes[n].first = nodes[n].layer->saved_size(options_.rows, columns);
    if (tangents_[n].data != nullptr) sizes[n].second = nodes[n].layer->tangent_saved_size(options_.rows, columns);
    saved_total += aligned(sizes[n].first) + aligned(sizes[n].second);
  }
  saved_memory_ = Buffer<float>(network_->device, saved_total);
  saved_.resize(nodes.size());
  Cutter cutter(saved_memory_.data());
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (!needed[n] || nodes[n].layer == nullptr) continue;
    ForwardStep step;
    step.layer = nodes[n].layer.get();
    step.output = {static_cast<int>(n)};
    step.tensors = network_->parameters.views(step.output);
    step.tensor_gradients = network_->parameters.gradient_views(step.output);
    if (!options_.parameter_gradients)
      std::fill(step.tensor_gradients.begin(), step.tensor_gradients.end(), TensorView{});
    step.tensor_tangents = network_->parameters.trained_views(parameter_tangent_.view(), step.output);
    step.saved = saved_[n] = cutter.vector(sizes[n].first);
    step.tangent_saved = cutter.vector(sizes[n].second);
    step.settings = {options_.mode, options_.precision,
                     random_key(options_.seed, RandomStream::layer, static_cast<std::uint32_t>(n)), options_.step};
    for (const Value input : nodes[n].inputs) {
      step.inputs.push_back(values_[at(input)]);
      step.input_tangents.push_back(tangents_[at(input)]);
    }
    forward_steps_.push_back(std::move(step));
  }
}

/// Shares are added up as soon as their layer has run, so that all steps use the same places.
void Execution::place_shares() {
  Index most = 0;
  for (const Graph::Node& node : network_->graph.nodes()) {
    Index together = 0;
    for (const Value input : node.inputs) {
      together += aligned(options_.rows * padded(network_->graph.columns(input)));
    }
    most = std::max(most, node.inputs.size() > 1 || has_several_users(node.inputs) ? together : 0);
  }
  const bool tangents = options_.input_tangents || options_.parameter_tangents;
  share_memory_ = Buffer<float>(network_->device, (tangents ? 2 : 1) * most);
}

bool Execution::has_several_users(const std::vector<Value>& values) const {
  return std::any_of(values.begin(), values.end(), [&](Value value) {
    auto users = std::count(outputs_.begin(), outputs_.end(), value);
    for (const Graph::Node& node : network_->graph.nodes()) {
      users += std::count(node.inputs.begin(), node.inputs.end(), value);
    }
    return users > 1;
  });
}

/// The place for a user's share of an input's gradient: the gradient itself for the first, a place aside for others.
Matrix Execution::take_share(Value input, Shares& shares, std::vector<Addition>& additions, Index* used) {
  const Matrix sum = shares.sums[at(input)];
  if (sum.data == nullptr) return sum;
  if (!shares.written[at(input)]) {
    shares.written[at(input)] = true;
    return sum;
  }
  const Matrix share{share_memory_.data() + *used, options_.rows, sum.columns, padded(sum.columns)};
  *used += aligned(options_.rows * padded(sum.columns));
  additions.push_back({share, sum});
  return share;
}

Execution::Steps Execution::make_backward_steps(const std::vector<Value>& outputs, bool with_tangents) {
  const std::vector<bool> on_path = needed_by(outputs);
  // What holds the share of a later user already.
  Shares gradients{gradients_, std::vector<bool>(values_.size(), false)};
  Shares tangent_gradients{tangent_gradients_, std::vector<bool>(values_.size(), false)};
  for (const Value output : outputs) {  // the caller's share
    gradients.written[at(output)] = tangent_gradients.written[at(output)] = true;
  }
  Steps steps;
  for (auto forward = forward_steps_.rbegin(); forward != forward_steps_.rend(); ++forward) {
    if (!on_path[at(forward->output)] || gradients_[at(forward->output)].data == nullptr) continue;
    BackwardStep step;
    Index shared = 0;
    step.forward = &*forward;
    const bool tangible = with_tangents && tangents_[at(forward->output)].data != nullptr;
    for (const Value input : network_->graph.node(forward->output).inputs) {
      step.input_gradients.push_back(take_share(input, gradients, step.additions, &shared));
      if (tangible)
        step.input_tangent_gradients.push_back(take_share(input, tangent_gradients, step.additions, &shared));
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

Matrix Execution::value(Value value) const {
  require_callers(value, "value", options_.gradients);
  return place_of(values_, value, "value");
}
Matrix Execution::gradient(Value value) const {
  require_callers(value, "gradient", false);
  return place_of(gradients_, value, "gradient");
}
void Execution::require_callers(Value value, const char* what, bool kept) const {
  if (kept || is_callers(value)) return;
  throw Error(Error::Cause::internal, "execution",
              "the " + std::string(what) + " of layer '" + network_->graph.node(value).name +
                  "' is not kept, its memory serves others",
              "name it among the outputs");
}
Matrix Execution::tangent(Value value) const {
  return place_of(tangents_, value, "tangent");
}
Matrix Execution::tangent_gradient(Value value) const {
  return place_of(tangent_gradients_, value, "tangent's gradient");
}

void Execution::forward(Stream& stream, Value last) const {
  for (const ForwardStep& step : forward_steps_) {
    if (step.output.index > last.index) break;
    step.layer->forward(stream,
                        ForwardPass{step.inputs, values_[at(step.output)], step.tensors, step.saved, step.settings});
  }
}

const Execution::Steps& Execution::steps_to(Value output, const std::vector<Steps>& lists) const {
  const auto which = std::find(outputs_.begin(), outputs_.end(), output);
  if (which == outputs_.end() || lists.empty()) {
    throw Error(Error::Cause::internal, "execution",
                "a backward pass needs Options::gradients (and tangents) and an output that was named");
  }
  return lists[static_cast<std::size_t>(which - outputs_.begin())];
}

void Execution::run_backward(Stream& stream, const BackwardStep& step, ConstMatrix output, Matrix output_gradient) {
  const ForwardStep& forward = *step.forward;
  forward.layer->backward(stream, BackwardPass{forward.inputs, output, output_gradient, step.input_gradients,
                                               forward.tensors, forward.tensor_gradients, forward.saved,
                                               forward.settings, step.gradient_is_before_activation, step.overwrites,
                                               step.optimizer_step ? &*step.optimizer_step : nullptr,
                                               step.input_activation, step.input_activation_operand});
}

void Execution::run_backward(Stream& stream, const Steps& steps) const {
  for (const BackwardStep& step : steps) {
    const std::size_t node = at(step.forward->output);
    run_backward(stream, step, values_[node], gradients_[node]);
    for (const Addition& addition : step.additions) kernels::add(stream, addition.share, addition.sum);
  }
}

void Execution::backward(Stream& stream, Value output) const {
  run_backward(stream, steps_to(output, backward_steps_));
}

void Execution::backward(Stream& stream) const {
  (void)steps_to(outputs_.front(), backward_steps_);  // refuses where there are none
  run_backward(stream, backward_steps_.back());
}

void Execution::tangent(Stream& stream) const {
  for (const ForwardStep& step : forward_steps_) {
    const std::size_t node = at(step.output);
    if (tangents_[node].data == nullptr) continue;
    step.layer->tangent(
        stream, TangentPass{step.inputs, values_[node], step.tensors, step.saved, step.settings, step.input_tangents,
                            step.tensor_tangents, tangents_[node], step.tangent_saved});
  }
}

void Execution::tangent_backward(Stream& stream, Value output) const {
  for (const BackwardStep& step : steps_to(output, tangent_backward_steps_)) {
    const ForwardStep& forward = *step.forward;
    const std::size_t node = at(forward.output);
    if (tangents_[node].data == nullptr) {
      run_backward(stream, step, values_[node], gradients_[node]);
    } else {
      forward.layer->tangent_backward(
          stream, TangentBackwardPass{forward.inputs, values_[node], forward.tensors, forward.saved, forward.settings,
                                      forward.input_tangents, forward.tensor_tangents, forward.tangent_saved,
                                      gradients_[node], tangent_gradients_[node], step.input_gradients,
                                      step.input_tangent_gradients, forward.tensor_gradients});
    }
    for (const Addition& addition : step.additions) kernels::add(stream, addition.share, addition.sum);
  }
}

}  // namespace mynah
