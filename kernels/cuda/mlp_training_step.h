#pragma once

#include "kernels/cuda/mlp_training_products.h"
#include "kernels/cuda/shared_memory.h"
#include "kernels/schedule_functions.h"

/// The training of networks, whether each is in a block or in several. `Blocks` says who has what:
///
///   static int rank(), member()    of the calling block
///   const Trainer& t
///   Rows inputs(l), values(l), deltas(l)    of a whole layer: what goes into it, y, dL/dz
///   Rows weights(l)    a row for each input whose gradient this block computes
///   begin(), end()     around everything
///   begin_chunk(), end_chunk()    around the rows of a chunk; those are gathered before it begins
///   share_values(l, rows)   all threads have written y of layer l: then values(l) and inputs(l + 1) can be read
///   share_deltas(l, rows)   likewise dL/dz: then deltas(l) and weights(l) can be read
///   share_inputs(l, rows)   all threads have read those, which change from here on: then inputs(l) can be read
///
/// Its barriers are the only ones of a step. What is computed is the same for all of them, to the bit.
namespace mynah::kernels::cuda {

/// Calls product(a number) with the height of tiles for `rows` by `across` of them: of several blocks, each has few
/// outputs of a layer, and high tiles would leave most of its threads without one.
template <class Blocks, class Product>
__device__ __forceinline__ void with_height(int rows, int across, const Product& product) {
  if (!Blocks::several || (rows + 3) / 4 * across * 2 > mlp_training_threads) {
    product(std::integral_constant<int, 4>());
  } else if constexpr (Blocks::several) {
    if ((rows + 1) / 2 * across * 2 > mlp_training_threads) {
      product(std::integral_constant<int, 2>());
    } else {
      product(std::integral_constant<int, 1>());
    }
  }
}

/// One chunk of a batch, from its values to weight gradients. Adds this thread's share of its loss.
template <class Blocks>
__device__ __forceinline__ void train_chunk(const Blocks& blocks, const ChunkOfBatch& chunk, double* loss) {
  const Trainer& t = blocks.t;
  const int last = t.plan.layer_count - 1, rows = chunk.rows;
  blocks.begin_chunk();
  for (int l = 0; l <= last; ++l) {
    with_height<Blocks>(rows, (t.own_outputs(l) + 3) / 4,
                        [&](auto tall) { forward<tall.value>(t, l, blocks.inputs(l), rows); });
    blocks.share_values(l, rows);
  }
  if (t.arguments.objective.labels) {
    softmax_deltas(t, blocks.values(last), chunk, loss);
  } else {
    elementwise_deltas(t, blocks.values(last), chunk, loss);
  }
  clear_edges(t, last, rows);
  for (int l = last; l >= 0; --l) {
    blocks.share_deltas(l, rows);
    if (l > 0) {
      with_height<Blocks>(rows, (t.own_outputs(l - 1) + 3) / 4,
                          [&](auto tall) { backward<tall.value>(t, l, blocks.deltas(l), blocks.weights(l), rows); });
      clear_edges(t, l - 1, rows);
      blocks.share_inputs(l, rows);
    }
    // Few tiles of 4 x 4 would leave most of the block without work.
    if (t.layer(l).depth / 4 * ((t.own_outputs(l) + 3) / 4) * 2 > mlp_training_threads) {
      train_weights<4>(t, l, blocks.inputs(l), chunk);
    } else {
      train_weights<1>(t, l, blocks.inputs(l), chunk);
    }
  }
  blocks.end_chunk();
}

/// What the optimizer's step `number` needs.
__device__ __forceinline__ void find_factors(StepFactors& factors, const MlpObjective& objective,
                                             const MlpMember& member, Index number) {
  const double factor = schedule_factor(objective.schedule, number - 1);
  factors.rate = static_cast<float>(static_cast<double>(*member.learning_rate) * factor);
  AdamOptions options = objective.adam;
  options.weight_decay = member.weight_decay;
  if (!objective.descends) factors.adam = adam_factors(options, factors.rate, number);
}

/// All of a kernel. factors: in shared memory.
template <class Blocks>
__device__ __forceinline__ void train_network(const MlpTrainingArguments& arguments, StepFactors& factors) {
  const MlpMember member = arguments.members[Blocks::member()];
  const MlpSteps& steps = arguments.steps;
  const MlpObjective& objective = arguments.objective;
  const Trainer t{arguments, arguments.plan, dynamic_shared<float>(), factors, member, Blocks::rank()};
  const Blocks blocks{t};
  StateArrays state(objective, member);
  load_network(t, state);
  const Index steps_before = *member.steps, rows_of_epoch = rows_of(member, steps);
  double loss = 0.0;
  Index taken = 0;
  blocks.begin();
  for (; taken < steps.count; ++taken) {
    const Index first = steps.first_row + taken * steps.batch;
    if (first >= rows_of_epoch) break;
    // Whoever reads them waits at the barriers in between.
    if (threadIdx.x == 0) find_factors(factors, objective, member, steps_before + taken + 1);
    const Index rows = rows_of_epoch - first < steps.batch ? rows_of_epoch - first : steps.batch;
    for (Index done = 0; done < rows; done += arguments.plan.chunk) {
      const Index rest = rows - done;
      const int count = rest < arguments.plan.chunk ? static_cast<int>(rest) : arguments.plan.chunk;
      gather_chunk(t, arguments.members[Blocks::member()], first + done, count);
      train_chunk(blocks, {done, count, rows}, &loss);
    }
  }
  blocks.end();
  store_network(t, state);
  // Read where it lies: an index that is not known would put a member's copy into local memory.
  const MlpSnapshot* snapshot =
      steps.snapshot < 0 ? nullptr : arguments.members[Blocks::member()].snapshots + steps.snapshot;
  if (snapshot != nullptr) {
    state = StateArrays(objective, *snapshot);
    store_network(t, state);
  }
  const double total = block_sum<mlp_training_threads>(loss);
  if (threadIdx.x != 0 || Blocks::rank() != 0) return;
  const double sum = *member.loss_sum + (objective.labels ? total : total / t.plan.targets_length);
  *member.loss_sum = sum;
  *member.steps = steps_before + taken;
  if (snapshot == nullptr) return;
  *snapshot->loss_sum = sum;
  *snapshot->steps = steps_before + taken;
}

}  // namespace mynah::kernels::cuda
