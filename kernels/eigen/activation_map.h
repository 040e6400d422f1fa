#pragma once

#include "kernels/activation.h"

/// Activations on the thread that calls, whatever the stream's threads are: for operations that are shared as a whole.
namespace mynah::kernels::eigen {

/// y = f(x); y may be x.
void map_activation(Activation activation, ConstMatrix x, Matrix y);
/// dx = f'(operand) dy; dx may be dy.
void map_activation_gradient(Activation activation, ConstMatrix operand, ConstMatrix dy, Matrix dx);

}  // namespace mynah::kernels::eigen
