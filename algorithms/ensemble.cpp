#include "algorithms/ensemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "algorithms/policy_actor.h"
#include "algorithms/policy_export.h"
#include "kernels/error.h"
#include "kernels/memory.h"

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
    if (value > 0.0) entropy -= value * std::log(value);
  }
  return entropy;
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
    if (members_.size() > 1 && one.description().memory.remembers()) {
      throw input_error("ensemble", "one of its policies " + one.description().memory.describe(),
                        "give it alone: several policies with a memory cannot act together");
    }
    if (one.description().discrete != description().discrete || one.observation_size() != observation_size() ||
        one.output_size() != output_size()) {
      throw input_error("ensemble", "its policies take different observations or give different actions",
                        "give policies of one task");
    }
  }
  outputs_.resize(members_.size() * static_cast<std::size_t>(output_size()));
  probabilities_.resize(2 * static_cast<std::size_t>(output_size()));
}

void Ensemble::act(std::span<const float> observation, std::span<float> action, std::span<float> disagreement) {
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
    if (p > 0.0) entropy -= p * std::log(p);
  }
  *disagreement = static_cast<float>(std::max(0.0, entropy - entropies / count));
  return std::max_element(mean.begin(), mean.end()) - mean.begin();
}

EnsembleActor::EnsembleActor(Ensemble& ensemble, const Task& task) : ensemble_(&ensemble) {
  const PolicyActor fits(ensemble.member(0), task);
}

void EnsembleActor::act(Stream& stream, const ActorInput& input, const ActionBatch& actions) {
  const ConstMatrix from = input.observations;
  std::vector<float> observations(static_cast<std::size_t>(from.rows * from.stride));
  kernels::copy_to_host(stream, observations.data(), from.data, observations.size() * sizeof(float));
  const auto size = static_cast<std::size_t>(from.columns);
  const auto row_of = [&](Index row) {
    return std::span<const float>(observations).subspan(static_cast<std::size_t>(row * from.stride), size);
  };
  std::vector<float> disagreement(static_cast<std::size_t>(ensemble_->output_size()));
  if (ensemble_->description().discrete) {
    std::vector<std::int32_t> chosen(static_cast<std::size_t>(from.rows));
    for (Index row = 0; row < from.rows; ++row) {
      chosen[static_cast<std::size_t>(row)] =
          static_cast<std::int32_t>(ensemble_->choose(row_of(row), disagreement.data()));
    }
    kernels::copy_to_device(stream, actions.labels.data, chosen.data(), chosen.size() * sizeof(std::int32_t));
    return;
  }
  const Matrix to = actions.values;
  const auto columns = static_cast<std::size_t>(ensemble_->output_size());
  std::vector<float> values(static_cast<std::size_t>(to.rows * to.stride), 0.0f);
  for (Index row = 0; row < from.rows; ++row) {
    ensemble_->act(row_of(row), std::span(values).subspan(static_cast<std::size_t>(row * to.stride), columns),
                   disagreement);
  }
  kernels::copy_to_device(stream, to.data, values.data(), values.size() * sizeof(float));
}

}  // namespace mynah
