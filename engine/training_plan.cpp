#include "engine/training_plan.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/gather.h"
#include "kernels/random.h"

namespace mynah {

TrainingPlan::Batch::Batch(Stream& stream, const Network& network, Value output, const ResidentData& data,
                           const Execution::Options& options)
    : execution(network, {output}, options) {
  const Index rows = options.rows;
  if (data.values().columns > 0) {
    const Index stride = (data.values().columns + 3) / 4 * 4;
    value_targets = Buffer<float>(stream.device(), rows * stride);
    values = {value_targets.data(), rows, data.values().columns, stride};
  } else {
    label_targets = Buffer<std::int32_t>(stream.device(), rows);
  }
}

TrainingPlan::TrainingPlan(Stream& stream, Network& network, Value input, Value output, Optimizer& optimizer,
                           const ResidentData& data, const Options& options)
    : network_(&network),
      input_(input),
      output_(output),
      optimizer_(&optimizer),
      data_(&data),
      loss_(options.loss),
      batch_size_(std::min(options.batch_size, data.rows())),
      permutation_key_(random_key(options.seed, RandomStream::permutation)),
      order_(stream.device(), data.rows()),
      epoch_(stream.device(), 1),
      position_(stream.device(), 1),
      loss_sum_(stream.device(), 1) {
  if (options.batch_size < 1) throw input_error("batch size", std::to_string(options.batch_size) + " is below 1");
  if (data.empty()) throw input_error("training data", "has no rows", "give demonstrations with at least one row");
  if (data.inputs().columns != network.graph.columns(input)) {
    throw input_error("training data", "has " + std::to_string(data.inputs().columns) +
                                           " observation columns, but the network takes " +
                                           std::to_string(network.graph.columns(input)));
  }
  if (takes_labels(loss_.kind) && data.labels().size != data.rows()) {
    throw input_error("training data", "has no class labels, which softmax cross-entropy needs");
  }
  data.check_targets(stream, loss_, network.graph.columns(output));
  network.parameters.require_trained("training");
  if (&optimizer.parameters() != &network.parameters) {
    throw Error(Error::Cause::internal, "training plan", "the optimizer was made for another network's parameters");
  }
  choose_path(stream, output, options);
  if (resident_) return;  // without a use for the places of values and gradients
  Execution::Options execution;
  execution.rows = batch_size_;
  execution.gradients = true;
  execution.mode = Mode::train;
  execution.precision = options.precision;
  execution.seed = options.seed;
  execution.step = optimizer.step_counter();
  full_ = std::make_unique<Batch>(stream, network, output, data, execution);
  if (const Index rest = data.rows() % batch_size_; rest != 0) {
    execution.rows = rest;
    rest_ = std::make_unique<Batch>(stream, network, output, data, execution);
  }
}

namespace {

/// A block has a multiprocessor for itself alone, of a hundred: from about so many products a step on, launches that
/// use the whole device are faster. An estimate: at a third of a multiprocessor's arithmetic it is 20 microseconds,
/// what the launches of a step cost.
constexpr Index most_resident_products = 1'500'000;

}  // namespace

void TrainingPlan::choose_path(Stream& stream, Value output, const Options& options) {
  const bool cuda = kernels::Recording::supported(stream);
  record_ = cuda && options.path != Path::direct;
  if (options.path == Path::direct || options.path == Path::recorded) return;
  if (options.precision == kernels::Precision::float32) {
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
  } else if (resident_ && resident_->products() > most_resident_products) {
    resident_.reset();
    not_resident_ = "a step is enough work for the whole device";
  }
}

void TrainingPlan::begin_epoch(Stream& stream, Index epoch) {
  kernels::set_counters(stream, epoch_.view(), epoch);
  kernels::set_counters(stream, position_.view(), 0);
  kernels::permutation(stream, permutation_key_, epoch_.data(), order_.view());
  const double zero = 0.0;
  kernels::copy_to_device(stream, loss_sum_.data(), &zero, sizeof(zero));
  row_ = 0;
}

void TrainingPlan::queue_step(Stream& stream, const Batch& batch) const {
  const Execution& execution = batch.execution;
  kernels::gather_rows(stream, data_->inputs(), order_.view(), position_.data(), execution.value(input_));
  Targets targets;
  if (!takes_labels(loss_.kind)) {
    kernels::gather_rows(stream, data_->values(), order_.view(), position_.data(), batch.values);
    targets.values = batch.values;
  } else {
    kernels::gather_labels(stream, data_->labels(), order_.view(), position_.data(), batch.label_targets.view());
    targets.labels = batch.label_targets.view();
  }
  kernels::fill(stream, network_->parameters.gradient(), 0.0f);
  execution.forward(stream);
  evaluate_loss(stream, loss_, execution.value(output_), targets, loss_sum_.view(), execution.gradient(output_));
  execution.backward(stream, output_);
  optimizer_->step(stream);
  kernels::advance(stream, position_.data(), execution.rows());
}

void TrainingPlan::run_steps(Stream& stream, Index count) {
  network_->parameters.changed();  // a replayed step does not say so
  const Index rows_left = data_->rows() - row_;
  const Index steps = std::min(count, (rows_left + batch_size_ - 1) / batch_size_);
  if (!resident_) {
    for (Index step = 0; step < steps; ++step) run_step(stream);
    return;
  }
  if (steps == 0) return;
  resident_->run(stream, row_, steps);
  row_ += std::min(steps * batch_size_, rows_left);
}

void TrainingPlan::run_step(Stream& stream) {
  Batch& batch = row_ + batch_size_ <= data_->rows() ? *full_ : *rest_;
  row_ += batch.execution.rows();
  if (!record_ || !batch.warm) {
    queue_step(stream, batch);
    batch.warm = true;
    return;
  }
  if (!batch.recording.ready()) {
    batch.recording.begin(stream);
    try {
      queue_step(stream, batch);
    } catch (...) {
      batch.recording.abandon(stream);
      throw;
    }
    batch.recording.end(stream);
  }
  batch.recording.replay(stream);
}

double TrainingPlan::finish_epoch(Stream& stream) {
  double sum = 0.0;
  kernels::copy_to_host(stream, &sum, loss_sum_.data(), sizeof(sum));
  return sum / static_cast<double>(row_);
}

double TrainingPlan::run_epoch(Stream& stream, Index epoch) {
  begin_epoch(stream, epoch);
  run_steps(stream, steps_per_epoch());
  return finish_epoch(stream);
}

std::string TrainingPlan::describe() const {
  std::string text = std::to_string(steps_per_epoch()) + " steps an epoch: batches of " + std::to_string(batch_size_);
  if (rest_ != nullptr) text += ", the last of " + std::to_string(rest_->execution.rows());
  text += "; data resident on the device (" + std::to_string(data_->rows()) + " rows); ";
  if (resident_) {
    return text + "an epoch in one launch, the network resident in a block's shared memory, " +
           std::to_string(resident_->chunk()) + " rows at a time";
  }
  text += "linear layers fused with bias and activation; " + std::to_string(full_->execution.fused_activation_count()) +
          " activation derivatives fused into the layer behind; ";
  text += record_ ? "steps recorded and replayed" : "operations called directly";
  if (full_->recording.ready()) text += " (" + std::to_string(full_->recording.launches()) + " launches a step)";
  if (!not_resident_.empty()) text += "; not resident: " + not_resident_;
  return text;
}

}  // namespace mynah
