#include "algorithms/ensemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "algorithms/policy_actor.h"
#include "algorithms/policy_export.h"
#include "kernels/classification.h"
#include "kernels/ensemble.h"
#include "kernels/error.h"
#include "kernels/recording.h"

namespace mynah {
namespace {

/// p = softmax(scores); returns H(p).
double to_probabilities(std::span<const float> scores, std::span<double> p) {
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0.0;
  for (std::size_t c = 0; c < p.size(); ++c) sum += p[c] = std::exp(scores[c] - largest);
  double entropy = 0.0;
  for (double& value : p) {
    value /= sum;
    if (value != 0.0) entropy -= value * std::log(value);  // NaN comes through
  }
  return entropy;
}

/// What bounds a member's actions: infinite where nothing does.
std::vector<float> bounds_of_members(const std::vector<Policy>& members, std::vector<float> PolicyDescription::*bound,
                                     float unbounded) {
  std::vector<float> all;
  all.reserve(members.size() * static_cast<std::size_t>(members.front().output_size()));
  for (const Policy& one : members) {
    const std::vector<float>& own = one.description().*bound;
    all.insert(all.end(), own.begin(), own.end());
    all.resize(all.size() + static_cast<std::size_t>(one.output_size()) - own.size(), unbounded);
  }
  return all;
}

/// Room for so many values, kept for the next time.
float* room_for(Buffer<float>& buffer, DeviceId device, Index size) {
  if (buffer.size() < size) buffer = Buffer<float>(device, size);
  return buffer.data();
}

}  // namespace

Ensemble Ensemble::load(const std::filesystem::path& path, DeviceId device) {
  std::vector<Policy> members;
  for (const std::filesystem::path& file : find_members(path)) {
    members.push_back(Policy::load(file, device));
    const PolicyDescription &first = members.front().description(), &one = members.back().description();
    if (one.discrete != first.discrete || one.mlp.inputs != first.mlp.inputs || one.mlp.outputs != first.mlp.outputs) {
      throw input_error(file.string(),
                        "takes other observations, or gives other actions, than the first member of this ensemble",
                        "take its file from the run that the others are from");
    }
  }
  return Ensemble(std::move(members));
}

Ensemble::Ensemble(std::vector<Policy> members) : members_(std::move(members)) {
  if (members_.empty()) throw input_error("ensemble", "has no member", "give at least one policy");
  for (const Policy& one : members_) {
    if (one.description().discrete != description().discrete || one.observation_size() != observation_size() ||
        one.output_size() != output_size()) {
      throw input_error("ensemble", "its policies take different observations or give different actions",
                        "give policies of one task");
    }
  }
  outputs_.resize(members_.size() * static_cast<std::size_t>(output_size()));
  probabilities_.resize(2 * static_cast<std::size_t>(output_size()));
  const bool bounded = std::any_of(members_.begin(), members_.end(),
                                   [](const Policy& one) { return !one.description().action_low.empty(); });
  if (description().discrete || !bounded) return;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  Stream& stream = members_.front().stream();
  const auto low = bounds_of_members(members_, &PolicyDescription::action_low, -infinity);
  const auto high = bounds_of_members(members_, &PolicyDescription::action_high, infinity);
  low_ = Buffer<float>(stream, std::span<const float>(low));
  high_ = Buffer<float>(stream, std::span<const float>(high));
  stream.synchronize();
}

bool Ensemble::remembers() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const Policy& one) { return one.description().memory.remembers(); });
}

void Ensemble::refuse_memory(const char* call) const {
  for (const Policy& one : members_) {
    if (!one.description().memory.remembers()) continue;
    throw input_error(std::string("Ensemble::") + call,
                      "one of its policies " + one.description().memory.describe() + ": it needs to know its episode",
                      "ask one of them alone, such as RUN/members/000.safetensors, or act in a task");
  }
}

void Ensemble::act(std::span<const float> observation, std::span<float> action, std::span<float> disagreement) {
  refuse_memory("act");
  const auto columns = static_cast<std::size_t>(output_size());
  if (action.size() != columns || disagreement.size() != columns) {
    throw input_error("Ensemble::act",
                      fmt::format("got room for {} actions and {} disagreements", action.size(), disagreement.size()),
                      fmt::format("these policies give {}", columns));
  }
  for (std::size_t m = 0; m < members_.size(); ++m) {
    members_[m].act(observation, std::span(outputs_).subspan(m * columns, columns));
  }
  const auto count = static_cast<double>(members_.size());
  for (std::size_t c = 0; c < columns; ++c) {
    double sum = 0.0, squares = 0.0;
    for (std::size_t m = 0; m < members_.size(); ++m) sum += outputs_[m * columns + c];
    const double mean = sum / count;
    for (std::size_t m = 0; m < members_.size(); ++m) squares += std::pow(outputs_[m * columns + c] - mean, 2);
    action[c] = static_cast<float>(mean);
    disagreement[c] = static_cast<float>(std::sqrt(squares / count));
  }
}

Index Ensemble::choose(std::span<const float> observation, float* disagreement) {
  refuse_memory("choose");
  const auto classes = static_cast<std::size_t>(output_size());
  if (!description().discrete) {
    throw input_error("Ensemble::choose", "these policies have continuous actions", "call act()");
  }
  const std::span<double> mean = std::span(probabilities_).first(classes);
  const std::span<double> own = std::span(probabilities_).last(classes);
  std::fill(mean.begin(), mean.end(), 0.0);
  double entropies = 0.0;
  const auto count = static_cast<double>(members_.size());
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const std::span<float> scores = std::span(outputs_).subspan(m * classes, classes);
    members_[m].outputs(observation, scores);
    entropies += to_probabilities(scores, own);
    for (std::size_t c = 0; c < classes; ++c) mean[c] += own[c] / count;
  }
  double entropy = 0.0;
  for (const double p : mean) {
    if (p != 0.0) entropy -= p * std::log(p);
  }
  const double gain = entropy - entropies / count;
  *disagreement = static_cast<float>(gain < 0.0 ? 0.0 : gain);
  return std::max_element(mean.begin(), mean.end()) - mean.begin();
}

/// The outputs of all members, behind each other.
Matrix Ensemble::run_members(Stream& stream, ConstMatrix observations, const Step& step) {
  if (step.memories.empty()) refuse_memory("act");
  if (stream.device() != members_.front().stream().device()) {
    throw Error(Error::Cause::internal, "Ensemble", "its members are on another device than the stream");
  }
  const Index rows = observations.rows, columns = output_size();
  const Matrix outputs{room_for(batch_, stream.device(), size() * rows * columns), size() * rows, columns};
  for (Index m = 0; m < size(); ++m) {
    Policy& one = member(m);
    kernels::run_after(one.stream(), stream);
    const Matrix own = outputs.middle_rows(m * rows, rows);
    if (step.memories.empty()) {
      one.outputs(observations, own);
    } else {
      step.memories[static_cast<std::size_t>(m)].outputs(observations, step.elapsed, own);
    }
    kernels::run_after(stream, one.stream());
  }
  return outputs;
}

namespace {

/// In the member's own stream, behind what chose.
template <class Chosen>
void tell(Stream& stream, std::vector<Policy>& members, const Ensemble::Step& step, const Chosen& chosen) {
  for (std::size_t m = 0; m < step.memories.size(); ++m) {
    kernels::run_after(members[m].stream(), stream);
    step.memories[m].chosen(chosen);
  }
}

}  // namespace

void Ensemble::act(Stream& stream, ConstMatrix observations, Matrix actions, Matrix disagreement, const Step& step) {
  if (description().discrete) {
    throw input_error("Ensemble::act", "these policies have discrete actions", "call choose()");
  }
  const Matrix outputs = run_members(stream, observations, step);
  kernels::EnsembleBounds bounds;
  if (low_.size() > 0) bounds = {{low_.data(), size(), output_size()}, {high_.data(), size(), output_size()}};
  kernels::ensemble_moments(stream, outputs, bounds, actions, disagreement);
  tell(stream, members_, step, ConstMatrix(actions));
}

void Ensemble::choose(Stream& stream, ConstMatrix observations, Labels choices, Vector disagreement, const Step& step) {
  if (!description().discrete) {
    throw input_error("Ensemble::choose", "these policies have continuous actions", "call act()");
  }
  const Matrix outputs = run_members(stream, observations, step);
  const Index rows = observations.rows, classes = output_size();
  const Matrix mean{room_for(mean_probability_, stream.device(), rows * classes), rows, classes};
  kernels::ensemble_probabilities(stream, outputs, mean, disagreement);
  kernels::argmax_rows(stream, mean, choices);
  tell(stream, members_, step, ConstLabels(choices));
}

EnsembleActor::EnsembleActor(Ensemble& ensemble, const Task& task) : ensemble_(&ensemble) {
  const PolicyActor fits(ensemble.member(0), task);
}

void EnsembleActor::act(Stream& stream, const ActorInput& input, const ActionBatch& actions) {
  const Index rows = input.observations.rows, columns = ensemble_->disagreement_size();
  float* const disagreement = room_for(disagreement_, stream.device(), rows * columns);
  if (ensemble_->remembers() && (memories_.empty() || memories_.front().rows() != rows)) {
    memories_.clear();  // another batch of episodes begins
    memories_.reserve(static_cast<std::size_t>(ensemble_->size()));
    for (Index m = 0; m < ensemble_->size(); ++m) memories_.emplace_back(ensemble_->member(m), rows);
  }
  const Ensemble::Step step{memories_, input.elapsed};
  if (ensemble_->description().discrete) {
    ensemble_->choose(stream, input.observations, actions.labels, {disagreement, rows}, step);
  } else {
    ensemble_->act(stream, input.observations, actions.values, {disagreement, rows, columns}, step);
  }
}

}  // namespace mynah
