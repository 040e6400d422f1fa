#include "engine/population_plan.h"

#include <algorithm>

#include "kernels/error.h"

namespace mynah {

PopulationPlan::PopulationPlan(Stream& stream, std::vector<TrainingPlan*> members) : members_(std::move(members)) {
  if (members_.empty()) throw input_error("population", "has no member", "give at least one");
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i]->runs_in_order_with(stream)) continue;
    throw input_error("population", "member " + std::to_string(i) + " was made on another stream or device",
                      "make all plans on the stream of the population");
  }
  const ResidentMlp* first = members_[0]->resident();
  together_ = first != nullptr && std::all_of(members_.begin(), members_.end(), [&](const TrainingPlan* plan) {
                return plan->resident() != nullptr && plan->resident()->trains_with(*first);
              });
  if (!together_) return;
  const auto count = static_cast<Index>(members_.size());
  loss_sums_ = Buffer<double>(stream.device(), count);
  std::vector<kernels::MlpMember> states;
  for (const TrainingPlan* plan : members_) {
    double* loss_sum = loss_sums_.data() + states.size();
    const auto key = plan->takes_chosen_rows() ? std::nullopt : std::optional(plan->permutation_key());
    states.push_back(plan->resident()->member_of(key, loss_sum));
  }
  on_device_ = Buffer<kernels::MlpMember>(stream, std::span<const kernels::MlpMember>(states));
}

std::vector<double> PopulationPlan::run_epoch(Stream& stream, Index epoch) {
  std::vector<double> losses(members_.size(), 0.0);
  if (!together_) {
    for (std::size_t i = 0; i < members_.size(); ++i) losses[i] = members_[i]->run_epoch(stream, epoch);
    return losses;
  }
  loss_sums_.upload(stream, losses);
  for (TrainingPlan* plan : members_) {
    if (plan->takes_chosen_rows()) plan->begin_epoch(stream, epoch);
  }
  members_[0]->resident()->run_together(stream, on_device_.view(), epoch);
  for (const TrainingPlan* plan : members_) plan->resident()->optimizer().steps_were_taken(stream);
  losses = loss_sums_.download(stream);
  for (double& loss : losses) loss /= static_cast<double>(members_[0]->rows());
  return losses;
}

std::string PopulationPlan::describe() const {
  const std::string count = std::to_string(members_.size()) + " networks, ";
  const std::string how = together_ ? "an epoch of all in one launch; each: " : "one after the other; each: ";
  return count + how + members_[0]->describe();
}

}  // namespace mynah
