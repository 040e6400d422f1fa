#include "engine/optimizer.h"

#include <cmath>

#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/optimizer.h"

namespace mynah {
namespace {

void require_option(bool holds, const std::string& place, const std::string& problem, const std::string& remedy) {
  if (!holds) throw input_error(place, problem, remedy);
}

void require_valid(const std::string& place, double learning_rate, const OptimizerOptions& options) {
  require_option(std::isfinite(learning_rate) && learning_rate >= 0.0, place,
                 "the learning rate " + std::to_string(learning_rate) + " is no finite number from 0 up",
                 "give a positive number, such as 1e-3");
  require_option(std::isfinite(options.clip_norm) && options.clip_norm >= 0.0, place,
                 "clip_norm " + std::to_string(options.clip_norm) + " is no finite number from 0 up",
                 "give 0 (no clipping) or a positive norm");
  require_option(options.ema_decay >= 0.0 && options.ema_decay < 1.0, place,
                 "ema_decay " + std::to_string(options.ema_decay) + " lies outside of [0, 1)",
                 "give 0 (no average) or a number such as 0.999");
  const kernels::Schedule& schedule = options.schedule;
  require_option(schedule.warmup_steps >= 0 && schedule.steps >= 0, place,
                 "the schedule has " + std::to_string(schedule.warmup_steps) + " warm-up steps of " +
                     std::to_string(schedule.steps) + " steps",
                 "give numbers from 0 up");
  require_option(schedule.kind == kernels::Schedule::constant || schedule.steps > schedule.warmup_steps, place,
                 "the schedule ends after " + std::to_string(schedule.steps) + " steps, with " +
                     std::to_string(schedule.warmup_steps) + " of warm-up",
                 "give more steps than the warm-up has");
  require_option(
      std::isfinite(schedule.final_factor) && schedule.final_factor >= 0.0, place,
      "the schedule's final factor " + std::to_string(schedule.final_factor) + " is no finite number from 0 up",
      "give a number such as 0 or 0.1");
}

}  // namespace

Optimizer::Optimizer(Stream& stream, const std::string& name, const Parameters& parameters, double learning_rate,
                     const OptimizerOptions& options, const std::vector<std::string>& states)
    : parameters_(&parameters), options_(options), base_rate_(stream.device(), 1), steps_(stream.device(), 1) {
  require_valid("optimizer " + name, learning_rate, options);
  parameters.require_trained("optimizer " + name);
  const Index size = parameters.trained().size;
  set_learning_rate(stream, learning_rate);
  kernels::set_counters(stream, steps_.view(), 0);
  for (const std::string& state : states) {
    states_.push_back({state, Buffer<float>(stream.device(), size)});
    kernels::fill(stream, states_.back().values.view(), 0.0f);
  }
  if (!options.schedule.is_constant()) {
    scheduled_rate_ = Buffer<float>(stream.device(), 1);
    scheduled_rate_.upload(stream, static_cast<float>(learning_rate));
  }
  if (options.clip_norm > 0.0) {
    norm_ = Buffer<double>(stream.device(), 1);
    norm_.upload(stream, 0.0);
    clip_factor_ = Buffer<float>(stream.device(), 1);
  }
  if (options.ema_decay > 0.0) ema_ = Buffer<float>(stream.device(), size);
}

void Optimizer::step(Stream& stream) const {
  kernels::advance(stream, steps_.data(), 1);
  const float* rate = base_rate_.data();
  if (scheduled_rate_.size() > 0) {
    kernels::schedule_learning_rate(stream, options_.schedule, steps_.data(), base_rate_.data(),
                                    scheduled_rate_.data());
    rate = scheduled_rate_.data();
  }
  const float* scale = nullptr;
  if (norm_.size() > 0) {
    kernels::global_norm(stream, parameters_->gradient(), norm_.view());
    kernels::clip_factor(stream, norm_.view(), options_.clip_norm, clip_factor_.data());
    scale = clip_factor_.data();
  }
  parameters_->changed();
  apply(stream, rate, scale);
  if (ema_.size() > 0) {
    kernels::ema_update(stream, options_.ema_decay, steps_.data(), parameters_->trained(), ema_.view());
  }
}

std::string Optimizer::find_resident(kernels::MlpObjective& objective, kernels::MlpMember& member) const {
  if (norm_.size() > 0) return "gradients are clipped by their norm";
  if (ema_.size() > 0) return "an average of the weights is kept";
  objective.schedule = options_.schedule;
  member.learning_rate = base_rate_.data();
  member.steps = steps_.data();
  return find_resident_step(objective, member);
}

std::string Optimizer::find_resident_step(kernels::MlpObjective&, kernels::MlpMember&) const {
  return "the optimizer is " + name();
}

std::string Optimizer::find_rule(kernels::StepRule& rule, Vector& first_moment, Vector& second_moment,
                                 Index*& steps) const {
  kernels::MlpObjective objective;
  kernels::MlpMember member;
  if (std::string reason = find_resident(objective, member); !reason.empty()) return reason;
  rule = {objective.descends, objective.adam, objective.sgd, objective.schedule, member.learning_rate, member.steps};
  const Index size = parameters_->trained().size;
  const auto moment = [size](float* data) { return data == nullptr ? Vector{} : Vector{data, size}; };
  first_moment = moment(member.first_moment);
  second_moment = moment(member.second_moment);
  steps = member.steps;
  return {};
}

void Optimizer::steps_were_taken(Stream& stream) const {
  parameters_->changed();
  if (scheduled_rate_.size() == 0) return;
  kernels::schedule_learning_rate(stream, options_.schedule, steps_.data(), base_rate_.data(), scheduled_rate_.data());
}

void Optimizer::set_learning_rate(Stream& stream, double learning_rate) {
  base_rate_.upload(stream, static_cast<float>(learning_rate));
}

double Optimizer::learning_rate(Stream& stream) const {
  const Buffer<float>& rate = scheduled_rate_.size() > 0 && steps(stream) > 0 ? scheduled_rate_ : base_rate_;
  return static_cast<double>(rate.download(stream)[0]);
}

double Optimizer::gradient_norm(Stream& stream) const {
  if (norm_.size() == 0) throw Error(Error::Cause::internal, name(), "the norm of the gradient is not computed");
  return norm_.download(stream)[0];
}

void Optimizer::swap_ema(Stream& stream) {
  if (ema_.size() == 0) throw Error(Error::Cause::internal, name(), "no average of the weights is kept");
  if (steps(stream) == 0) {
    throw input_error("optimizer " + name(), "there is no average of the weights before the first step");
  }
  parameters_->changed();
  kernels::exchange(stream, parameters_->trained(), ema_.view());
}

void Optimizer::save(Stream& stream, SafetensorsFile& file, const std::string& prefix) const {
  file.add_int64(prefix + "step", {1}, steps_.download(stream));
  for (const State& state : states_) {
    file.add_floats(prefix + state.name, {state.values.size()}, state.values.download(stream));
  }
  // Before the first step the average is undefined, and is not saved.
  if (ema_.size() > 0 && steps(stream) > 0) file.add_floats(prefix + "ema", {ema_.size()}, ema_.download(stream));
}

void Optimizer::load(Stream& stream, const SafetensorsFile& file, const std::string& prefix) {
  // Everything is checked before anything changes.
  (void)file.at(prefix + "step", {1});
  for (const State& state : states_) (void)file.at(prefix + state.name, {state.values.size()});
  const Index steps = file.int64s(prefix + "step")[0];
  const bool has_average = ema_.size() > 0 && steps > 0;
  if (has_average) (void)file.at(prefix + "ema", {ema_.size()});
  steps_.upload(stream, steps);
  for (State& state : states_) state.values.upload(stream, file.floats(prefix + state.name));
  if (has_average) ema_.upload(stream, file.floats(prefix + "ema"));
}

}  // namespace mynah
