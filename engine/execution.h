#pragma once

#include <vector>

#include "engine/network.h"

namespace mynah {

/// A network made ready to run for a fixed number of rows: every value and gradient it needs has its place in one
/// device buffer, and its layers stand in the order in which they run. Running it allocates nothing.
///
/// The network must outlive it and keep its place.
class Execution {
 public:
  struct Options {
    Index rows = 0;
    bool gradients = false;        ///< Places for backward().
    bool input_gradients = false;  ///< Also dL/dinput, as for a discriminator or a sensitivity.
  };

  /// Everything `outputs` depend on; other parts of the graph are not run.
  Execution(const Network& network, std::vector<Value> outputs, Options options);

  Index rows() const { return options_.rows; }
  /// The place of a value: inputs are written there, results are read there, [rows, columns]. With `Options::gradients`
  /// gradient() is where the caller writes dL/doutput before backward(), and where it reads input gradients after.
  Matrix value(Value value) const;
  Matrix gradient(Value value) const;

  /// Runs the layers up to and including `last` (the last output by default).
  void forward(Stream& stream) const { forward(stream, outputs_.back()); }
  void forward(Stream& stream, Value last) const;

  /// From gradient(output), adds every trained tensor's gradient to the network's gradient buffer and computes the
  /// gradients of inputs if asked for. A value that several layers use gets the sum of their shares, in the fixed order
  /// of the graph, last user first. Gradients of values are overwritten on the way.
  void backward(Stream& stream, Value output) const;

 private:
  struct ForwardStep {
    const Layer* layer = nullptr;
    Value output;
    std::vector<ConstMatrix> inputs;
    std::vector<TensorView> tensors;
    std::vector<TensorView> tensor_gradients;
  };
  /// A share of a gradient that was computed aside, because its value already holds another user's share.
  struct Addition {
    Matrix share;
    Matrix sum;
  };
  struct BackwardStep {
    const ForwardStep* forward = nullptr;
    std::vector<Matrix> input_gradients;
    std::vector<Addition> additions;
  };

  std::vector<bool> needed_by(const std::vector<Value>& outputs) const;
  std::vector<bool> with_gradient(const std::vector<bool>& needed) const;
  void place(const std::vector<bool>& needed, const std::vector<bool>& differentiable);
  void make_forward_steps(const std::vector<bool>& needed);
  std::vector<BackwardStep> make_backward_steps(Value output);
  Matrix place_share(Index columns);

  const Network* network_;
  Options options_;
  std::vector<Value> outputs_;
  std::vector<Matrix> values_;     // by node; null where a value is not computed
  std::vector<Matrix> gradients_;  // by node; null where no gradient is needed
  std::vector<ForwardStep> forward_steps_;
  std::vector<std::vector<BackwardStep>> backward_steps_;  // one list for each of outputs_
  Buffer<float> memory_;
  std::vector<Buffer<float>> share_memory_;
};

}  // namespace mynah
