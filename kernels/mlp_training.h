#pragma once

#include <array>

#include "kernels/activation.h"
#include "kernels/loss.h"
#include "kernels/optimizer.h"
#include "kernels/philox.h"
#include "kernels/schedule.h"

/// Training of multilayer perceptrons, many steps and many networks in one launch.
///
/// A step of a small network is a few microseconds of arithmetic behind a dozen launches. Here a block of threads takes
/// one network into its shared memory, with its optimizer's moments, and trains it for many steps; only the rows of a
/// batch come from device memory, only the trained network goes back. A network that is too large for that is shared
/// among the blocks of a cluster (sm_90 and later), which read each other's shared memory. Many networks of one shape
/// (seeds, learning rates, weight decays, orders of the data) train side by side, a block or a cluster each.
namespace mynah::kernels {

/// A linear layer with an activation behind it: y = activation(x wᵀ + b).
struct MlpLayer {
  Index outputs = 0;
  Activation activation = Activation::none;
  Index weight = 0;  ///< Where w [outputs, inputs] begins among the parameters of a network,
  Index bias = -1;   ///< and where b [outputs] does; negative: there is none.

  friend constexpr bool operator==(const MlpLayer&, const MlpLayer&) = default;
};

/// A stack of linear layers.
struct MlpShape {
  static constexpr int most_layers = 8;
  Index inputs = 0;
  int layer_count = 0;
  std::array<MlpLayer, most_layers> layers;

  constexpr Index inputs_of(int layer) const {
    return layer == 0 ? inputs : layers[static_cast<std::size_t>(layer - 1)].outputs;
  }
  constexpr Index outputs() const { return inputs_of(layer_count); }
  friend constexpr bool operator==(const MlpShape&, const MlpShape&) = default;
};

/// What is trained for, and how: the loss (kernels/loss.h) or, with `labels`, softmax cross-entropy
/// (kernels/classification.h, without its options); Adam or, with `descends`, SGD (kernels/optimizer.h), at the base
/// rate times the schedule's factor.
struct MlpObjective {
  ElementwiseLoss loss = ElementwiseLoss::mse;
  bool labels = false;
  bool descends = false;
  AdamOptions adam;
  SgdOptions sgd;
  Schedule schedule;

  friend constexpr bool operator==(const MlpObjective&, const MlpObjective&) = default;
};

/// The rows that are trained on: inputs [rows, inputs] and targets, values [rows, outputs] or labels [rows].
struct MlpData {
  ConstMatrix inputs;
  ConstMatrix values;
  ConstLabels labels;
};

/// Where a launch leaves a copy of what it has trained: laid out as a member, which see, with the same null pointers.
struct MlpSnapshot {
  float* parameters = nullptr;
  float* first_moment = nullptr;
  float* second_moment = nullptr;
  Index* steps = nullptr;
  double* loss_sum = nullptr;
};

/// One of the networks: everything is in device memory.
struct MlpMember {
  float* parameters = nullptr;
  float* first_moment = nullptr;         ///< Laid out as the parameters: Adam's m, SGD's momentum buffer, or null.
  float* second_moment = nullptr;        ///< Likewise: Adam's v, or null.
  const float* learning_rate = nullptr;  ///< The base rate.
  Index* steps = nullptr;                ///< Steps taken; counted on.
  double* loss_sum = nullptr;            ///< Added to as in kernels/loss.h: rows times loss, step by step.
  double weight_decay = 0.0;             ///< In place of the objective's.
  /// Numbers of rows of the data (not checked), in the order in which an epoch takes them; null: the permutation that
  /// (order_key, epoch) names, see kernels::permutation.
  const std::int32_t* order = nullptr;
  RandomKey order_key;
  Index rows = 0;  ///< Of its epoch, if it has fewer than MlpSteps::rows; 0: as many.
  /// Data of its own, each in place of the call's, with the same columns and strides; null: the call's.
  const float* inputs = nullptr;
  const float* values = nullptr;
  const std::int32_t* labels = nullptr;
  /// By turns, so that one can be read while the next launch writes the other: see MlpSteps::snapshot.
  MlpSnapshot snapshots[2];
};

/// Which part of an epoch is trained.
struct MlpSteps {
  Index rows = 0;   ///< Rows of an epoch, the length of an order; without an order, of the data.
  Index epoch = 0;  ///< For members without an order.
  Index first_row = 0;
  Index batch = 0;
  /// Step s takes `batch` rows from first_row + s batch on, or what is left of the epoch; none where nothing is left.
  Index count = 0;
  /// Which of its snapshots, 0 or 1, each member leaves at the end of the launch; negative: none. It is whole for
  /// whoever waits for the launch (run_after, kernels/recording.h), and stays so until a launch leaves it again.
  int snapshot = -1;
};

/// How a network lies on a CUDA device while it is trained. Results do not depend on it: every sum has
/// the same order.
struct MlpPlacement {
  Index blocks = 1;  ///< That share the network, each with some outputs of every layer: 1, or a cluster of 2, 4 or 8.
  Index chunk = 0;   ///< So many rows of a batch are in shared memory at a time, a multiple of 4. 0: it does not fit.

  friend constexpr bool operator==(const MlpPlacement&, const MlpPlacement&) = default;
};

/// Trains every network for steps.count steps. Each step is what the operations one by one would do:
///
///   linear_forward for every layer, the loss and its gradient, linear_backward for every layer, adam_step or sgd_step
///
/// Every sum has a fixed order, that of the rows and of the inputs; a network's results do not depend on which others
/// train beside it, and members share nothing but, perhaps, the data. first_row + (count - 1) batch < rows. On CUDA the
/// networks have to fit as `placement` says, that of place_mlp_training() or one with fewer rows or more blocks. The
/// CPU takes the operations one by one. What lies between the tensors of a network is left alone, in a snapshot too.
void train_mlp(Stream& stream, const MlpShape& shape, const MlpObjective& objective, const MlpData& data,
               VectorView<const MlpMember> members, const MlpSteps& steps, const MlpPlacement& placement);

/// As few blocks as a network can be trained in on the stream's device, with as many rows as they have room for. On the
/// CPU one block, and the whole batch.
MlpPlacement place_mlp_training(Stream& stream, const MlpShape& shape, const MlpObjective& objective, Index batch);

/// How many rows of a batch `blocks` of the stream's device that share a network take at a time, beside the network
/// itself, all in shared memory: a multiple of 4, at most the batch rounded up to one. 0 where not even a batch of up
/// to 16 rows, or 16 rows of a larger one, would fit. On the CPU the batch.
Index mlp_training_chunk(Stream& stream, const MlpShape& shape, const MlpObjective& objective, Index batch,
                         Index blocks = 1);

/// How many blocks can share a network on the stream's device: 1 where there are no clusters.
Index most_mlp_training_blocks(Stream& stream);

MYNAH_CUDA_TWIN(train_mlp)
namespace cuda {
Index mlp_training_chunk(Stream&, const MlpShape&, const MlpObjective&, Index batch, Index blocks);
Index most_mlp_training_blocks(Stream&);
}  // namespace cuda

namespace eigen {
void train_mlp(Stream&, const MlpShape&, const MlpObjective&, const MlpData&, VectorView<const MlpMember> members,
               const MlpSteps&, const MlpPlacement&);
}  // namespace eigen

}  // namespace mynah::kernels
