#include "engine/training_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/gather.h"
#include "kernels/linear_loss.h"
#include "kernels/linear_tuning.h"
#include "kernels/noise.h"
#include "kernels/random.h"

namespace mynah {

TrainingPlan::Batch::Batch(Stream& stream, const Network& network, Value output, const ResidentData& data,
                           const Execution::Options& options)
    : execution(network, {output}, options) {
  const Index rows = options.rows;
  if (data.targets_per_row() > 1) {
    windows = std::make_unique<WindowTargets>(stream.device(), data, rows, network.graph.columns(output));
  } else if (data.values().columns > 0) {
    const Index stride = (data.values().columns + 3) / 4 * 4;
    value_targets = Buffer<float>(stream.device(), rows * stride);
    values = {value_targets.data(), rows, data.values().columns, stride};
  } else {
    label_targets = Buffer<std::int32_t>(stream.device(), rows);
  }
}

namespace {

/// Of those that kernels::linear_loss has.
bool is_plain_loss(const LossOptions& loss) {
  if (elementwise_loss_of(loss)) return true;
  return loss.kind == Loss::softmax_cross_entropy && loss.class_weights.empty() && loss.label_smoothing == 0.0f &&
         !loss.ignored_label;
}

}  // namespace

void TrainingPlan::Batch::fuse(const Stream& stream, Value output, const Optimizer& optimizer,
                               const LossOptions& loss) {
  fused = true;
  kernels::StepRule rule;
  Vector first_moment, second_moment;
  Index* counter = nullptr;
  not_stepping = optimizer.find_rule(rule, first_moment, second_moment, counter);
  const Matrix y = execution.value(output);
  last_layer = execution.linear_operands(output);
  if (!last_layer) {
    not_with_loss = "the last layer is not linear";
  } else if (windows != nullptr) {
    not_with_loss = "a row has several targets";
  } else if (!is_plain_loss(loss)) {
    not_with_loss = "it is " + loss_name(loss.kind) + (takes_labels(loss.kind) ? " with options" : "");
  } else if (!kernels::linear_loss_fits(stream, y.rows, last_layer->x.columns, y.columns)) {
    not_with_loss = "the last layer has too many outputs";
  }
  if (!not_with_loss.empty()) last_layer.reset();
  // Layers that draw random numbers by the number of the step must see the same number forward and backward.
  counts_early = last_layer && !execution.draws_random_numbers();
  rule.ahead = counts_early ? 0 : 1;
  if (not_stepping.empty()) not_stepping = execution.step_in_backward(output, rule, first_moment, second_moment);
  if (not_stepping.empty()) {
    steps = counter;
  } else {
    overwrite_gradients(output);
  }
}

void TrainingPlan::Batch::overwrite_gradients(Value output) {
  not_overwriting = execution.overwrite_parameter_gradients(output);
  overwrites = not_overwriting.empty();
}

namespace {

/// What an epoch takes; empty: all.
ConstLabels chosen_rows(const ResidentData& data, const TrainingPlan::Options& options) {
  return options.rows.empty() ? data.window_rows() : options.rows;
}

}  // namespace

TrainingPlan::TrainingPlan(Stream& stream, Network& network, Value input, Value output, Optimizer& optimizer,
                           const ResidentData& data, const Options& options)
    : network_(&network),
      input_(input),
      output_(output),
      optimizer_(&optimizer),
      data_(&data),
      loss_(options.loss),
      batch_size_(std::min(options.batch_size,
                           chosen_rows(data, options).empty() ? data.rows() : chosen_rows(data, options).size)),
      permutation_key_(random_key(options.seed, RandomStream::permutation)),
      // The numbers of the input's node, which has no layer that would draw them.
      noise_key_(random_key(options.seed, RandomStream::layer, static_cast<std::uint32_t>(input.index))),
      native_stream_(stream.native()),
      chosen_(chosen_rows(data, options)),
      input_noise_(options.input_noise),
      order_(stream.device(), chosen_.empty() ? data.rows() : chosen_.size),
      positions_(stream.device(), chosen_.size),
      epoch_(stream.device(), 1),
      position_(stream.device(), 1),
      loss_sum_(stream.device(), 1),
      ticket_(stream.device(), 1) {
  if (options.batch_size < 1) throw input_error("batch size", std::to_string(options.batch_size) + " is below 1");
  if (data.empty()) throw input_error("training data", "has no rows", "give demonstrations with at least one row");
  if (data.inputs().columns != network.graph.columns(input)) {
    throw input_error("training data", "has " + std::to_string(data.inputs().columns) +
                                           " observation columns, but the network takes " +
                                           std::to_string(network.graph.columns(input)));
  }
  if (takes_labels(loss_.kind) && !data.has_labels()) {
    throw input_error("training data", "has no class labels, which softmax cross-entropy needs");
  }
  if (!input_noise_.empty() && input_noise_.size != network.graph.columns(input)) {
    throw Error(Error::Cause::internal, "training plan", "the input noise is not one deviation a column");
  }
  data.check_targets(stream, loss_, network.graph.columns(output));
  if (data.targets_per_row() > 1 && !takes_labels(loss_.kind)) {
    targets_per_row_ = data.count_targets(stream, chosen_) / static_cast<double>(chosen_.size);
  } else {
    targets_per_row_ = static_cast<double>(data.targets_per_row());
  }
  network.parameters.require_trained("training");
  if (&optimizer.parameters() != &network.parameters) {
    throw Error(Error::Cause::internal, "training plan", "the optimizer was made for another network's parameters");
  }
  execution_.rows = batch_size_;
  execution_.gradients = true;
  execution_.mode = Mode::train;
  execution_.precision = options.precision;
  execution_.seed = options.seed;
  execution_.step = optimizer.step_counter();
  if (options.most_recorded_steps < 1) {
    throw input_error("most recorded steps", std::to_string(options.most_recorded_steps) + " is below 1");
  }
  ticket_.upload(stream, std::uint32_t{0});
  choose_path(stream, output, options);
  fuse_ = record_ && options.fuse;
  most_recorded_steps_ = options.most_recorded_steps;
  if (resident_) return;  // without a use for the places of values and gradients
  full_ = std::make_unique<Batch>(stream, network, output, data, execution_);
  if (const Index rest = rows() % batch_size_; rest != 0) {
    Execution::Options execution = execution_;
    execution.rows = rest;
    rest_ = std::make_unique<Batch>(stream, network, output, data, execution);
  }
  // The CPU takes operations one by one, which there costs no launches.
  const bool overwrites = options.fuse && stream.backend() == Backend::cpu;
  for (Batch* batch : {full_.get(), rest_.get()}) {
    if (batch == nullptr) continue;
    if (fuse_) batch->fuse(stream, output, optimizer, loss_);
    if (overwrites) batch->overwrite_gradients(output);
  }
}

namespace {

/// A block has a multiprocessor for itself alone, of a hundred: from about so many products a step on, launches that
/// use the whole device are faster. An estimate: at a third of a multiprocessor's arithmetic it is 20 microseconds,
/// what the launches of a step cost. A cluster has as many multiprocessors as
/// blocks. Not measured.
constexpr Index most_resident_products = 1'500'000;

}  // namespace

void TrainingPlan::choose_path(Stream& stream, Value output, const Options& options) {
  const bool cuda = kernels::Recording::supported(stream);
  record_ = cuda && options.path != Path::direct;
  if (options.path == Path::direct || options.path == Path::recorded) return;
  if (data_->has_windows()) {
    not_resident_ = "rows of the data are windows";
  } else if (!input_noise_.empty()) {
    not_resident_ = "the inputs are disturbed by noise";
  } else if (options.precision == kernels::Precision::float32) {
    resident_ = ResidentMlp::find(stream, *network_, input_, output, *optimizer_, *data_, loss_, batch_size_,
                                  order_.view(), loss_sum_.view(), &not_resident_);
  } else {
    not_resident_ = "products are in reduced precision";
  }
  if (options.path == Path::resident) {
    if (resident_) return;
    throw input_error("training", "cannot be resident: " + not_resident_, "take another path, such as automatic");
  }
  if (resident_ && !cuda) {
    resident_.reset();
    not_resident_ = "the CPU has no launches to save";
  } else if (resident_ && resident_->products() > most_resident_products * resident_->placement().blocks) {
    resident_.reset();
    not_resident_ = "a step is enough work for the whole device";
  }
}

void TrainingPlan::begin_epoch(Stream& stream, Index epoch) {
  kernels::set_counters(stream, epoch_.view(), epoch);
  kernels::set_counters(stream, position_.view(), 0);
  if (chosen_.empty()) {
    kernels::permutation(stream, permutation_key_, epoch_.data(), order_.view());
  } else {
    kernels::permutation(stream, permutation_key_, epoch_.data(), positions_.view());
    kernels::gather_labels(stream, chosen_, positions_.view(), nullptr, order_.view());
  }
  const double zero = 0.0;
  kernels::copy_to_device(stream, loss_sum_.data(), &zero, sizeof(zero));
  row_ = 0;
}

void TrainingPlan::disturb_inputs(Stream& stream, const Batch& batch) const {
  if (input_noise_.empty()) return;
  kernels::add_noise(stream, noise_key_, execution_.step, input_noise_, batch.execution.value(input_));
}

void TrainingPlan::queue_step(Stream& stream, const Batch& batch) const {
  batch.fused ? queue_fused_step(stream, batch) : queue_plain_step(stream, batch);
}

void TrainingPlan::queue_fused_step(Stream& stream, const Batch& batch) const {
  const Execution& execution = batch.execution;
  const Index rows = execution.rows();
  const Targets targets = queue_gather(stream, batch, true);
  disturb_inputs(stream, batch);
  if (batch.steps == nullptr && !batch.overwrites) kernels::fill(stream, network_->parameters.gradient(), 0.0f);
  if (batch.last_layer) {
    queue_last_layer_with_loss(stream, batch, targets);
  } else {
    execution.forward(stream);
    queue_loss(stream, batch, targets);
  }
  execution.backward(stream, output_);
  if (batch.steps == nullptr) {
    optimizer_->step(stream);
  } else if (!batch.counts_early) {
    kernels::advance(stream, batch.steps, 1);
  }
  if (!batch.last_layer) kernels::advance(stream, position_.data(), rows);
}

void TrainingPlan::queue_last_layer_with_loss(Stream& stream, const Batch& batch, const Targets& targets) const {
  const Execution& execution = batch.execution;
  execution.forward(stream, Value{output_.index - 1});  // all that comes before it
  kernels::LinearLoss loss;
  loss.loss = elementwise_loss_of(loss_).value_or(kernels::ElementwiseLoss::mse);
  loss.values = targets.values;
  loss.labels = targets.labels;
  loss.loss_sum = loss_sum_.view();
  loss.gradient = execution.gradient(output_);
  loss.ticket = ticket_.data();
  loss.counts[0] = {position_.data(), execution.rows()};
  if (batch.steps != nullptr && batch.counts_early) loss.counts[1] = {batch.steps, 1};
  loss.precision = execution_.precision;
  kernels::linear_loss(stream, batch.last_layer->x, batch.last_layer->w, batch.last_layer->b, execution.value(output_),
                       loss);
}

/// Inputs and targets of a batch; of windows with several targets, batch.windows has the latter.
Targets TrainingPlan::queue_gather(Stream& stream, const Batch& batch, bool together) const {
  const ConstLabels rows = order_.view();
  const Index* const first = position_.data();
  const Matrix inputs = batch.execution.value(input_);
  Targets targets;
  if (batch.windows != nullptr) {
    kernels::gather_rows(stream, data_->inputs(), rows, first, inputs);
    batch.windows->gather(stream, *data_, rows, first);
    return targets;
  }
  if (takes_labels(loss_.kind)) {
    targets.labels = batch.label_targets.view();
  } else {
    targets.values = batch.values;
  }
  if (together) {
    kernels::gather_batch(stream, {data_->inputs(), data_->values(), data_->labels()}, rows, first,
                          {inputs, batch.values, batch.label_targets.view()});
    return targets;
  }
  kernels::gather_rows(stream, data_->inputs(), rows, first, inputs);
  if (takes_labels(loss_.kind)) {
    kernels::gather_labels(stream, data_->labels(), rows, first, batch.label_targets.view());
  } else {
    kernels::gather_rows(stream, data_->values(), rows, first, batch.values);
  }
  return targets;
}

void TrainingPlan::queue_loss(Stream& stream, const Batch& batch, const Targets& targets) const {
  const Matrix prediction = batch.execution.value(output_), gradient = batch.execution.gradient(output_);
  if (batch.windows != nullptr) {
    batch.windows->evaluate(stream, loss_, prediction, loss_sum_.view(), gradient);
  } else {
    evaluate_loss(stream, loss_, prediction, targets, loss_sum_.view(), gradient);
  }
}

void TrainingPlan::queue_plain_step(Stream& stream, const Batch& batch) const {
  const Execution& execution = batch.execution;
  const Targets targets = queue_gather(stream, batch, false);
  disturb_inputs(stream, batch);
  if (!batch.overwrites) kernels::fill(stream, network_->parameters.gradient(), 0.0f);
  execution.forward(stream);
  queue_loss(stream, batch, targets);
  execution.backward(stream, output_);
  optimizer_->step(stream);
  kernels::advance(stream, position_.data(), execution.rows());
}

void TrainingPlan::run_steps(Stream& stream, Index count) {
  const Index rows_left = rows() - row_;
  const Index steps = std::min(count, (rows_left + batch_size_ - 1) / batch_size_);
  if (steps == 0) return;
  if (resident_) {
    network_->parameters.changed();
    resident_->run(stream, row_, steps);
    row_ += std::min(steps * batch_size_, rows_left);
    return;
  }
  for (Index done = 0; done < steps;) {
    const Portion portion = next_portion(steps - done, recorded_together());
    run_portion(stream, portion);
    done += portion.steps;
  }
  steps_were_taken(stream);
}

void TrainingPlan::run_portion(Stream& stream, const Portion& portion) {
  if (!record_ || !portion.warm) {
    queue(stream, portion);
  } else {
    kernels::Recording& recording = portion.steps > 1 ? several_ : batch_of(portion).recording;
    if (!recording.ready()) recording.record(stream, [&] { queue(stream, portion); });
    recording.replay(stream);
  }
  was_done(portion);
}

TrainingPlan::Portion TrainingPlan::next_portion(Index most_steps, Index together) const {
  Portion portion;
  portion.full = row_ + batch_size_ <= rows();
  portion.warm = batch_of(portion).warm;
  if (portion.warm && most_steps >= together && row_ + together * batch_size_ <= rows()) portion.steps = together;
  return portion;
}

void TrainingPlan::queue(Stream& stream, const Portion& portion) const {
  for (Index step = 0; step < portion.steps; ++step) queue_step(stream, batch_of(portion));
}

void TrainingPlan::was_done(const Portion& portion) {
  Batch& batch = batch_of(portion);
  batch.warm = true;
  row_ += portion.steps * batch.execution.rows();
}

void TrainingPlan::steps_were_taken(Stream& stream) {
  network_->parameters.changed();  // a replayed step does not say so
  if (full_->steps != nullptr) optimizer_->steps_were_taken(stream);
}

Index TrainingPlan::recorded_together(Index most) const {
  if (!record_) return 1;
  const Index full = rows() / batch_size_;
  Index best = 1;
  for (Index several = 2; several <= std::min(full, most); ++several) {
    if (full / several + full % several < full / best + full % best) best = several;
  }
  return best;
}

double TrainingPlan::finish_epoch(Stream& stream) {
  double sum = 0.0;
  kernels::copy_to_host(stream, &sum, loss_sum_.data(), sizeof(sum));
  return sum / (static_cast<double>(row_) * targets_per_row_);
}

double TrainingPlan::run_epoch(Stream& stream, Index epoch) {
  begin_epoch(stream, epoch);
  run_steps(stream, steps_per_epoch());
  return finish_epoch(stream);
}

void TrainingPlan::keep_snapshots(Stream& stream) {
  if (!resident_) throw Error(Error::Cause::internal, "training plan", "is not resident, and leaves no snapshots");
  resident_->keep_snapshots(stream);
}

void TrainingPlan::queue_epoch(Stream& stream, Index epoch) {
  keep_snapshots(stream);
  begin_epoch(stream, epoch);
  resident_->run(stream, 0, steps_per_epoch(), static_cast<int>(epoch % 2));
  row_ = rows();
}

double TrainingPlan::loss_of(Stream& reader, Index epoch) const {
  return snapshot(epoch).loss_sum(reader) / static_cast<double>(rows());
}

namespace {

std::string unless(const std::string& reason) {
  return reason.empty() ? "" : " (" + reason + ")";
}

}  // namespace

std::string TrainingPlan::describe_weight_gradients() const {
  return full_->overwrites ? "weight gradients overwritten; "
                           : "weight gradients added to zeros" + unless(full_->not_overwriting) + "; ";
}

std::string TrainingPlan::describe_fusion() const {
  std::string text = full_->windows != nullptr ? "" : "inputs and targets gathered together; ";
  text += full_->last_layer ? "the last layer with the loss" : "the loss by itself" + unless(full_->not_with_loss);
  if (full_->steps != nullptr) return text + "; optimizer steps with the weight gradients; ";
  return text + "; " + describe_weight_gradients() + "optimizer by itself" + unless(full_->not_stepping) + "; ";
}

TrainingPlan::StepCost TrainingPlan::count_step() const {
  Stream stream(network_->device);  // nothing runs on it
  std::unique_ptr<Batch> own;
  if (full_ == nullptr) own = std::make_unique<Batch>(stream, *network_, output_, *data_, execution_);
  const Batch& batch = full_ != nullptr ? *full_ : *own;
  StepCost cost;
  {
    const bool is_plain = !batch.fused && !batch.overwrites;
    const std::unique_ptr<Batch> plain =
        is_plain ? nullptr : std::make_unique<Batch>(stream, *network_, output_, *data_, execution_);
    const kernels::OperationCount count;
    queue_plain_step(stream, is_plain ? batch : *plain);
    cost.plain = count.work();
  }
  const kernels::OperationCount count;
  const kernels::LinearChoiceLog choices;
  if (resident_) {
    cost.steps = steps_per_epoch();
    resident_->run(stream, 0, cost.steps);
  } else {
    queue_step(stream, batch);
  }
  cost.taken = count.work();
  cost.products = static_cast<Index>(choices.entries().size());
  cost.tuned_products =
      std::count_if(choices.entries().begin(), choices.entries().end(), [](const auto& one) { return one.tuned; });
  return cost;
}

std::string TrainingPlan::describe_cost() const {
  const bool cuda = network_->device.backend == Backend::cuda;
  const auto text = [&](const kernels::Work& work, Index steps) {
    const auto per_step = [&](Index total) {
      return fmt::format("{:.3g}", static_cast<double>(total) / static_cast<double>(steps));
    };
    return (cuda ? per_step(work.launches) + " launches" : per_step(work.operations) + " operations") + " and " +
           (work.complete ? "" : "at least ") + std::to_string((work.bytes() + steps / 2) / steps) + " bytes";
  };
  const StepCost cost = count_step();
  std::string result = "a step is " + text(cost.taken, cost.steps);
  const std::string plain = "a step is " + text(cost.plain, 1);
  return (result == plain ? result : result + ", operations one by one " + text(cost.plain, 1)) +
         describe_products(cost);
}

std::string TrainingPlan::describe_products(const StepCost& cost) const {
  const std::string origin = kernels::linear_choices_origin(network_->device);
  if (origin.empty()) return {};
  return fmt::format("; {} of {} products of linear layers by kernels measured for them ({})", cost.tuned_products,
                     cost.products, origin);
}

std::string TrainingPlan::describe() const {
  std::string text = std::to_string(steps_per_epoch()) + " steps an epoch: batches of " + std::to_string(batch_size_);
  if (rest_ != nullptr) text += ", the last of " + std::to_string(rest_->execution.rows());
  const ConstLabels windows = data_->window_rows();
  const Index all = windows.empty() ? data_->rows() : windows.size;
  text += "; data resident on the device (" + std::to_string(rows()) + (windows.empty() ? " rows" : " windows") +
          (chosen_.data == windows.data ? "" : ", chosen of " + std::to_string(all)) + "); ";
  if (resident_) {
    return text + "an epoch in one launch, the network " + resident_->describe() + "; " + describe_cost();
  }
  if (!input_noise_.empty()) text += "inputs disturbed by noise; ";
  text += "linear layers fused with bias and activation; " + std::to_string(full_->execution.fused_activation_count()) +
          " activation derivatives fused into the layer behind; ";
  text += full_->fused ? describe_fusion() : describe_weight_gradients();
  text += record_ ? "steps recorded and replayed" : "operations called directly";
  if (const Index together = recorded_together(); together > 1) text += ", " + std::to_string(together) + " at a time";
  if (record_ && kernels::Recording::starts_kernels_early(Stream(network_->device))) text += ", kernels start early";
  if (!not_resident_.empty()) text += "; not resident: " + not_resident_;
  text += "; " + describe_cost();
  return text;
}

}  // namespace mynah
