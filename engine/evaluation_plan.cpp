#include "engine/evaluation_plan.h"

#include <algorithm>
#include <array>

#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/gather.h"
#include "kernels/policy_actions.h"

namespace mynah {
namespace {

constexpr Index block_rows = 512;

}  // namespace

EvaluationPlan::EvaluationPlan(Stream& stream, const Network& network, Value input, Value output, LossOptions loss,
                               const ResidentData& data)
    : input_(input), output_(output), loss_(loss), data_(&data), sums_(stream.device(), 3) {
  data.check_targets(stream, loss_, network.graph.columns(output));
  if (loss_.kind == Loss::mixture_likelihood && data.targets_per_row() > 1) {
    throw Error(Error::Cause::internal, "evaluation plan",
                "there is no likeliest action of a mixture of several targets");
  }
  const Index taken = std::min(block_rows, rows());
  if (loss_.kind == Loss::mixture_likelihood) {
    actions_ = Buffer<float>(stream.device(), taken * data.values().columns);
  }
  block_ = make_block(network, output, taken);
  if (const Index rest = rows() % taken; rest != 0) rest_ = make_block(network, output, rest);
  targets_ = data.has_windows() ? data.count_targets(stream, data.window_rows()) : static_cast<double>(rows());
}

EvaluationPlan::Block EvaluationPlan::make_block(const Network& network, Value output, Index rows) const {
  Block block;
  block.execution = std::make_unique<Execution>(network, std::vector<Value>{output}, Execution::Options{rows});
  if (data_->has_windows()) {
    block.windows = std::make_unique<WindowTargets>(network.device, *data_, rows, network.graph.columns(output));
  }
  return block;
}

Index EvaluationPlan::rows() const {
  return data_->has_windows() ? data_->window_rows().size : data_->rows();
}

void EvaluationPlan::queue_squared_error(Stream& stream, ConstMatrix prediction, ConstMatrix values) const {
  if (loss_.kind != Loss::mixture_likelihood) return;
  const Matrix actions(actions_.data(), values.rows, values.columns);
  kernels::mixture_mode(stream, prediction, loss_.mixture.components, actions);
  kernels::elementwise_loss(stream, kernels::ElementwiseLoss::mse, actions, values, {sums_.data() + 2, 1}, {});
}

void EvaluationPlan::queue_windows(Stream& stream, const Block& block, Index first) const {
  const Execution& execution = *block.execution;
  const ConstLabels windows{data_->window_rows().data + first, execution.rows()};
  kernels::gather_rows(stream, data_->inputs(), windows, nullptr, execution.value(input_));
  execution.forward(stream);
  block.windows->gather(stream, *data_, windows, nullptr);
  block.windows->evaluate(stream, loss_, execution.value(output_), {sums_.data(), 1}, {});
  if (takes_labels(loss_.kind)) {
    block.windows->count_correct(stream, execution.value(output_), {sums_.data() + 1, 1});
  }
  queue_squared_error(stream, execution.value(output_), block.windows->values());
}

void EvaluationPlan::queue(Stream& stream, const Block& block, Index first) const {
  if (block.windows != nullptr) return queue_windows(stream, block, first);
  const Execution& execution = *block.execution;
  const Index rows = execution.rows();
  kernels::copy(stream, data_->inputs().middle_rows(first, rows), execution.value(input_));
  execution.forward(stream);
  const Targets targets = data_->targets(first, rows);
  evaluate_loss(stream, loss_, execution.value(output_), targets, {sums_.data(), 1}, {});
  if (takes_labels(loss_.kind)) {
    kernels::count_correct(stream, execution.value(output_), targets.labels, {sums_.data() + 1, 1});
  }
  queue_squared_error(stream, execution.value(output_), targets.values);
}

EvaluationPlan::Result EvaluationPlan::run(Stream& stream) const {
  std::array<double, 3> sums{};
  kernels::copy_to_device(stream, sums_.data(), sums.data(), sizeof(sums));
  Index first = 0;
  for (; first + block_.execution->rows() <= rows(); first += block_.execution->rows()) queue(stream, block_, first);
  if (rest_.execution != nullptr) queue(stream, rest_, first);
  kernels::copy_to_host(stream, sums.data(), sums_.data(), sizeof(sums));
  // With labels a sum of losses has as many terms as there are targets, those that do not count among them.
  const double terms = takes_labels(loss_.kind) ? static_cast<double>(rows() * data_->targets_per_row()) : targets_;
  Result result{sums[0] / terms, sums[1] / targets_};
  if (loss_.kind == Loss::mixture_likelihood) result.squared_error = sums[2] / targets_;
  return result;
}

}  // namespace mynah
