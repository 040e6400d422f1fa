#include "engine/execution.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// Rows start at multiples of 16 bytes, so that kernels can load four values at once.
Index padded(Index columns) {
  return (columns + 3) / 4 * 4;
}

std::size_t at(Value value) {
  return static_cast<std::size_t>(value.index);
}

}  // namespace

Execution::Execution(const Network& network, std::vector<Value> outputs, Options options)
    : network_(&network), options_(options), outputs_(std::move(outputs)) {
  if (outputs_.empty()) throw Error(Error::Cause::internal, "execution", "no output was asked for");
  const std::vector<bool> needed = needed_by(outputs_);
  place(needed, with_gradient(needed));
  make_forward_steps(needed);
  if (options_.gradients) {
    for (const Value output : outputs_) backward_steps_.push_back(make_backward_steps(output));
  }
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
    const auto tensors = nodes[n].layer->tensors(network_->graph.input_columns(nodes[n]));
    result[n] = std::any_of(tensors.begin(), tensors.end(), [](const TensorSpec& spec) { return spec.trainable; }) ||
                std::any_of(nodes[n].inputs.begin(), nodes[n].inputs.end(), [&](Value v) { return result[at(v)]; });
  }
  for (const Value output : outputs_) result[at(output)] = true;
  return result;
}

void Execution::place(const std::vector<bool>& needed, const std::vector<bool>& differentiable) {
  const auto nodes = network_->graph.nodes();
  const auto size = [&](std::size_t n) { return (options_.rows * padded(nodes[n].columns) + 15) / 16 * 16; };
  Index total = 0;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    total += (needed[n] ? size(n) : 0) + (differentiable[n] ? size(n) : 0);
  }
  memory_ = Buffer<float>(network_->device, total);
  values_.resize(nodes.size());
  gradients_.resize(nodes.size());
  Index offset = 0;
  const auto take = [&](std::size_t n) {
    const Matrix place{memory_.data() + offset, options_.rows, nodes[n].columns, padded(nodes[n].columns)};
    offset += size(n);
    return place;
  };
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (needed[n]) values_[n] = take(n);
  }
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (differentiable[n]) gradients_[n] = take(n);
  }
}

void Execution::make_forward_steps(const std::vector<bool>& needed) {
  const auto nodes = network_->graph.nodes();
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (!needed[n] || nodes[n].layer == nullptr) continue;
    const Value output{static_cast<int>(n)};
    ForwardStep step{nodes[n].layer.get(),
                     output,
                     {},
                     network_->parameters.views(output),
                     network_->parameters.gradient_views(output)};
    for (const Value input : nodes[n].inputs) step.inputs.push_back(values_[at(input)]);
    forward_steps_.push_back(std::move(step));
  }
}

Matrix Execution::place_share(Index columns) {
  share_memory_.emplace_back(network_->device, options_.rows * padded(columns));
  return {share_memory_.back().data(), options_.rows, columns, padded(columns)};
}

std::vector<Execution::BackwardStep> Execution::make_backward_steps(Value output) {
  const std::vector<bool> on_path = needed_by({output});
  std::vector<bool> written(values_.size(), false);  // holds the share of a later user already
  std::vector<BackwardStep> steps;
  for (auto forward = forward_steps_.rbegin(); forward != forward_steps_.rend(); ++forward) {
    if (!on_path[at(forward->output)] || gradients_[at(forward->output)].data == nullptr) continue;
    BackwardStep step{&*forward, {}, {}};
    for (const Value input : network_->graph.node(forward->output).inputs) {
      const Matrix sum = gradients_[at(input)];
      Matrix target = sum;
      if (sum.data != nullptr && written[at(input)]) {
        target = place_share(sum.columns);
        step.additions.push_back({target, sum});
      }
      written[at(input)] = true;
      step.input_gradients.push_back(target);
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

Matrix Execution::value(Value value) const {
  const Matrix place = values_.at(at(value));
  if (place.stride == 0) throw Error(Error::Cause::internal, "execution", "this value is not computed here");
  return place;
}

Matrix Execution::gradient(Value value) const {
  const Matrix place = gradients_.at(at(value));
  if (place.stride == 0) throw Error(Error::Cause::internal, "execution", "this value's gradient is not computed here");
  return place;
}

void Execution::forward(Stream& stream, Value last) const {
  for (const ForwardStep& step : forward_steps_) {
    if (step.output.index > last.index) break;
    step.layer->forward(stream, {step.inputs, values_[at(step.output)], step.tensors});
  }
}

void Execution::backward(Stream& stream, Value output) const {
  const auto which = std::find(outputs_.begin(), outputs_.end(), output);
  if (which == outputs_.end() || backward_steps_.empty()) {
    throw Error(Error::Cause::internal, "execution", "backward needs Options::gradients and an output that was named");
  }
  for (const BackwardStep& step : backward_steps_[static_cast<std::size_t>(which - outputs_.begin())]) {
    const ForwardStep& forward = *step.forward;
    forward.layer->backward(stream, {forward.inputs, values_[at(forward.output)], gradients_[at(forward.output)],
                                     step.input_gradients, forward.tensors, forward.tensor_gradients});
    for (const Addition& addition : step.additions) kernels::add(stream, addition.share, addition.sum);
  }
}

}  // namespace mynah
