#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/memory_plan.h"
#include "engine/network.h"

namespace mynah {

/// A network made ready to run for a fixed number of rows: every value and gradient it needs has its place, and its
/// layers stand in the order in which they run. Running it allocates nothing.
///
/// Gradients that are not needed at the same time share memory, and so do values where no gradients are wanted. Inputs
/// and outputs are the caller's to read and write; of other values nothing is left after a pass.
///
/// The network must outlive it and keep its place.
class Execution {
 public:
  struct Options {
    Index rows = 0;
    bool gradients = false;        ///< Places for backward().
    bool input_gradients = false;  ///< Also dL/dinput, as for a discriminator or a sensitivity.
    Mode mode = Mode::evaluate;
    kernels::Precision precision = kernels::Precision::float32;
    std::uint64_t seed = 0;           ///< Of the layers' random numbers,
    const Index* step = nullptr;      ///< which also depend on step[0], in device memory (null: 0).
    bool input_tangents = false;      ///< Places for tangent(), along the inputs
    bool parameter_tangents = false;  ///< and along the parameters.
    bool parameter_gradients = true;  ///< false: backward() leaves the network's gradient buffer alone.
  };

  /// Everything `outputs` depend on; other parts of the graph are not run.
  Execution(const Network& network, std::vector<Value> outputs, Options options);

  Index rows() const { return options_.rows; }
  /// The place of a value: inputs are written there, results are read there, [rows, columns]. With `Options::gradients`
  /// gradient() is where the caller writes dL/doutput before backward(), and where it reads input gradients after.
  Matrix value(Value value) const;
  Matrix gradient(Value value) const;
  /// The place of a value's tangent: written for inputs before tangent(), read for outputs after; and of dL/dtangent,
  /// written for the output before tangent_backward().
  Matrix tangent(Value value) const;
  Matrix tangent_gradient(Value value) const;
  /// The direction in parameter space, laid out as Parameters::trained(); zeros at first.
  Vector parameter_tangent() const { return parameter_tangent_.view(); }

  /// Runs the layers up to and including `last` (the last output by default).
  void forward(Stream& stream) const { forward(stream, outputs_.back()); }
  void forward(Stream& stream, Value last) const;

  /// From gradient(output), adds every trained tensor's gradient to the network's gradient buffer and computes the
  /// gradients of inputs if asked for. A value that several layers use gets the sum of their shares, in the fixed order
  /// of the graph, last user first. Gradients of values are overwritten on the way.
  void backward(Stream& stream, Value output) const;
  /// The same from the gradients of all outputs together, in one pass: several heads of one network.
  void backward(Stream& stream) const;

  /// After forward(): the directional derivative of every value, along tangent(input) and parameter_tangent().
  void tangent(Stream& stream) const;

  /// After tangent(): from ȳ in gradient(output) and u in tangent_gradient(output), adds to the network's gradient
  /// buffer the gradient of Σ ȳ ⊙ y + Σ u ⊙ ẏ, and computes input gradients if asked for.
  void tangent_backward(Stream& stream, Value output) const;

  /// Fills everything that no pass may rely on from one step to the next with NaN: for tests, and for the search for a
  /// layer that reads what it did not write.
  void poison(Stream& stream) const;
  /// Device memory of values, gradients, tangents and what layers save.
  Index bytes() const;

  /// From now on backward(output) overwrites the gradients of parameters, and so needs no zeros there. Returns the
  /// reason where it cannot, and changes nothing then.
  std::string overwrite_parameter_gradients(Value output);
  /// From now on backward(output) takes the optimizer's step of every layer with its gradient, which is in no gradient
  /// buffer then. Moments are laid out as Parameters::trained(), or empty. Returns the reason where it cannot, and
  /// changes nothing then.
  std::string step_in_backward(Value output, const kernels::StepRule& rule, Vector first_moment, Vector second_moment);

  /// What a linear layer without an activation reads, for those who compute its output in its place.
  struct LinearOperands {
    ConstMatrix x;
    ConstMatrix w;
    ConstVector b;
  };
  /// Of the layer that makes `value`; empty where it is of another kind.
  std::optional<LinearOperands> linear_operands(Value value) const;
  /// Whether a layer's passes depend on Options::step.
  bool draws_random_numbers() const;

  /// How many layers multiply by the activation derivative of the layer before them, in their own epilogue.
  int fused_activation_count() const;

 private:
  struct ForwardStep {
    const Layer* layer = nullptr;
    Value output;
    std::vector<ConstMatrix> inputs;
    std::vector<TensorView> tensors;
    std::vector<TensorView> tensor_gradients;
    Vector saved;
    PassSettings settings;
    // Empty without tangents.
    std::vector<ConstMatrix> input_tangents;
    std::vector<TensorView> tensor_tangents;
    Vector tangent_saved;
  };
  /// A share of a gradient that was computed aside, because its value already holds another user's share.
  struct Addition {
    Matrix share;
    Matrix sum;
  };
  struct BackwardStep {
    const ForwardStep* forward = nullptr;
    std::vector<Matrix> input_gradients;
    std::vector<Matrix> input_tangent_gradients;
    std::vector<Addition> additions;
    bool overwrites = false;
    std::optional<kernels::LinearStep> optimizer_step;
    bool gradient_is_before_activation = false;
    kernels::Activation input_activation = kernels::Activation::none;
    ConstMatrix input_activation_operand;
  };
  using Steps = std::vector<BackwardStep>;
  /// Where each node's gradient goes during one backward pass.
  struct Shares {
    const std::vector<Matrix>& sums;
    std::vector<bool> written;
  };

  std::vector<bool> needed_by(const std::vector<Value>& outputs) const;
  std::vector<bool> with_gradient(const std::vector<bool>& needed) const;
  std::vector<bool> with_tangent(const std::vector<bool>& needed) const;
  std::vector<Lifetime> lifetimes(const std::vector<bool>& wanted, bool until_last_user) const;
  bool is_callers(Value value) const;
  void require_callers(Value value, const char* what, bool kept) const;
  void place(const std::vector<bool>& needed, const std::vector<bool>& differentiable,
             const std::vector<bool>& tangible);
  void make_forward_steps(const std::vector<bool>& needed);
  std::string not_covered_by(const Steps& steps) const;
  Steps make_backward_steps(const std::vector<Value>& outputs, bool with_tangents);
  void run_backward(Stream& stream, const Steps& steps) const;
  Matrix take_share(Value input, Shares& shares, std::vector<Addition>& additions, Index* used);
  void fuse_activations(Steps& steps) const;
  void place_shares();
  bool has_several_users(const std::vector<Value>& values) const;
  const Steps& steps_to(Value output, const std::vector<Steps>& lists) const;
  static void run_backward(Stream& stream, const BackwardStep& step, ConstMatrix output, Matrix output_gradient);

  const Network* network_;
  Options options_;
  std::vector<Value> outputs_;
  std::vector<Matrix> values_;             // by node; null where a value is not computed
  std::vector<Matrix> gradients_;          // by node; null where no gradient is needed
  std::vector<Matrix> tangents_;           // by node; null where the tangent is zero
  std::vector<Matrix> tangent_gradients_;  // by node
  std::vector<Vector> saved_;              // by node
  std::vector<ForwardStep> forward_steps_;
  std::vector<Steps> backward_steps_;  // one list for each of outputs_, and one for all of them together
  std::vector<Steps> tangent_backward_steps_;
  std::unique_ptr<kernels::StepRule> step_rule_;  // of step_in_backward; the steps of layers point to it
  Buffer<float> value_memory_;
  Buffer<float> gradient_memory_;
  Buffer<float> tangent_memory_;
  Buffer<float> tangent_gradient_memory_;
  Buffer<float> saved_memory_;
  Buffer<float> parameter_tangent_;
  Buffer<float> share_memory_;
};

}  // namespace mynah
