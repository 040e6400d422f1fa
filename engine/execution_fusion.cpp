// What a pass does in one operation instead of several: the parts of Execution that decide it.

#include <algorithm>

#include "engine/activation_operand.h"
#include "engine/execution.h"
#include "engine/layers/linear.h"

namespace mynah {
namespace {

std::size_t at(Value value) {
  return static_cast<std::size_t>(value.index);
}

bool any_trained(const std::vector<TensorView>& gradients) {
  return std::any_of(gradients.begin(), gradients.end(), [](const TensorView& one) { return one.data != nullptr; });
}

}  // namespace

/// Where a value is made by an activation and has one user, that user multiplies by the derivative.
void Execution::fuse_activations(Steps& steps) const {
  std::vector<int> users(values_.size(), 0);
  for (const Value output : outputs_) ++users[at(output)];  // the caller's
  for (const BackwardStep& step : steps) {
    for (const Value input : network_->graph.node(step.forward->output).inputs) ++users[at(input)];
  }
  for (BackwardStep& user : steps) {
    const auto& inputs = network_->graph.node(user.forward->output).inputs;
    if (!user.forward->layer->takes_input_activation() || user.input_gradients[0].data == nullptr) continue;
    const std::size_t made = at(inputs[0]);
    const auto maker = std::find_if(steps.begin(), steps.end(),
                                    [&](const BackwardStep& step) { return at(step.forward->output) == made; });
    if (users[made] != 1 || maker == steps.end()) continue;
    const kernels::Activation activation = maker->forward->layer->output_activation();
    if (activation == kernels::Activation::none) continue;
    user.input_activation = activation;
    user.input_activation_operand = activation_operand<float>(activation, values_[made], saved_[made]);
    maker->gradient_is_before_activation = true;
  }
}

/// Whether every trained tensor gets its gradient from these steps; else the reason.
std::string Execution::not_covered_by(const Steps& steps) const {
  std::vector<bool> counted(values_.size(), false);
  Index covered = 0;
  for (const BackwardStep& step : steps) {
    const int owner = network_->graph.node(step.forward->output).tensors_of;
    if (counted[static_cast<std::size_t>(owner)]) continue;
    counted[static_cast<std::size_t>(owner)] = true;
    for (const TensorView& one : step.forward->tensor_gradients) {
      if (one.data != nullptr) covered += one.rows * one.columns;
    }
  }
  return covered == network_->parameters.trained_count() ? "" : "some trained tensors have no part in the output";
}

std::string Execution::overwrite_parameter_gradients(Value output) {
  (void)steps_to(output, backward_steps_);  // refuses where there are none
  Steps& steps =
      backward_steps_[static_cast<std::size_t>(std::find(outputs_.begin(), outputs_.end(), output) - outputs_.begin())];
  if (std::string reason = not_covered_by(steps); !reason.empty()) return reason;
  std::vector<bool> seen(values_.size(), false);
  std::vector<BackwardStep*> first;  // of each layer's uses
  for (BackwardStep& step : steps) {
    const Graph::Node& node = network_->graph.node(step.forward->output);
    if (!any_trained(step.forward->tensor_gradients) || seen[static_cast<std::size_t>(node.tensors_of)]) continue;
    seen[static_cast<std::size_t>(node.tensors_of)] = true;
    if (!node.layer->overwrites_tensor_gradients()) return "the " + node.layer->kind() + " layer adds to its gradient";
    first.push_back(&step);
  }
  for (BackwardStep* step : first) step->overwrites = true;
  return {};
}

std::string Execution::step_in_backward(Value output, const kernels::StepRule& rule, Vector first_moment,
                                        Vector second_moment) {
  (void)steps_to(output, backward_steps_);
  Steps& steps =
      backward_steps_[static_cast<std::size_t>(std::find(outputs_.begin(), outputs_.end(), output) - outputs_.begin())];
  if (options_.precision != kernels::Precision::float32) return "products are in reduced precision";
  if (std::string reason = not_covered_by(steps); !reason.empty()) return reason;
  std::vector<int> uses(values_.size(), 0);
  for (const ForwardStep& step : forward_steps_) {
    ++uses[static_cast<std::size_t>(network_->graph.node(step.output).tensors_of)];
  }
  for (const BackwardStep& step : steps) {
    const Graph::Node& node = network_->graph.node(step.forward->output);
    const auto& gradients = step.forward->tensor_gradients;
    if (!any_trained(gradients)) continue;
    if (!node.layer->steps_with_gradient()) return "the " + node.layer->kind() + " layer leaves the step to others";
    if (uses[static_cast<std::size_t>(node.tensors_of)] > 1) return "layer '" + node.name + "' shares its tensors";
    const bool all =
        std::all_of(gradients.begin(), gradients.end(), [](const auto& one) { return one.data != nullptr; });
    if (!all) return "a tensor of layer '" + node.name + "' is frozen";
  }
  step_rule_ = std::make_unique<kernels::StepRule>(rule);
  for (BackwardStep& step : steps) {
    if (!any_trained(step.forward->tensor_gradients)) continue;
    const Value owner{network_->graph.node(step.forward->output).tensors_of};
    kernels::LinearStep& one = step.optimizer_step.emplace();
    one.rule = step_rule_.get();
    const auto place = [&](Vector moment, Matrix& of_weight, Vector& of_bias) {
      if (moment.empty()) return;
      const std::vector<TensorView> views = network_->parameters.trained_views(moment, owner);
      of_weight = views[0].matrix();
      of_bias = views[1].vector();
    };
    place(first_moment, one.w_first, one.b_first);
    place(second_moment, one.w_second, one.b_second);
  }
  return {};
}

std::optional<Execution::LinearOperands> Execution::linear_operands(Value value) const {
  for (const ForwardStep& step : forward_steps_) {
    if (step.output != value) continue;
    if (dynamic_cast<const Linear*>(step.layer) == nullptr) return std::nullopt;
    if (step.layer->output_activation() != kernels::Activation::none) return std::nullopt;
    return LinearOperands{step.inputs[0], step.tensors[0].matrix(), step.tensors[1].vector()};
  }
  return std::nullopt;
}

bool Execution::draws_random_numbers() const {
  return std::any_of(forward_steps_.begin(), forward_steps_.end(),
                     [](const ForwardStep& step) { return step.layer->draws_random_numbers(); });
}

int Execution::fused_activation_count() const {
  int count = 0;
  if (backward_steps_.empty()) return 0;
  for (const BackwardStep& step : backward_steps_.back()) count += step.gradient_is_before_activation ? 1 : 0;
  return count;
}

}  // namespace mynah
