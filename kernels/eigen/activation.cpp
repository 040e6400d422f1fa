#include "kernels/activation.h"

#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void activation_forward(Stream&, Activation activation, MatrixView<const Scalar> x, MatrixView<Scalar> y) {
  switch (activation) {
    case Activation::none:
      map(y) = map(x);
      return;
    case Activation::relu:
      // Not max(x, 0): which of its arguments a maximum returns for NaN depends on the instruction set.
      map(y) = map(x).unaryExpr([](Scalar value) { return value <= Scalar(0) ? Scalar(0) : value; });
      return;
  }
}

template <class Scalar>
void activation_backward(Stream&, Activation activation, MatrixView<const Scalar> y, MatrixView<const Scalar> dy,
                         MatrixView<Scalar> dx) {
  switch (activation) {
    case Activation::none:
      map(dx) = map(dy);
      return;
    case Activation::relu:
      map(dx) = map(y).binaryExpr(
          map(dy), [](Scalar output, Scalar gradient) { return output > Scalar(0) ? gradient : Scalar(0); });
      return;
  }
}

template <>
void activation_forward<float>(Stream&, Activation activation, ConstMatrix x, Matrix y) {
  using namespace vectorized;
  const auto f = activation == Activation::relu ? operations().relu : operations().copy;
  f(x.rows, x.columns, rows_of(x), rows_of(y));
}

template <>
void activation_backward<float>(Stream&, Activation activation, ConstMatrix y, ConstMatrix dy, Matrix dx) {
  using namespace vectorized;
  if (activation == Activation::none) return operations().copy(y.rows, y.columns, rows_of(dy), rows_of(dx));
  operations().relu_backward(y.rows, y.columns, rows_of(y), rows_of(dy), rows_of(dx));
}

template void activation_forward(Stream&, Activation, MatrixView<const double>, MatrixView<double>);
template void activation_backward(Stream&, Activation, MatrixView<const double>, MatrixView<const double>,
                                  MatrixView<double>);

}  // namespace mynah::kernels::eigen
