#include "engine/second_order.h"

#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {
namespace {

Vector flat(Matrix matrix) {
  return {matrix.data, matrix.rows * matrix.stride};
}

Execution::Options for_gradient(Execution::Options settings, Index rows) {
  settings.rows = rows;
  settings.gradients = settings.input_gradients = true;
  settings.parameter_gradients = false;
  return settings;
}

Execution::Options for_tangent(Execution::Options settings, Index rows) {
  settings.rows = rows;
  settings.gradients = settings.input_tangents = true;
  return settings;
}

}  // namespace

void add_hessian_vector_product(Stream& stream, const Execution& execution, Value output, const OutputLoss& loss) {
  execution.forward(stream, output);
  execution.tangent(stream);
  loss.gradient(stream, execution.value(output), execution.tangent_gradient(output));
  loss.curvature(stream, execution.value(output), execution.tangent(output), execution.gradient(output));
  execution.tangent_backward(stream, output);
}

void add_gauss_newton_vector_product(Stream& stream, const Execution& execution, Value output, const OutputLoss& loss) {
  execution.forward(stream, output);
  execution.tangent(stream);
  loss.curvature(stream, execution.value(output), execution.tangent(output), execution.gradient(output));
  execution.backward(stream, output);
}

GradientPenalty::GradientPenalty(const Network& network, Value input, Value output, Index rows,
                                 const kernels::GradientPenaltyOptions& options, Execution::Options settings)
    : input_(input),
      output_(output),
      options_(options),
      first_(network, {output}, for_gradient(settings, rows)),
      second_(network, {output}, for_tangent(settings, rows)) {
  if (network.graph.columns(output) != 1) {
    throw input_error("gradient penalty",
                      "the critic's output has " + std::to_string(network.graph.columns(output)) + " columns",
                      "penalise a value of one column");
  }
}

void GradientPenalty::add_gradient(Stream& stream, VectorView<double> penalty_sum) const {
  first_.forward(stream);
  kernels::fill(stream, flat(first_.gradient(output_)), 1.0f);
  first_.backward(stream, output_);
  kernels::copy(stream, first_.value(input_), second_.value(input_));
  second_.forward(stream);
  kernels::gradient_penalty_loss(stream, options_, first_.gradient(input_), penalty_sum, second_.tangent(input_));
  second_.tangent(stream);
  kernels::fill(stream, flat(second_.gradient(output_)), 0.0f);
  kernels::fill(stream, flat(second_.tangent_gradient(output_)), 1.0f);
  second_.tangent_backward(stream, output_);
}

}  // namespace mynah
