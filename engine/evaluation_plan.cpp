#include "engine/evaluation_plan.h"

#include <algorithm>
#include <array>

#include "kernels/elementwise.h"
#include "kernels/policy_actions.h"

namespace mynah {
namespace {

constexpr Index block_rows = 512;

}  // namespace

EvaluationPlan::EvaluationPlan(Stream& stream, const Network& network, Value input, Value output, LossOptions loss,
                               const ResidentData& data)
    : input_(input), output_(output), loss_(loss), data_(&data), sums_(stream.device(), 3) {
  data.check_targets(stream, loss_, network.graph.columns(output));
  const Index rows = std::min(block_rows, data.rows());
  if (loss_.kind == Loss::mixture_likelihood) {
    actions_ = Buffer<float>(stream.device(), rows * data.values().columns);
  }
  block_ = std::make_unique<Execution>(network, std::vector<Value>{output}, Execution::Options{rows});
  if (const Index rest = data.rows() % rows; rest != 0) {
    rest_ = std::make_unique<Execution>(network, std::vector<Value>{output}, Execution::Options{rest});
  }
}

void EvaluationPlan::queue(Stream& stream, const Execution& execution, Index first) const {
  const Index rows = execution.rows();
  kernels::copy(stream, data_->inputs().middle_rows(first, rows), execution.value(input_));
  execution.forward(stream);
  const Targets targets = data_->targets(first, rows);
  evaluate_loss(stream, loss_, execution.value(output_), targets, {sums_.data(), 1}, {});
  if (takes_labels(loss_.kind)) {
    kernels::count_correct(stream, execution.value(output_), targets.labels, {sums_.data() + 1, 1});
  }
  if (loss_.kind == Loss::mixture_likelihood) {
    const Matrix actions(actions_.data(), rows, targets.values.columns);
    kernels::mixture_mode(stream, execution.value(output_), loss_.mixture.components, actions);
    kernels::elementwise_loss(stream, kernels::ElementwiseLoss::mse, actions, targets.values, {sums_.data() + 2, 1},
                              {});
  }
}

EvaluationPlan::Result EvaluationPlan::run(Stream& stream) const {
  std::array<double, 3> sums{};
  kernels::copy_to_device(stream, sums_.data(), sums.data(), sizeof(sums));
  Index first = 0;
  for (; first + block_->rows() <= data_->rows(); first += block_->rows()) queue(stream, *block_, first);
  if (rest_ != nullptr) queue(stream, *rest_, first);
  kernels::copy_to_host(stream, sums.data(), sums_.data(), sizeof(sums));
  const auto rows = static_cast<double>(data_->rows());
  Result result{sums[0] / rows, sums[1] / rows};
  if (loss_.kind == Loss::mixture_likelihood) result.squared_error = sums[2] / rows;
  return result;
}

}  // namespace mynah
