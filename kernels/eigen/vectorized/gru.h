#pragma once

#include "kernels/eigen/vectorized/elementwise.h"
#include "kernels/eigen/vectorized/vector_math.h"

/// The gates of a gated recurrent unit: kernels/gru.h has the contract and the derivation.
namespace mynah::kernels::eigen::vectorized {
namespace {

void gru_gates_forward(Size rows, Size hidden, ConstRows state_projection, ConstRows state, Rows gates,
                       Rows next_state) {
  for (Size m = 0; m < rows; ++m) {
    const float* projection = state_projection.data + m * state_projection.stride;
    const float* h = state.data + m * state.stride;
    float* gate = gates.data + m * gates.stride;
    float* next = next_state.data + m * next_state.stride;
    for_each_vector(hidden, [=](Size i, auto... some) {
      float* place = gate + i;
      const float* from_state = projection + i;
      const Vec r = sigmoid(load(place, some...) + load(from_state, some...));
      const Vec z = sigmoid(load(place + hidden, some...) + load(from_state + hidden, some...));
      const Vec q = load(from_state + 2 * hidden, some...);
      const Vec n = tanh(load(place + 3 * hidden, some...) + r * q);
      const Vec moved = (1.0f - z) * n + z * load(h + i, some...);
      store(place, r, some...);
      store(place + hidden, z, some...);
      store(place + 2 * hidden, q, some...);
      store(place + 3 * hidden, n, some...);
      store(next + i, moved, some...);
    });
  }
}

void gru_gates_backward(Size rows, Size hidden, ConstRows gates, ConstRows state, ConstRows next_state_gradient,
                        bool add, Rows gate_gradients, Rows state_gradient) {
  for (Size m = 0; m < rows; ++m) {
    const float* gate = gates.data + m * gates.stride;
    const float* h = state.data + m * state.stride;
    const float* gradient = next_state_gradient.data + m * next_state_gradient.stride;
    float* of_gate = gate_gradients.data + m * gate_gradients.stride;
    float* of_state = state_gradient.data == nullptr ? nullptr : state_gradient.data + m * state_gradient.stride;
    for_each_vector(hidden, [=](Size i, auto... some) {
      const Vec r = load(gate + i, some...), z = load(gate + hidden + i, some...);
      const Vec q = load(gate + 2 * hidden + i, some...), n = load(gate + 3 * hidden + i, some...);
      const Vec g = load(gradient + i, some...);
      const Vec of_candidate = (1.0f - n * n) * ((1.0f - z) * g);
      store(of_gate + i, r * (1.0f - r) * (q * of_candidate), some...);
      store(of_gate + hidden + i, z * (1.0f - z) * ((load(h + i, some...) - n) * g), some...);
      store(of_gate + 2 * hidden + i, r * of_candidate, some...);
      store(of_gate + 3 * hidden + i, of_candidate, some...);
      if (of_state == nullptr) return;
      const Vec share = z * g;
      store(of_state + i, add ? load(of_state + i, some...) + share : share, some...);
    });
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
