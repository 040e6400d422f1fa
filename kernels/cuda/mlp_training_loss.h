#pragma once

#include "kernels/cuda/activation_function.h"
#include "kernels/cuda/mlp_training_network.h"
#include "kernels/loss_functions.h"

namespace mynah::kernels::cuda {

/// Which rows of a batch are in shared memory.
struct ChunkOfBatch {
  Index done;  ///< Rows of the batch before these.
  int rows;
  Index rows_of_batch;
  __device__ bool is_first() const { return done == 0; }
  __device__ bool is_last() const { return done + rows == rows_of_batch; }
};

/// f and f' of a loss, chosen at run time.
struct LossTerm {
  double value;
  float gradient;
};
__device__ __forceinline__ LossTerm loss_term(ElementwiseLoss loss, float prediction, float target) {
  switch (loss.kind()) {
#define MYNAH_CASE(name, type)                                                 \
  case ElementwiseLoss::name:                                                  \
    return {loss_functions::type::value(prediction, target, loss.parameter()), \
            loss_functions::type::gradient(prediction, target, loss.parameter())};
    MYNAH_ELEMENTWISE_LOSSES(MYNAH_CASE)
#undef MYNAH_CASE
  }
  return {0.0, 0.0f};
}

/// dL/dz of the last layer, of which the gradient behind the activation is `gradient`; by the block that has it.
__device__ __forceinline__ void write_last_delta(const Trainer& t, int row, int output, float gradient) {
  const int last = t.plan.layer_count - 1, own = output - t.first_output(last);
  if (own < 0 || own >= t.own_outputs(last)) return;
  t.deltas(last).row(row)[own] = activation_gradient(t.layer(last).activation, t.operand(last).row(row)[own], gradient);
}

/// Where a thread begins with what a batch has one behind the other, `before` of them in earlier chunks: it gets the
/// same ones of them whatever the chunks are, so that sums have the same order.
__device__ __forceinline__ int first_turn(Index before) {
  const auto gone = static_cast<int>(before % mlp_training_threads);
  return (static_cast<int>(threadIdx.x) + mlp_training_threads - gone) % mlp_training_threads;
}

/// predictions: of the whole layer. Adds this thread's share of Σ over rows and outputs of f to *sum.
__device__ inline void elementwise_deltas(const Trainer& t, const Rows& predictions, const ChunkOfBatch& chunk,
                                          double* sum) {
  const int outputs = t.plan.targets_length;
  const auto share = static_cast<float>(1.0 / (static_cast<double>(chunk.rows_of_batch) * outputs));
  for (int at = first_turn(chunk.done * outputs); at < chunk.rows * outputs; at += mlp_training_threads) {
    const int row = at / outputs, output = at % outputs;
    const LossTerm term =
        loss_term(t.arguments.objective.loss, predictions.row(row)[output], t.shared[t.plan.targets + at]);
    *sum += term.value;
    write_last_delta(t, row, output, share * term.gradient);
  }
}

/// The same for softmax cross-entropy, a thread for each row.
__device__ inline void softmax_deltas(const Trainer& t, const Rows& predictions, const ChunkOfBatch& chunk,
                                      double* sum) {
  const int outputs = t.layer(t.plan.layer_count - 1).outputs;
  const auto share = static_cast<float>(1.0 / static_cast<double>(chunk.rows_of_batch));
  for (int row = first_turn(chunk.done); row < chunk.rows; row += mlp_training_threads) {
    const float* logits = predictions.row(row);
    const int label = __float_as_int(t.shared[t.plan.targets + row]);
    const bool is_class = label >= 0 && label < outputs;
    float largest = -INFINITY, partition = 0.0f;
    for (int c = 0; c < outputs; ++c) largest = logits[c] > largest ? logits[c] : largest;
    for (int c = 0; c < outputs; ++c) partition += expf(logits[c] - largest);
    for (int c = 0; c < outputs; ++c) {
      const float probability = expf(logits[c] - largest) / partition;
      write_last_delta(t, row, c, is_class ? (probability - (c == label ? 1.0f : 0.0f)) * share : NAN);
    }
    *sum += !is_class ? static_cast<double>(NAN)
                      : log(static_cast<double>(partition)) + static_cast<double>(largest) -
                            static_cast<double>(logits[label]);
  }
}

}  // namespace mynah::kernels::cuda
