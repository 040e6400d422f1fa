#pragma once

#include "kernels/eigen/vectorized/activations.h"
#include "kernels/eigen/vectorized/channel_bias.h"
#include "kernels/eigen/vectorized/convolution_choice.h"
#include "kernels/eigen/vectorized/gru.h"
#include "kernels/eigen/vectorized/layer_norm.h"
#include "kernels/eigen/vectorized/linear.h"
#include "kernels/eigen/vectorized/softmax.h"
#include "kernels/eigen/vectorized/training.h"

namespace mynah::kernels::eigen::vectorized {
namespace {

/// The operations as compiled in this source file.
constexpr Operations all_operations(const char* name) {
  return {name,
          linear_forward_scratch,
          linear_backward_scratch,
          linear_forward,
          linear_input_gradient,
          linear_weight_gradient,
          adam_step,
          fill,
          copy,
          add,
          exp,
          standardize,
          standardize_backward,
          unstandardize,
          unstandardize_backward,
          gather_rows,
          squared_error,
          softmax_row,
          layer_norm_forward,
          layer_norm_backward,
          gru_gates_forward,
          gru_gates_backward,
          all_activations(),
          convolution_scratch,
          convolution_forward,
          convolution_transposed,
          convolution_weight_gradient,
          channel_bias_forward,
          channel_bias_backward};
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
