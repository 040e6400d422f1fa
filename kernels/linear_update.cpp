#include "kernels/linear_update.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

constexpr const char* operation = "linear_backward_and_step";

bool laid_out_as(const Matrix& one, const Matrix& w) {
  return same_shape(one, w) && one.stride == w.stride && one.data != nullptr;
}

void check_moments(const Matrix& w, const Vector& b, const LinearStep& step) {
  const StepRule& rule = *step.rule;
  const bool first = !rule.descends || rule.sgd.momentum != 0.0, second = !rule.descends;
  require(!first || (laid_out_as(step.w_first, w) && step.b_first.size == b.size), operation,
          "a first moment laid out as w and b");
  require(!second || (laid_out_as(step.w_second, w) && step.b_second.size == b.size), operation,
          "a second moment laid out as w and b");
  require(rule.learning_rate != nullptr && rule.steps != nullptr, operation, "rate and steps in device memory");
}

}  // namespace

void linear_backward_and_step(Stream& stream, ConstMatrix x, Matrix w, Vector b, ConstMatrix dz, Matrix dx, Matrix dw,
                              Vector db, const LinearStep& step, InputActivation<float> input_activation) {
  require(x.columns == w.columns, operation, "x [rows, inputs] and w [outputs, inputs]");
  require(dz.rows == x.rows && dz.columns == w.rows && x.rows >= 1, operation, "dz [rows, outputs], with a row");
  require(dx.data == nullptr || same_shape(dx, x), operation, "dx of the shape of x, or empty");
  require(same_shape(dw, w) && db.size == b.size && (b.empty() || b.size == w.rows), operation,
          "dw of the shape of w, and db of that of b, [outputs] or empty");
  require(input_activation.activation == Activation::none || same_shape(input_activation.operand, x), operation,
          "the operand of the input's activation, of the shape of x");
  require(step.rule != nullptr, operation, "a rule");
  check_moments(w, b, step);
  if (dx.empty()) input_activation = {};
  if (is_only_counted(stream, x, dz, changed(w), changed(b), dx, changed(step.w_first), changed(step.w_second),
                      changed(step.b_first), changed(step.b_second), input_activation.operand, step.rule->learning_rate,
                      step.rule->steps)) {
    return;
  }
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(linear_backward_and_step, stream, x, w, b, dz, dx, dw, db, step, input_activation);
  }
  eigen::linear_backward_and_step(stream, x, w, b, dz, dx, dw, db, step, input_activation);
}

}  // namespace mynah::kernels
