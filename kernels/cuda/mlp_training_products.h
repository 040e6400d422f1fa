#pragma once

#include "kernels/cuda/activation_function.h"
#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/mlp_training_loss.h"
#include "kernels/cuda/mlp_training_network.h"
#include "kernels/cuda/pack.h"

/// The products of a training step, and the optimizer's step, by the threads of a block. Operands of which a block that
/// shares its network has only a part are arguments. The order of sums does not depend on how high tiles are.
namespace mynah::kernels::cuda {

/// sums[i][j] += Σ of four products: a[i] . b[j].
template <int tall>
__device__ __forceinline__ void add_dots(float (&sums)[tall][4], const Pack<4> (&a)[tall], const Pack<4> (&b)[4]) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
#pragma unroll
    for (int i = 0; i < tall; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) sums[i][j] += a[i].value[k] * b[j].value[k];
    }
  }
}

/// sums[i][j] += Σ_k a[i](k) rows[k](j): a is read along k, rows along j.
template <int tall>
__device__ __forceinline__ void add_rows(float (&sums)[tall][4], const Pack<4> (&a)[tall], const Pack<4> (&rows)[4]) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
#pragma unroll
    for (int i = 0; i < tall; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) sums[i][j] += a[i].value[k] * rows[k].value[j];
    }
  }
}

template <int count>
__device__ __forceinline__ void load_rows(Pack<4> (&rows)[count], const float* from, int length) {
#pragma unroll
  for (int i = 0; i < count; ++i) rows[i] = load<4>(from + i * length);
}

__device__ __forceinline__ void write_value(const Trainer& t, const MlpLayerPlan& layer, int row, int output, float z) {
  const int place = row * layer.values_length + output;
  if (layer.before >= 0) t.shared[layer.before + place] = z;
  t.shared[layer.values + place] = activated(layer.activation, z);
}

/// Layers of no more outputs than this have too few tiles for the block: there a warp takes a tile, and its lanes share
/// the sum over the inputs.
constexpr int few_outputs = 16;

/// y = activation(x wᵀ + b) for tiles of `tall` rows by 4 outputs. x: whole rows.
template <int tall>
__device__ void forward(const Trainer& t, int l, const Rows& x, int rows) {
  const MlpLayerPlan& layer = t.layer(l);
  const Rows w = t.weights(l);
  const int own = t.own_outputs(l), across = (own + 3) / 4, tiles = (rows + tall - 1) / tall * across;
  const bool shared_sums = layer.outputs <= few_outputs;
  const int lanes = shared_sums ? 32 : 1, lane = static_cast<int>(threadIdx.x) % lanes;
  for (int tile = static_cast<int>(threadIdx.x) / lanes; tile < tiles; tile += mlp_training_threads / lanes) {
    const int row = tile / across * tall, output = tile % across * 4;
    float sums[tall][4] = {};
    for (int k = 4 * lane; k < layer.depth; k += 4 * lanes) {
      Pack<4> a[tall], b[4];
      load_rows(a, x.row(row) + k, x.length);
      load_rows(b, w.row(k) + output, w.length);
      add_rows(sums, a, b);
    }
#pragma unroll
    for (int i = 0; i < tall; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (shared_sums) sums[i][j] = warp_sum(sums[i][j]);
        const bool mine = !shared_sums || lane == 4 * i + j;
        if (mine && output + j < own) write_value(t, layer, row + i, output + j, sums[i][j]);
      }
    }
  }
}

/// Zeros behind the last outputs of dL/dz of layer l, and in the rows up to a multiple of 4.
__device__ inline void clear_edges(const Trainer& t, int l, int rows) {
  const Rows dz = t.deltas(l);
  const int own = t.own_outputs(l), columns = up_to_fours(t.layer(l).columns);
  for (int at = static_cast<int>(threadIdx.x); at < up_to_fours(rows) * columns; at += mlp_training_threads) {
    const int row = at / columns, output = at % columns;
    if (row >= rows || output >= own) dz.row(row)[output] = 0.0f;
  }
}

/// dL/dz of layer l - 1 from that of layer l: (dz w) f', tiles of `tall` rows by 4 inputs that lie apart, so that
/// neighbouring threads read neighbouring rows of w. dz: whole rows; w: rows of the inputs that this block has.
template <int tall>
__device__ void backward(const Trainer& t, int l, const Rows& dz, const Rows& w, int rows) {
  const Rows operand = t.operand(l - 1), to = t.deltas(l - 1);
  const int own = t.own_outputs(l - 1), across = (own + 3) / 4, tiles = (rows + tall - 1) / tall * across;
  for (int tile = static_cast<int>(threadIdx.x); tile < tiles; tile += mlp_training_threads) {
    const int row = tile / across * tall, input = tile % across;
    float sums[tall][4] = {};
    for (int k = 0; k < t.layer(l).outputs; k += 4) {
      Pack<4> a[tall], b[4];
      load_rows(a, dz.row(row) + k, dz.length);
      load_rows(b, w.row(input) + k, across * w.length);
      add_dots(sums, a, b);
    }
#pragma unroll
    for (int i = 0; i < tall; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int of = input + j * across;
        if (of >= own) continue;
        to.row(row + i)[of] = activation_gradient(t.layer(l - 1).activation, operand.row(row + i)[of], sums[i][j]);
      }
    }
  }
}

/// The optimizer's step for four neighbouring weights.
__device__ __forceinline__ void update(const Trainer& t, int place, const Pack<4>& gradient) {
  const MlpObjective& objective = t.arguments.objective;
  float* at = t.shared + place;
  Pack<4> theta = load<4>(at);
  if (!objective.descends) {
    Pack<4> first = load<4>(at + t.plan.parameters), second = load<4>(at + 2 * t.plan.parameters);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      adam_element(t.factors.adam, gradient.value[i], theta.value[i], first.value[i], second.value[i]);
    }
    store<4>(at + t.plan.parameters, first);
    store<4>(at + 2 * t.plan.parameters, second);
  } else {
    SgdOptions options = objective.sgd;
    options.weight_decay = t.member.weight_decay;
    const SgdCoefficients coefficients(options, t.factors.rate);
    if (objective.sgd.momentum != 0.0) {
      Pack<4> buffer = load<4>(at + t.plan.parameters);
#pragma unroll
      for (int i = 0; i < 4; ++i) coefficients.step<true>(gradient.value[i], theta.value[i], buffer.value[i]);
      store<4>(at + t.plan.parameters, buffer);
    } else {
      float none = 0.0f;
#pragma unroll
      for (int i = 0; i < 4; ++i) coefficients.step<false>(gradient.value[i], theta.value[i], none);
    }
  }
  store<4>(at, theta);
}

/// dw += dzᵀ x of layer l, and the optimizer's step: tiles of `tall` inputs by 4 outputs, each summed over the rows in
/// order, whatever the chunks are. x: whole rows.
template <int tall>
__device__ void train_weights(const Trainer& t, int l, const Rows& x, const ChunkOfBatch& chunk) {
  const MlpLayerPlan& layer = t.layer(l);
  const Rows dz = t.deltas(l);
  const int across = (t.own_outputs(l) + 3) / 4, tiles = layer.depth / tall * across;
  for (int tile = static_cast<int>(threadIdx.x); tile < tiles; tile += mlp_training_threads) {
    const int input = tile / across * tall, output = tile % across * 4;
    const int place = layer.weights + input * layer.length + output;
    Pack<4> sums[tall] = {};
    if (!chunk.is_first()) {
#pragma unroll
      for (int i = 0; i < tall; ++i) sums[i] = load<4>(t.shared + t.plan.gradient + place + i * layer.length);
    }
    for (int row = 0; row < chunk.rows; ++row) {
      const Pack<tall> a = load<tall>(x.row(row) + input);
      const Pack<4> b = load<4>(dz.row(row) + output);
#pragma unroll
      for (int i = 0; i < tall; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i].value[j] += a.value[i] * b.value[j];
      }
    }
#pragma unroll
    for (int i = 0; i < tall; ++i) {
      if (chunk.is_last()) {
        update(t, place + i * layer.length, sums[i]);
      } else {
        store<4>(t.shared + t.plan.gradient + place + i * layer.length, sums[i]);
      }
    }
  }
}

}  // namespace mynah::kernels::cuda
