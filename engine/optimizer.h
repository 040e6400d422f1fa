#pragma once

#include <string>
#include <vector>

#include "engine/parameters.h"
#include "kernels/linear_update.h"
#include "kernels/mlp_training.h"
#include "kernels/schedule.h"

namespace mynah {

/// What every optimizer can do beside its own step.
struct OptimizerOptions {
  /// Largest norm of all gradients together; longer gradients are shortened to it. 0: no clipping.
  double clip_norm = 0.0;
  /// How the learning rate changes over the steps.
  kernels::Schedule schedule = {};
  /// Decay of an exponential moving average of the trained values, in [0, 1), such as 0.999. 0: none is kept.
  double ema_decay = 0.0;
};

/// Changes the trained tensors of a network by their gradients: abstract, with Adam, Sgd and RmsProp (engine/adam.h,
/// sgd.h, rmsprop.h) behind it. What changes from step to step lives in device memory (step number, learning rate,
/// factor of clipping), so that a recorded step stays valid and follows the schedule.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// "adam": for messages.
  virtual std::string name() const = 0;

  /// Counts one step and applies the gradient that stands in the parameters' gradient buffer: clipped, with the rate
  /// that the schedule has for this step; then averages the weights, if asked for. Queues operations, waits for
  /// nothing.
  void step(Stream& stream) const;

  /// The rate that the schedule's factor is applied to.
  void set_learning_rate(Stream& stream, double learning_rate);
  /// The rate of the last step, schedule included; before the first step the base rate. Waits for the stream.
  double learning_rate(Stream& stream) const;
  /// The norm of all gradients of the last step, before clipping. Waits for the stream. Errors: without clipping.
  double gradient_norm(Stream& stream) const;

  /// Steps taken; in device memory (one Index, for whatever depends on it, such as a layer's random numbers), and on
  /// the host, for which it waits for the stream.
  const Index* step_counter() const { return steps_.data(); }
  Index steps(Stream& stream) const { return steps_.download(stream)[0]; }

  const Parameters& parameters() const { return *parameters_; }

  /// For kernels::train_mlp, which takes the steps itself: its objective gets this optimizer's options, its member this
  /// optimizer's state. Returns the reason where it cannot; else nothing. steps_were_taken() is to be called after it.
  std::string find_resident(kernels::MlpObjective& objective, kernels::MlpMember& member) const;
  void steps_were_taken(Stream& stream) const;

  /// For Execution::step_in_backward, which takes the steps with the gradients: the rule and the moments. Steps are
  /// then to be counted in *steps by the caller, and steps_were_taken() to be called after the last. Returns the reason
  /// where it cannot; else nothing.
  std::string find_rule(kernels::StepRule& rule, Vector& first_moment, Vector& second_moment, Index*& steps) const;

  /// The average of the trained values, laid out as Parameters::trained(); empty without ema_decay. The first step
  /// copies the values. It is undefined before.
  Vector ema() const { return ema_.view(); }
  /// The trained values and their average change places: before an evaluation, and again after it, before training goes
  /// on. Errors: internal without ema_decay, input_error before the first step.
  void swap_ema(Stream& stream);

  /// The state under prefix: the step number as "step", each state vector by its name, the average as "ema"; whether
  /// values and average have changed places is not kept: swap them back before. Rates and options are not saved.
  void save(Stream& stream, SafetensorsFile& file, const std::string& prefix) const;
  void load(Stream& stream, const SafetensorsFile& file, const std::string& prefix);

 protected:
  /// The parameters must outlive it and keep their place. `states`: names of the vectors, [trained values with
  /// padding], that the step keeps, zero at first. Errors: input_error where no tensor is trained, and for options that
  /// make no sense.
  Optimizer(Stream& stream, const std::string& name, const Parameters& parameters, double learning_rate,
            const OptimizerOptions& options, const std::vector<std::string>& states);
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;

  /// Applies the gradient, multiplied by *gradient_scale (null: 1), at the rate *learning_rate; the step is counted
  /// already.
  virtual void apply(Stream& stream, const float* learning_rate, const float* gradient_scale) const = 0;

  /// The part of find_resident() that differs: constants and state vectors. By default: the optimizer is not one of
  /// those that train_mlp knows.
  virtual std::string find_resident_step(kernels::MlpObjective& objective, kernels::MlpMember& member) const;

  Vector state(std::size_t number) const { return states_.at(number).values.view(); }

 private:
  struct State {
    std::string name;
    Buffer<float> values;
  };

  const Parameters* parameters_;
  OptimizerOptions options_;
  Buffer<float> base_rate_;
  Buffer<float> scheduled_rate_;  // empty where the schedule is constant
  Buffer<Index> steps_;
  Buffer<double> norm_;  // empty without clipping, as is clip_factor_
  Buffer<float> clip_factor_;
  Buffer<float> ema_;
  std::vector<State> states_;
};

}  // namespace mynah
