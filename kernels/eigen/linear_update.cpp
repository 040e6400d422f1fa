#include "kernels/linear_update.h"

namespace mynah::kernels::eigen {
namespace {

struct Step {
  Stream& stream;
  const StepRule& rule;
  float rate;
  Index number;

  void take(Vector values, Vector gradient, Vector first, Vector second) const {
    if (rule.descends) {
      eigen::sgd_step(stream, rule.sgd, &rate, values, gradient, first, nullptr);
    } else {
      eigen::adam_step<float>(stream, rule.adam, &rate, &number, values, gradient, first, second, nullptr);
    }
  }
};

Vector row_of(Matrix matrix, Index row) {
  return matrix.data == nullptr ? Vector{} : matrix.row(row);
}

}  // namespace

void linear_backward_and_step(Stream& stream, ConstMatrix x, Matrix w, Vector b, ConstMatrix dz, Matrix dx, Matrix dw,
                              Vector db, const LinearStep& step, InputActivation<float> input_activation) {
  ProductOptions options;
  options.overwrite_weights = true;
  eigen::linear_backward<float>(stream, x, w, dz, dx, dw, db, input_activation, options);
  const StepRule& rule = *step.rule;
  Step own{stream, rule, 0.0f, rule.steps[0] + rule.ahead};
  eigen::schedule_learning_rate(stream, rule.schedule, &own.number, rule.learning_rate, &own.rate);
  for (Index row = 0; row < w.rows; ++row) {
    own.take(w.row(row), dw.row(row), row_of(step.w_first, row), row_of(step.w_second, row));
  }
  if (!b.empty()) own.take(b, db, step.b_first, step.b_second);
}

}  // namespace mynah::kernels::eigen
