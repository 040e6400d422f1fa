#pragma once

#include "algorithms/tasks/task.h"
#include "engine/buffer.h"

namespace mynah {

struct VectorTaskOptions {
  Index copies = 1;
  std::uint64_t seed = 0;
  Index first_copy = 0;           ///< Number of the first copy: for a set of copies that is divided among devices.
  bool next_observations = true;  ///< Whether what a step led to is kept apart where a new episode begins.
};

/// Copies of a task that step side by side and start again by themselves; everything stays on the stream's device.
///
/// Copy m plays the episodes 0, 1, ... of the seed copy_seed(seed, first_copy + m): they depend on (seed, number of the
/// copy, number of the episode) and the actions alone, whatever the number of copies and of threads, to the bit. On the
/// CPU the stream's threads share the copies (Stream::use_threads); on CUDA a step is one kernel, whose pointers never
/// change, so that it can be recorded. An actor that draws its numbers by episode and step, such as the random policy,
/// draws the same in every episode of a copy.
///
///   const auto task = make_task("cartpole");
///   VectorTask copies(stream, *task, {.copies = 4096, .seed = 1});
///   for (int step = 0; step < 1000; ++step) {
///     actor->act(stream, {copies.observations(), copies.elapsed(), 0}, copies.actions());
///     copies.step();
///   }
class VectorTask {
 public:
  /// The task has to outlive it. Starts episode 0 of every copy. Errors: input_error for fewer than one copy, or a task
  /// that runs on the CPU only on a CUDA stream.
  VectorTask(Stream& stream, const Task& task, const VectorTaskOptions& options);

  const Task& task() const { return *task_; }
  Index copies() const { return options_.copies; }

  /// Starts episode 0 of every copy again.
  void reset();
  /// One step of every copy, with what actions() holds.
  void step();

  /// To be filled before a step: the part that fits the task.
  ActionBatch actions() const;

  /// What follows is in device memory and belongs to the last step, row m to copy first_copy + m.
  ConstMatrix observations() const { return batch_.episodes.observations; }  ///< Of the episodes that run now.
  /// What the step led to; equal to observations() but where an episode ended. Empty if it is not kept.
  ConstMatrix next_observations() const { return batch_.next_observations; }
  ConstVector rewards() const { return batch_.episodes.rewards; }
  ConstLabels terminated() const { return batch_.terminated; }  ///< 1 where the task's rule ended the episode, else 0.
  ConstLabels truncated() const { return batch_.truncated; }    ///< 1 where the limit of steps did, else 0.
  ConstLabels elapsed() const { return batch_.episodes.elapsed; }  ///< Steps of the episodes that run now.
  ConstLabels numbers() const { return batch_.numbers; }           ///< Episodes that a copy has ended.
  VectorView<const double> last_returns() const {
    return batch_.last_returns;
  }                                                                 ///< Of the last that it ended; 0 before.
  ConstLabels last_lengths() const { return batch_.last_lengths; }  ///< Its steps; 0 before.

 private:
  Stream* stream_;
  const Task* task_;
  VectorTaskOptions options_;
  Buffer<double> states_, returns_, last_returns_;
  Buffer<float> observations_, next_observations_, rewards_, values_;
  Buffer<std::int32_t> elapsed_, status_, numbers_, terminated_, truncated_, last_lengths_, labels_;
  kernels::CopyBatch batch_;
};

}  // namespace mynah
