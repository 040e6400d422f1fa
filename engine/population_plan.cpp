#include "engine/population_plan.h"

#include <algorithm>

#include "kernels/error.h"

namespace mynah {

namespace {

/// A GPU runs at most so many kernels at a time (128 on sm_80 and sm_90), and each branch has scratch memory of its
/// own.
constexpr std::size_t most_branches = 64;

/// So many steps, of all members together, are recorded at most: some thousand kernels, whose recording is made ready
/// in some milliseconds.
constexpr Index most_steps_recorded = 512;

}  // namespace

PopulationPlan::PopulationPlan(Stream& stream, std::vector<TrainingPlan*> members) : members_(std::move(members)) {
  if (members_.empty()) throw input_error("population", "has no member", "give at least one");
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i]->runs_in_order_with(stream)) continue;
    throw input_error("population", "member " + std::to_string(i) + " was made on another stream or device",
                      "make all plans on the stream of the population");
  }
  way_ = choose_way();
  if (way_ == Way::branches) {
    const std::size_t count = std::min(members_.size(), most_branches);
    branches_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) branches_.emplace_back(stream.device());
    const Index share = std::max<Index>(1, most_steps_recorded / static_cast<Index>(members_.size()));
    together_ = members_[0]->recorded_together(std::min(members_[0]->most_recorded_steps(), share));
  }
  if (way_ != Way::resident) return;
  loss_sums_ = Buffer<double>(stream.device(), static_cast<Index>(members_.size()));
  place_members(stream);
}

void PopulationPlan::place_members(Stream& stream) {
  std::vector<kernels::MlpMember> states;
  states.reserve(members_.size());
  for (const TrainingPlan* plan : members_) {
    double* loss_sum = loss_sums_.data() + states.size();
    const auto key = plan->takes_chosen_rows() ? std::nullopt : std::optional(plan->permutation_key());
    states.push_back(plan->resident()->member_of(key, loss_sum));
  }
  on_device_ = Buffer<kernels::MlpMember>(stream, std::span<const kernels::MlpMember>(states));
}

PopulationPlan::Way PopulationPlan::choose_way() const {
  const TrainingPlan& first = *members_[0];
  const auto all = [&](const auto& is) { return std::all_of(members_.begin(), members_.end(), is); };
  if (first.resident() != nullptr && all([&](const TrainingPlan* plan) {
        return plan->resident() != nullptr && plan->resident()->trains_with(*first.resident());
      })) {
    return Way::resident;
  }
  const bool alike =
      members_.size() > 1 && all([&](const TrainingPlan* plan) {
        return plan->records_steps() && plan->rows() == first.rows() && plan->batch_size() == first.batch_size();
      });
  return alike ? Way::branches : Way::by_turns;
}

std::vector<double> PopulationPlan::run_epoch(Stream& stream, Index epoch) {
  std::vector<double> losses(members_.size(), 0.0);
  if (way_ == Way::resident) {
    queue_resident(stream, epoch, -1);
    losses = loss_sums_.download(stream);
    for (std::size_t i = 0; i < losses.size(); ++i) losses[i] /= static_cast<double>(members_[i]->rows());
  } else if (way_ == Way::branches) {
    run_branches(stream, epoch);
    for (std::size_t i = 0; i < members_.size(); ++i) losses[i] = members_[i]->finish_epoch(stream);
  } else {
    for (std::size_t i = 0; i < members_.size(); ++i) losses[i] = members_[i]->run_epoch(stream, epoch);
  }
  return losses;
}

void PopulationPlan::queue_epoch(Stream& stream, Index epoch) {
  if (!is_resident()) throw Error(Error::Cause::internal, "population", "an epoch of all is not one launch");
  if (!keeps_snapshots_) {
    for (TrainingPlan* plan : members_) plan->keep_snapshots(stream);
    place_members(stream);
    keeps_snapshots_ = true;
  }
  queue_resident(stream, epoch, static_cast<int>(epoch % 2));
}

void PopulationPlan::queue_resident(Stream& stream, Index epoch, int snapshot) {
  loss_sums_.upload(stream, std::vector<double>(members_.size(), 0.0));
  Index most_rows = 0;
  for (TrainingPlan* plan : members_) {
    if (plan->takes_chosen_rows()) plan->begin_epoch(stream, epoch);
    most_rows = std::max(most_rows, plan->rows());
  }
  members_[0]->resident()->run_together(stream, on_device_.view(), most_rows, epoch, snapshot);
  for (const TrainingPlan* plan : members_) plan->resident()->optimizer().steps_were_taken(stream);
}

void PopulationPlan::run_branches(Stream& stream, Index epoch) {
  for (TrainingPlan* plan : members_) plan->begin_epoch(stream, epoch);
  const Index steps = members_[0]->steps_per_epoch();
  for (Index done = 0; done < steps;) {
    const TrainingPlan::Portion portion = members_[0]->next_portion(steps - done, together_);
    run_portion(stream, portion);
    done += portion.steps;
  }
  for (TrainingPlan* plan : members_) plan->steps_were_taken(stream);
}

void PopulationPlan::run_portion(Stream& stream, TrainingPlan::Portion portion) {
  Recorded& recorded = portion.full ? full_ : rest_;
  if (!recorded.warm) {
    for (Index step = 0; step < portion.steps; ++step) queue_branches(stream, {1, portion.full, false});
  } else {
    kernels::Recording& recording = portion.steps > 1 ? recorded.several : recorded.one;
    if (!recording.ready()) recording.record(stream, [&] { queue_branches(stream, portion); });
    recording.replay(stream);
  }
  recorded.warm = true;
  for (TrainingPlan* plan : members_) plan->was_done(portion);
}

void PopulationPlan::queue_branches(Stream& stream, const TrainingPlan::Portion& portion) {
  for (Stream& branch : branches_) kernels::run_after(branch, stream);
  for (std::size_t i = 0; i < members_.size(); ++i) members_[i]->queue(branches_[i % branches_.size()], portion);
  for (const Stream& branch : branches_) kernels::run_after(stream, branch);
}

std::string PopulationPlan::describe() const {
  std::string text = std::to_string(members_.size()) + " networks, ";
  switch (way_) {
    case Way::resident:
      text += "an epoch of all in one launch; each: ";
      break;
    case Way::branches:
      text +=
          "steps of all recorded together, in " + std::to_string(branches_.size()) + " branches that share the device";
      if (together_ > 1) text += ", " + std::to_string(together_) + " at a time";
      text += "; each: ";
      break;
    case Way::by_turns:
      text += "one after the other; each: ";
      break;
  }
  return text + members_[0]->describe();
}

}  // namespace mynah
