#include "kernels/gru.h"

#include "kernels/activation_functions.h"
#include "kernels/cuda/map.h"

namespace mynah::kernels::cuda {
namespace {

// A thread for each element of the state, or four neighbouring ones. Limited by memory, and in small networks by the
// launch: 48 bytes an element forward, 44 backward, 60 with tangents, 88 backward with tangents.

using activation_functions::Sigmoid;
using activation_functions::Tanh;

/// The four blocks of a row: r | z | q | n.
template <int width>
struct Gates {
  Pack<width> r, z, q, n;
};

template <int width, class View>
__device__ __forceinline__ Gates<width> load_gates(const View& gates, Index row, Index column, Index hidden) {
  const float* from = gates.data + row * gates.stride + column;
  return {load<width>(from), load<width>(from + hidden), load<width>(from + 2 * hidden),
          load<width>(from + 3 * hidden)};
}

template <int width>
__device__ __forceinline__ void store_gates(const Matrix& gates, Index row, Index column, Index hidden,
                                            const Gates<width>& values) {
  float* to = gates.data + row * gates.stride + column;
  store<width>(to, values.r);
  store<width>(to + hidden, values.z);
  store<width>(to + 2 * hidden, values.q);
  store<width>(to + 3 * hidden, values.n);
}

template <int width, class View>
__device__ __forceinline__ Pack<width> load_at(const View& matrix, Index row, Index column) {
  return load<width>(matrix.data + row * matrix.stride + column);
}

template <int width>
__device__ __forceinline__ void store_or_add(bool add, const Matrix& matrix, Index row, Index column,
                                             Pack<width> values) {
  if (matrix.data == nullptr) return;
  float* to = matrix.data + row * matrix.stride + column;
  if (add) {
    const Pack<width> before = load<width>(to);
    for (int i = 0; i < width; ++i) values.value[i] += before.value[i];
  }
  store<width>(to, values);
}

struct GatesForward {
  ConstMatrix state_projection;
  ConstMatrix state;
  Matrix gates;
  Matrix next_state;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Index hidden = state.columns;
    float* const r_place = gates.data + row * gates.stride + column;
    const float* const projection = state_projection.data + row * state_projection.stride + column;
    Gates<width> gate{load<width>(r_place), load<width>(r_place + hidden), load<width>(projection + 2 * hidden),
                      load<width>(r_place + 3 * hidden)};
    const Pack<width> to_r = load<width>(projection), to_z = load<width>(projection + hidden);
    Pack<width> h = load_at<width>(state, row, column);
    for (int i = 0; i < width; ++i) {
      gate.r.value[i] = Sigmoid::value(gate.r.value[i] + to_r.value[i], 0.0f);
      const float z = Sigmoid::value(gate.z.value[i] + to_z.value[i], 0.0f);
      const float n = Tanh::value(gate.n.value[i] + gate.r.value[i] * gate.q.value[i], 0.0f);
      h.value[i] = (1.0f - z) * n + z * h.value[i];
      gate.z.value[i] = z;
      gate.n.value[i] = n;
    }
    store_gates<width>(gates, row, column, hidden, gate);
    store<width>(next_state.data + row * next_state.stride + column, h);
  }
};

struct GatesBackward {
  ConstMatrix gates;
  ConstMatrix state;
  ConstMatrix next_state_gradient;
  bool add;
  Matrix gate_gradients;
  Matrix state_gradient;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Index hidden = state.columns;
    const Gates<width> gate = load_gates<width>(gates, row, column, hidden);
    const Pack<width> h = load_at<width>(state, row, column);
    const Pack<width> g = load_at<width>(next_state_gradient, row, column);
    Gates<width> of;
    Pack<width> of_h;
    for (int i = 0; i < width; ++i) {
      const float r = gate.r.value[i], z = gate.z.value[i], q = gate.q.value[i], n = gate.n.value[i];
      const float of_i = (1.0f - n * n) * (1.0f - z) * g.value[i];
      of.n.value[i] = of_i;
      of.q.value[i] = r * of_i;
      of.z.value[i] = z * (1.0f - z) * (h.value[i] - n) * g.value[i];
      of.r.value[i] = r * (1.0f - r) * q * of_i;
      of_h.value[i] = z * g.value[i];
    }
    store_gates<width>(gate_gradients, row, column, hidden, of);
    store_or_add<width>(add, state_gradient, row, column, of_h);
  }
};

struct GatesTangent {
  ConstMatrix gates;
  ConstMatrix state;
  ConstMatrix state_tangent;
  Matrix gate_tangents;
  Matrix next_state_tangent;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Index hidden = state.columns;
    const Gates<width> gate = load_gates<width>(gates, row, column, hidden);
    Gates<width> tangent = load_gates<width>(gate_tangents, row, column, hidden);
    const Pack<width> h = load_at<width>(state, row, column);
    Pack<width> h_tangent = load_at<width>(state_tangent, row, column);
    for (int i = 0; i < width; ++i) {
      const float r = gate.r.value[i], z = gate.z.value[i], q = gate.q.value[i], n = gate.n.value[i];
      const float r_tangent = r * (1.0f - r) * tangent.r.value[i];
      const float z_tangent = z * (1.0f - z) * tangent.z.value[i];
      const float n_tangent = (1.0f - n * n) * (tangent.n.value[i] + r_tangent * q + r * tangent.q.value[i]);
      h_tangent.value[i] = (1.0f - z) * n_tangent + z_tangent * (h.value[i] - n) + z * h_tangent.value[i];
      tangent.r.value[i] = r_tangent;
      tangent.z.value[i] = z_tangent;
      tangent.n.value[i] = n_tangent;
    }
    store_gates<width>(gate_tangents, row, column, hidden, tangent);
    store<width>(next_state_tangent.data + row * next_state_tangent.stride + column, h_tangent);
  }
};

struct GatesTangentBackward {
  GruTangentBackward<float> step;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Index hidden = step.state.columns;
    const Gates<width> gate = load_gates<width>(step.gates, row, column, hidden);
    const Gates<width> tangent = load_gates<width>(step.gate_tangents, row, column, hidden);
    const Pack<width> h = load_at<width>(step.state, row, column);
    const Pack<width> h_tangent = load_at<width>(step.state_tangent, row, column);
    const Pack<width> gradient = load_at<width>(step.next_state_gradient, row, column);
    const Pack<width> tangent_gradient = load_at<width>(step.next_state_tangent_gradient, row, column);
    Gates<width> of, of_tangent;
    Pack<width> of_h, of_h_tangent;
    for (int i = 0; i < width; ++i) {
      const float r = gate.r.value[i], z = gate.z.value[i], q = gate.q.value[i], n = gate.n.value[i];
      const float r_dot = tangent.r.value[i], z_dot = tangent.z.value[i];
      const float q_dot = tangent.q.value[i], n_dot = tangent.n.value[i];
      const float g = gradient.value[i], u = tangent_gradient.value[i];
      const float moved = h.value[i] - n;
      const float of_c_dot = (1.0f - n * n) * (1.0f - z) * u;
      const float of_c = (1.0f - n * n) * ((1.0f - z) * g - z_dot * u) - 2.0f * n * n_dot * (1.0f - z) * u;
      of_tangent.n.value[i] = of_c_dot;
      of.n.value[i] = of_c;
      of_tangent.q.value[i] = r * of_c_dot;
      of.q.value[i] = r * of_c + r_dot * of_c_dot;
      of_tangent.r.value[i] = r * (1.0f - r) * q * of_c_dot;
      of.r.value[i] = r * (1.0f - r) * (q * of_c + q_dot * of_c_dot) + (1.0f - 2.0f * r) * r_dot * q * of_c_dot;
      of_tangent.z.value[i] = z * (1.0f - z) * moved * u;
      of.z.value[i] =
          z * (1.0f - z) * (moved * g + (h_tangent.value[i] - n_dot) * u) + (1.0f - 2.0f * z) * z_dot * moved * u;
      of_h.value[i] = z * g + z_dot * u;
      of_h_tangent.value[i] = z * u;
    }
    store_gates<width>(step.gate_gradients, row, column, hidden, of);
    store_gates<width>(step.gate_tangent_gradients, row, column, hidden, of_tangent);
    store_or_add<width>(step.add, step.state_gradient, row, column, of_h);
    store_or_add<width>(step.add, step.state_tangent_gradient, row, column, of_h_tangent);
  }
};

/// Blocks of `hidden` columns begin where four floats may be read only if hidden is a multiple of 4.
template <class Element, class... Matrices>
void map_state(Stream& stream, const char* operation, ConstMatrix state, const Element& element, Matrices... matrices) {
  const bool packs = state.columns % 4 == 0 && allows_packs(state) && (allows_packs(matrices) && ...);
  map(stream, operation, state.rows, state.columns, packs, element);
}

}  // namespace

void gru_gates_forward(Stream& stream, ConstMatrix state_projection, ConstMatrix state, Matrix gates,
                       Matrix next_state) {
  const GatesForward element{state_projection, state, gates, next_state};
  map_state(stream, "gru_gates_forward", state, element, state_projection, gates, next_state);
}

void gru_gates_backward(Stream& stream, ConstMatrix gates, ConstMatrix state, ConstMatrix next_state_gradient, bool add,
                        Matrix gate_gradients, Matrix state_gradient) {
  const GatesBackward element{gates, state, next_state_gradient, add, gate_gradients, state_gradient};
  map_state(stream, "gru_gates_backward", state, element, gates, next_state_gradient, gate_gradients, state_gradient);
}

void gru_gates_tangent(Stream& stream, ConstMatrix gates, ConstMatrix state, ConstMatrix state_tangent,
                       Matrix gate_tangents, Matrix next_state_tangent) {
  const GatesTangent element{gates, state, state_tangent, gate_tangents, next_state_tangent};
  map_state(stream, "gru_gates_tangent", state, element, gates, state_tangent, gate_tangents, next_state_tangent);
}

void gru_gates_tangent_backward(Stream& stream, const GruTangentBackward<float>& step) {
  map_state(stream, "gru_gates_tangent_backward", step.state, GatesTangentBackward{step}, step.gates,
            step.gate_tangents, step.state_tangent, step.next_state_gradient, step.next_state_tangent_gradient,
            step.gate_gradients, step.gate_tangent_gradients, step.state_gradient, step.state_tangent_gradient);
}

}  // namespace mynah::kernels::cuda
