#include "kernels/activation.h"

#include <array>

#include "kernels/activation_functions.h"
#include "kernels/operation_count.h"

namespace mynah::kernels {

const char* Activation::name() const {
  static constexpr std::array names{
#define MYNAH_NAME(name, type) #name,
      MYNAH_ACTIVATIONS(MYNAH_NAME)
#undef MYNAH_NAME
  };
  return names.at(static_cast<std::size_t>(kind_));
}

bool Activation::keeps_output() const {
  return visit_activation(kind_, [](auto function) { return decltype(function)::keeps_output; });
}

VectorView<const Activation::Kind> activation_kinds() {
  static constexpr std::array kinds{
#define MYNAH_KIND(name, type) Activation::name,
      MYNAH_ACTIVATIONS(MYNAH_KIND)
#undef MYNAH_KIND
  };
  return {kinds.data(), static_cast<Index>(kinds.size())};
}

template <class Scalar>
void activation_forward(Stream& stream, Activation activation, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y) {
  require(same_shape(x, y), "activation_forward", "y of the shape of x");
  if (y.empty()) return;
  if (is_only_counted(stream, x, y)) return;
  MYNAH_CALL_TWIN(activation_forward, stream, activation, x, y);
}

template <class Scalar>
void activation_backward(Stream& stream, Activation activation, ConstMatrixOf<Scalar> operand, ConstMatrixOf<Scalar> dy,
                         MatrixOf<Scalar> dx) {
  require(same_shape(operand, dy) && same_shape(operand, dx), "activation_backward",
          "dy and dx of the shape of operand");
  if (dx.empty()) return;
  if (is_only_counted(stream, operand, dy, dx)) return;
  MYNAH_CALL_TWIN(activation_backward, stream, activation, operand, dy, dx);
}

template <class Scalar>
void activation_tangent_backward(Stream& stream, Activation activation, ConstMatrixOf<Scalar> operand,
                                 ConstMatrixOf<Scalar> x_tangent, MatrixOf<Scalar> y_gradient,
                                 MatrixOf<Scalar> tangent_gradient) {
  require(same_shape(operand, x_tangent) && same_shape(operand, y_gradient) && same_shape(operand, tangent_gradient),
          "activation_tangent_backward", "x_tangent and both gradients of the shape of operand");
  if (operand.empty()) return;
  if (is_only_counted(stream, operand, x_tangent, y_gradient, tangent_gradient)) return;
  MYNAH_CALL_TWIN(activation_tangent_backward, stream, activation, operand, x_tangent, y_gradient, tangent_gradient);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(activation_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(activation_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(activation_tangent_backward)

}  // namespace mynah::kernels
