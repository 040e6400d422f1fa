#include "algorithms/tasks/vector_task.h"

#include "kernels/error.h"

namespace mynah {

VectorTask::VectorTask(Stream& stream, const Task& task, const VectorTaskOptions& options)
    : stream_(&stream), task_(&task), options_(options) {
  const Index rows = options.copies;
  if (rows < 1) throw input_error("VectorTask: copies", "it is " + std::to_string(rows), "ask for 1 or more");
  if (options.first_copy < 0) throw input_error("VectorTask: first_copy", "it is negative", "number the copies from 0");
  const TaskDescription& d = task.description();
  const DeviceId device = stream.device();
  states_ = {device, rows * d.state_size};
  returns_ = {device, rows};
  last_returns_ = {device, rows};
  observations_ = {device, rows * d.observation_size};
  next_observations_ = {device, options.next_observations ? rows * d.observation_size : 0};
  rewards_ = {device, rows};
  values_ = {device, rows * d.action_size};
  elapsed_ = {device, rows};
  status_ = {device, rows};
  numbers_ = {device, rows};
  terminated_ = {device, rows};
  truncated_ = {device, rows};
  last_lengths_ = {device, rows};
  labels_ = {device, d.discrete ? rows : 0};
  batch_.episodes = {{states_.data(), rows, d.state_size},
                     {observations_.data(), rows, d.observation_size},
                     rewards_.view(),
                     returns_.view(),
                     elapsed_.view(),
                     status_.view()};
  batch_.numbers = numbers_.view();
  batch_.terminated = terminated_.view();
  batch_.truncated = truncated_.view();
  if (options.next_observations) batch_.next_observations = {next_observations_.data(), rows, d.observation_size};
  batch_.last_returns = last_returns_.view();
  batch_.last_lengths = last_lengths_.view();
  reset();
}

void VectorTask::reset() {
  task_->start_copies(*stream_, options_.seed, options_.first_copy, batch_);
}

void VectorTask::step() {
  task_->step_copies(*stream_, actions(), options_.seed, options_.first_copy, batch_);
}

ActionBatch VectorTask::actions() const {
  const TaskDescription& d = task_->description();
  if (d.discrete) return {{}, labels_.view()};
  return {{values_.data(), options_.copies, d.action_size}, {}};
}

}  // namespace mynah
