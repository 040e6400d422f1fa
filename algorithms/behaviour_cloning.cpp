#include "algorithms/behaviour_cloning.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "algorithms/last_actions.h"
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
  options.check_data(description.mlp.inputs, description.discrete, description.mlp.outputs, demonstrations.source);
  description.mlp.hidden = options.hidden;
  description.mlp.activation = options.activation;
  description.memory = options.memory;
  description.normalize_observations = options.normalize_observations;
  description.normalize_actions = options.normalize_actions && !demonstrations.discrete;
  description.head = options.head;
  if (!demonstrations.observation_names.empty()) description.observation_names = demonstrations.observation_names;
  if (!demonstrations.action_names.empty()) description.action_names = demonstrations.action_names;
  return description;
}

Loss loss_kind(const Demonstrations& demonstrations, const BehaviourCloningOptions& options) {
  if (demonstrations.discrete) return Loss::softmax_cross_entropy;
  return options.head.is_distribution() ? Loss::mixture_likelihood : Loss::mse;
}

/// The rows as a policy with that memory sees them, or windows of them where it remembers several steps.
ResidentData resident(Stream& stream, const Demonstrations& demonstrations, std::span<const std::int32_t> rows,
                      PolicyMemory memory, Index action_size) {
  if (memory.actions) {
    memory.actions = false;
    return resident(stream, with_last_actions(demonstrations, action_size), rows, memory, action_size);
  }
  const Index steps = memory.sequence_length;
  if (memory.recurrent > 0) return {stream, demonstrations, rows, {steps, 0, steps, steps / 2}};
  if (memory.history == 1 && memory.chunk == 1) return {stream, demonstrations, rows};
  return {stream, demonstrations, rows, {memory.history, memory.history - 1, memory.chunk, 1}};
}

/// The rows to train on and, where there is a mirror, their images behind them.
ResidentData training_data(Stream& stream, const Demonstrations& demonstrations, std::span<const std::int32_t> rows,
                           const Mirror& mirror, const PolicyMemory& memory, Index action_size) {
  if (mirror.empty()) return resident(stream, demonstrations, rows, memory, action_size);
  const Demonstrations both = with_mirror_images(demonstrations, mirror, action_size);
  std::vector<std::int32_t> all(rows.begin(), rows.end());
  all.reserve(2 * rows.size());
  for (const std::int32_t row : rows) all.push_back(row + static_cast<std::int32_t>(demonstrations.rows()));
  return resident(stream, both, all, memory, action_size);
}

/// Columns, or classes: `classes`, or as many as there are.
Index size_of_actions(const Demonstrations& demonstrations, const Mirror& mirror, Index classes) {
  if (!demonstrations.discrete) return demonstrations.action_size;
  return std::max({classes, demonstrations.action_count, mirror.actions.size()});
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
  require_option(head.kind != PolicyHead::Kind::mixture ||
                     (head.mixture_components >= 2 && head.mixture_components <= kernels::most_mixture_components),
                 "mixture-components", std::to_string(head.mixture_components), "give 2 to 32; 1 is --head gaussian");
  require_option(std::isfinite(observation_noise) && observation_noise >= 0, "observation-noise",
                 std::to_string(observation_noise), "give 0 or a positive number, such as 0.05");
  memory.validate();
  if (head.is_distribution()) memory.check_distribution(policy_head_name(head.kind));
  require_option(patience >= 0, "patience", std::to_string(patience), "give 0 (no early stop) or a number of epochs");
}

void BehaviourCloningOptions::check_data(Index observation_size, bool discrete, Index outputs,
                                         const std::string& source) const {
  if (!mirror.empty()) mirror.check(observation_size, discrete, outputs);
  if (discrete && head.is_distribution()) {
    throw input_error("--head " + policy_head_name(head.kind),
                      "is for continuous actions, but those of " + source + " are discrete",
                      "leave it out: discrete actions have a distribution of their own, the softmax of the scores");
  }
}

BehaviourCloning::Data::Data(Stream& stream, const Demonstrations& demonstrations,
                             std::span<const std::int32_t> training_rows, std::span<const std::int32_t> validation_rows,
                             const BehaviourCloningOptions& options, Index classes)
    : discrete(demonstrations.discrete) {
  const Index action_size = size_of_actions(demonstrations, options.mirror, classes);
  training = training_data(stream, demonstrations, training_rows, options.mirror, options.memory, action_size);
  validation = resident(stream, demonstrations, validation_rows, options.memory, action_size);
  if (training.empty()) {
    throw input_error(demonstrations.source, "has no rows to train on", "give more demonstrations");
  }
  // Of each row once, also where windows overlap.
  std::optional<ResidentData> single;
  if (training.has_windows()) {
    PolicyMemory of_a_step;
    of_a_step.actions = options.memory.actions;
    single = training_data(stream, demonstrations, training_rows, options.mirror, of_a_step, action_size);
  }
  const ResidentData& rows = single ? *single : training;
  if (options.normalize_observations || options.observation_noise > 0.0) {
    observation_moments = rows.input_moments(stream);
  }
  if (discrete) return;
  if (options.normalize_actions || options.head.is_distribution()) action_moments = rows.value_moments(stream);
  if (options.normalize_actions) training.standardize_values(stream, *action_moments);
}

BehaviourCloning::BehaviourCloning(DeviceId device, const Demonstrations& demonstrations,
                                   std::span<const std::int32_t> training_rows,
                                   std::span<const std::int32_t> validation_rows,
                                   const BehaviourCloningOptions& options, PolicyDescription names)
    : options_(validated(options)),
      loss_(loss_kind(demonstrations, options)),
      policy_(device, describe(demonstrations, options, std::move(names)), options.seed),
      own_data_(std::make_unique<Data>(policy_.stream(), demonstrations, training_rows, validation_rows, options,
                                       policy_.output_size())),
      stream_(&policy_.stream()),
      data_(own_data_.get()),
      stopping_{options.patience} {
  stream_->use_threads(static_cast<int>(options.threads));
  prepare({});
}

BehaviourCloning::BehaviourCloning(Stream& stream, const Data& data, const Demonstrations& demonstrations,
                                   const BehaviourCloningOptions& options, PolicyDescription names,
                                   std::span<const std::int32_t> rows)
    : options_(validated(options)),
      loss_(loss_kind(demonstrations, options)),
      policy_(stream.device(), describe(demonstrations, options, std::move(names)), options.seed),
      stream_(&stream),
      data_(&data),
      stopping_{options.patience} {
  prepare(rows);
}

void BehaviourCloning::take_moments() {
  const PolicyDescription& description = policy_.description();
  if (const auto& of = data_->observation_moments; of && description.normalize_observations) {
    policy_.set_observation_normalization(of->mean, of->deviation);
  }
  if (const auto& of = data_->action_moments; of && description.normalize_actions) {
    policy_.set_action_normalization(of->mean, of->deviation);
  }
  if (description.head.is_distribution()) policy_.set_action_deviation(data_->action_moments->deviation);
  if (options_.observation_noise == 0.0) return;
  std::vector<float> noise = data_->observation_moments->deviation;
  for (std::size_t c = 0; c < noise.size(); ++c) {
    const bool disturbed =
        static_cast<Index>(c) < policy_.observation_size() && !data_->observation_moments->constant[c];
    noise[c] = disturbed ? static_cast<float>(options_.observation_noise) * noise[c] : 0.0f;
  }
  // The same for every step that the network sees at once.
  const std::size_t columns = noise.size();
  noise.resize(static_cast<std::size_t>(data_->training.inputs().columns));
  for (std::size_t c = columns; c < noise.size(); ++c) noise[c] = noise[c - columns];
  noise_ = Buffer<float>(*stream_, std::span<const float>(noise));
}

/// Between what the policy gives and the actions as they were recorded.
LossOptions BehaviourCloning::loss_of_output() const {
  LossOptions loss = loss_;
  if (takes_labels(loss_) && data_->training.targets_per_row() > 1) loss.ignored_label = RowWindows::no_label;
  if (loss_ == Loss::mixture_likelihood) loss.mixture = policy_.mixture();
  return loss;
}

/// Histories and chunks: a window begins at every row, in their order.
Buffer<std::int32_t> BehaviourCloning::windows_that_begin_at(std::span<const std::int32_t> rows) {
  const ConstLabels all = data_->training.window_rows();
  std::vector<std::int32_t> windows(static_cast<std::size_t>(all.size)), chosen;
  kernels::copy_to_host(*stream_, windows.data(), all.data, windows.size() * sizeof(std::int32_t));
  chosen.reserve(rows.size());
  for (const std::int32_t row : rows) chosen.push_back(windows[static_cast<std::size_t>(row)]);
  return Buffer<std::int32_t>(*stream_, std::span<const std::int32_t>(chosen));
}

void BehaviourCloning::prepare(std::span<const std::int32_t> rows) {
  take_moments();
  policy_.stream().synchronize();  // From here on another may be used.
  Stream& stream = *stream_;
  best_weights_ = Buffer<float>(stream.device(), policy_.network().parameters.trained().size);
  Adam::Options adam{options_.learning_rate, {}};
  adam.constants.weight_decay = static_cast<float>(options_.weight_decay);
  adam.constants.decoupled = true;
  optimizer_ = std::make_unique<Adam>(stream, policy_.network().parameters, adam);
  TrainingPlan::Options plan;
  plan.batch_size = options_.batch_size;
  plan.loss = loss_of_output();
  // The head gives deviations in their own units: those of standardised actions, where these are trained on.
  if (policy_.description().normalize_actions) plan.loss.mixture.log_scale = {};
  plan.input_noise = noise_.view();
  plan.seed = options_.seed;
  plan.precision = options_.precision;
  if (!rows.empty()) {
    rows_ = Buffer<std::int32_t>(stream, rows);
    if (data_->training.has_windows()) rows_ = windows_that_begin_at(rows);
    plan.rows = rows_.view();
  }
  plan_ = std::make_unique<TrainingPlan>(stream, policy_.network(), policy_.input(), policy_.head(), *optimizer_,
                                         data_->training, plan);
  if (!data_->validation.empty()) {
    validation_plan_ = std::make_unique<EvaluationPlan>(stream, policy_.network(), policy_.input(), policy_.output(),
                                                        loss_of_output(), data_->validation);
  }
}

std::string BehaviourCloning::describe_plan() const {
  return plan_->describe() + "; products in " + kernels::precision_name(options_.precision);
}

void BehaviourCloning::train_for_steps(Index steps) {
  options_.epochs = std::max<Index>(1, (steps + plan_->steps_per_epoch() - 1) / plan_->steps_per_epoch());
}

bool BehaviourCloning::goes_on() const {
  const bool stopped = validation_plan_ != nullptr && epoch_ > 0 && stopping_.should_stop(epoch_);
  return epoch_ < options_.epochs && !stopped;
}

void BehaviourCloning::take_epoch() {
  if (reader_ == nullptr) {
    reader_ =
        std::make_unique<SnapshotReader>(*stream_, policy_.network(), policy_.input(), policy_.output(),
                                         loss_of_output(), validation_plan_ == nullptr ? nullptr : &data_->validation);
  }
  reader_->take(*stream_, *plan_, epoch_);
}

double BehaviourCloning::loss_of_taken_epoch() {
  return plan_->loss_of(reader_->stream(), epoch_);
}

EpochReport BehaviourCloning::finish_taken_epoch(bool ahead) {
  epoch_ahead_ = ahead;
  return finish_epoch(loss_of_taken_epoch());
}

void BehaviourCloning::drop_epoch_ahead() {
  plan_->go_back_to(*stream_, epoch_);
  epoch_ahead_ = false;
}

/// The next epoch, while the one after it is trained.
EpochReport BehaviourCloning::train_ahead() {
  if (!epoch_ahead_) plan_->queue_epoch(*stream_, epoch_);
  take_epoch();
  const bool ahead = epoch_ + 1 < options_.epochs;
  if (ahead) plan_->queue_epoch(*stream_, epoch_ + 1);
  return finish_taken_epoch(ahead);
}

void BehaviourCloning::take_back_epoch_ahead() {
  if (epoch_ahead_) plan_->go_back_to(*stream_, epoch_ - 1);
  epoch_ahead_ = false;
  reader_.reset();
}

EpochReport BehaviourCloning::finish_epoch(double training_loss) {
  EpochReport report;
  report.training_loss = training_loss_ = training_loss;
  report.epoch = ++epoch_;
  report.steps = epoch_ * plan_->steps_per_epoch();
  if (!std::isfinite(training_loss)) take_back_epoch_ahead();
  require_finite_loss(report.training_loss, "training, epoch " + std::to_string(epoch_),
                      "give a smaller --learning-rate, and look at the data with `mynah inspect`");
  if (validation_plan_ != nullptr) {
    report.validation = reader_ != nullptr ? reader_->evaluate() : validation_plan_->run(*stream_);
    report.best = stopping_.observe(epoch_, report.validation->loss);
    if (report.best) keep_best_weights();
  }
  return report;
}

BehaviourCloningResult BehaviourCloning::finish() {
  BehaviourCloningResult result;
  take_back_epoch_ahead();
  if (options_.keep_best && stopping_.best_epoch > 0) restore_best_weights();
  result.epochs = epoch_;
  result.steps = epoch_ * plan_->steps_per_epoch();
  result.best_epoch = stopping_.best_epoch;
  result.training_loss = training_loss_;
  if (validation_plan_ != nullptr) result.validation = validation_plan_->run(*stream_);
  result.stopped_early = !goes_on() && epoch_ < options_.epochs;
  stream_->synchronize();  // before the policy is used on its own stream
  return result;
}

BehaviourCloningResult BehaviourCloning::fit(const Observer& observer) {
  while (goes_on()) {
    const bool resident = plan_->resident() != nullptr;
    const EpochReport report = resident ? train_ahead() : finish_epoch(plan_->run_epoch(*stream_, epoch_));
    if (observer && !observer(report)) break;
  }
  return finish();
}

void BehaviourCloning::keep_best_weights() {
  const ConstVector weights = reader_ != nullptr ? reader_->weights() : policy_.network().parameters.trained();
  Stream& stream = reader_ != nullptr ? reader_->stream() : *stream_;
  kernels::copy_on_device(stream, best_weights_.data(), weights.data,
                          static_cast<std::size_t>(weights.size) * sizeof(float));
  if (reader_ != nullptr) stream.synchronize();  // whoever reads them does so in the order of the other stream
}

void BehaviourCloning::restore_best_weights() {
  const Vector weights = policy_.network().parameters.trained();
  policy_.network().parameters.changed();
  kernels::copy_on_device(*stream_, weights.data, best_weights_.data(),
                          static_cast<std::size_t>(weights.size) * sizeof(float));
}

SafetensorsFile BehaviourCloning::save() {
  Stream& stream = *stream_;
  SafetensorsFile state;
  state.metadata["mynah.state"] = "behaviour_cloning";
  // An epoch ahead has left its own state in the other snapshot, and is neither lost nor seen.
  if (epoch_ahead_) plan_->go_back_to(stream, epoch_ - 1);
  policy_.network().parameters.save(stream, state, "network.");
  optimizer_->save(stream, state, "adam.");
  if (epoch_ahead_) plan_->go_back_to(stream, epoch_);
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
  Stream& stream = *stream_;
  const auto counters = (state.at("counters", {2}), state.int64s("counters"));
  const auto losses = (state.at("losses", {2}), state.doubles("losses"));
  if (counters[0] < 0 || counters[1] < 0 || counters[1] > counters[0]) {
    throw input_error(state.origin, "tensor 'counters' is damaged", "remove the checkpoint and train again");
  }
  std::vector<float> best;
  if (counters[1] > 0) best = (state.at("best.weights", {best_weights_.size()}), state.floats("best.weights"));
  epoch_ahead_ = false;
  reader_.reset();  // the constants of its copy may be others
  policy_.network().parameters.load(stream, state, "network.");
  optimizer_->load(stream, state, "adam.");
  if (!best.empty()) best_weights_.upload(stream, best);
  epoch_ = counters[0];
  stopping_.best_epoch = counters[1];
  stopping_.best = losses[0];
  training_loss_ = losses[1];
}

}  // namespace mynah
