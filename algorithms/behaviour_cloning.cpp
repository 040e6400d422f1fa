#include "algorithms/behaviour_cloning.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/error.h"

namespace mynah {
namespace {

void require_option(bool holds, const std::string& option, const std::string& value, const std::string& remedy) {
  if (!holds) throw input_error("--" + option + " " + value, "is not possible", remedy);
}

PolicyDescription describe(const Demonstrations& demonstrations, const BehaviourCloningOptions& options,
                           PolicyDescription description) {
  description.discrete = demonstrations.discrete;
  description.mlp.inputs = demonstrations.observation_size;
  // Rare classes may be missing from the recording: the task knows how many there are.
  description.mlp.outputs = demonstrations.discrete ? std::max(demonstrations.action_count,
                                                               static_cast<Index>(description.action_names.size()))
                                                    : demonstrations.action_size;
  description.mlp.hidden = options.hidden;
  description.mlp.activation = options.activation;
  description.normalize_observations = options.normalize_observations;
  description.normalize_actions = options.normalize_actions && !demonstrations.discrete;
  if (!demonstrations.observation_names.empty()) description.observation_names = demonstrations.observation_names;
  if (!demonstrations.action_names.empty()) description.action_names = demonstrations.action_names;
  return description;
}

const BehaviourCloningOptions& validated(const BehaviourCloningOptions& options) {
  options.validate();
  return options;
}

}  // namespace

void BehaviourCloningOptions::validate() const {
  for (const Index width : hidden) {
    require_option(width >= 1 && width <= 65536, "hidden", std::to_string(width),
                   "give widths from 1 to 65536, such as 256,256");
  }
  require_option(epochs >= 1, "epochs", std::to_string(epochs), "give at least 1");
  require_option(batch_size >= 1, "batch-size", std::to_string(batch_size), "give at least 1");
  require_option(std::isfinite(learning_rate) && learning_rate > 0, "learning-rate", std::to_string(learning_rate),
                 "give a positive number, such as 1e-3");
  require_option(std::isfinite(weight_decay) && weight_decay >= 0, "weight-decay", std::to_string(weight_decay),
                 "give 0 or a positive number, such as 1e-4");
  require_option(threads >= 1 && threads <= 1024, "threads", std::to_string(threads), "give 1 to 1024");
  require_option(patience >= 0, "patience", std::to_string(patience), "give 0 (no early stop) or a number of epochs");
}

BehaviourCloning::BehaviourCloning(DeviceId device, const Demonstrations& demonstrations,
                                   std::span<const std::int32_t> training_rows,
                                   std::span<const std::int32_t> validation_rows,
                                   const BehaviourCloningOptions& options, PolicyDescription names)
    : options_(validated(options)),
      loss_(demonstrations.discrete ? Loss::softmax_cross_entropy : Loss::mse),
      policy_(device, describe(demonstrations, options, std::move(names)), options.seed),
      training_(policy_.stream(), demonstrations, training_rows),
      validation_(policy_.stream(), demonstrations, validation_rows),
      best_weights_(device, policy_.network().parameters.trained().size),
      stopping_{options.patience} {
  if (training_.empty()) {
    throw input_error(demonstrations.source, "has no rows to train on", "give more demonstrations");
  }
  Stream& stream = policy_.stream();
  stream.use_threads(static_cast<int>(options.threads));
  normalize(options);
  Adam::Options adam{options.learning_rate, {}};
  adam.constants.weight_decay = static_cast<float>(options.weight_decay);
  adam.constants.decoupled = true;
  optimizer_ = std::make_unique<Adam>(stream, policy_.network().parameters, adam);
  plan_ = std::make_unique<TrainingPlan>(
      stream, policy_.network(), policy_.input(), policy_.head(), *optimizer_, training_,
      TrainingPlan::Options{options.batch_size, loss_, options.seed, TrainingPlan::Path::automatic, options.precision});
  if (!validation_.empty()) {
    validation_plan_ = std::make_unique<EvaluationPlan>(stream, policy_.network(), policy_.input(), policy_.output(),
                                                        loss_, validation_);
  }
}

std::string BehaviourCloning::describe_plan() const {
  return plan_->describe() + "; products in " + kernels::precision_name(options_.precision);
}

void BehaviourCloning::normalize(const BehaviourCloningOptions& options) {
  Stream& stream = policy_.stream();
  if (options.normalize_observations) {
    const auto moments = training_.input_moments(stream);
    policy_.set_observation_normalization(moments.mean, moments.deviation);
  }
  if (policy_.description().normalize_actions) {
    const auto moments = training_.value_moments(stream);
    policy_.set_action_normalization(moments.mean, moments.deviation);
    training_.standardize_values(stream, moments);
  }
}

EpochReport BehaviourCloning::run_epoch() {
  Stream& stream = policy_.stream();
  EpochReport report;
  report.training_loss = training_loss_ = plan_->run_epoch(stream, epoch_);
  report.epoch = ++epoch_;
  report.steps = epoch_ * plan_->steps_per_epoch();
  require_finite_loss(report.training_loss, "training, epoch " + std::to_string(epoch_),
                      "give a smaller --learning-rate, and look at the data with `mynah inspect`");
  if (validation_plan_ != nullptr) {
    report.validation = validation_plan_->run(stream);
    report.best = stopping_.observe(epoch_, report.validation->loss);
    if (report.best) keep_best_weights();
  }
  return report;
}

BehaviourCloningResult BehaviourCloning::fit(const Observer& observer) {
  BehaviourCloningResult result;
  const auto stopped = [&] { return validation_plan_ != nullptr && epoch_ > 0 && stopping_.should_stop(epoch_); };
  while (epoch_ < options_.epochs && !stopped()) {
    const EpochReport report = run_epoch();
    if (observer && !observer(report)) break;
  }
  if (options_.keep_best && stopping_.best_epoch > 0) restore_best_weights();
  result.epochs = epoch_;
  result.steps = epoch_ * plan_->steps_per_epoch();
  result.best_epoch = stopping_.best_epoch;
  result.training_loss = training_loss_;
  if (validation_plan_ != nullptr) result.validation = validation_plan_->run(policy_.stream());
  result.stopped_early = stopped() && epoch_ < options_.epochs;
  return result;
}

void BehaviourCloning::keep_best_weights() {
  const Vector weights = policy_.network().parameters.trained();
  kernels::copy_on_device(policy_.stream(), best_weights_.data(), weights.data,
                          static_cast<std::size_t>(weights.size) * sizeof(float));
}

void BehaviourCloning::restore_best_weights() {
  const Vector weights = policy_.network().parameters.trained();
  kernels::copy_on_device(policy_.stream(), weights.data, best_weights_.data(),
                          static_cast<std::size_t>(weights.size) * sizeof(float));
}

SafetensorsFile BehaviourCloning::save() {
  Stream& stream = policy_.stream();
  SafetensorsFile state;
  state.metadata["mynah.state"] = "behaviour_cloning";
  policy_.network().parameters.save(stream, state, "network.");
  optimizer_->save(stream, state, "adam.");
  if (stopping_.best_epoch > 0) {
    state.add_floats("best.weights", {best_weights_.size()}, best_weights_.download(stream));
  }
  const std::array<std::int64_t, 2> counters{epoch_, stopping_.best_epoch};
  state.add_int64("counters", {2}, counters);
  const std::array<double, 2> losses{stopping_.best, training_loss_};
  state.add_doubles("losses", {2}, losses);
  return state;
}

void BehaviourCloning::load(const SafetensorsFile& state) {
  Stream& stream = policy_.stream();
  const auto counters = (state.at("counters", {2}), state.int64s("counters"));
  const auto losses = (state.at("losses", {2}), state.doubles("losses"));
  if (counters[0] < 0 || counters[1] < 0 || counters[1] > counters[0]) {
    throw input_error(state.origin, "tensor 'counters' is damaged", "remove the checkpoint and train again");
  }
  std::vector<float> best;
  if (counters[1] > 0) best = (state.at("best.weights", {best_weights_.size()}), state.floats("best.weights"));
  policy_.network().parameters.load(stream, state, "network.");
  optimizer_->load(stream, state, "adam.");
  if (!best.empty()) best_weights_.upload(stream, best);
  epoch_ = counters[0];
  stopping_.best_epoch = counters[1];
  stopping_.best = losses[0];
  training_loss_ = losses[1];
}

}  // namespace mynah
