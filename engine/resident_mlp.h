#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/buffer.h"
#include "engine/network.h"
#include "engine/optimizer.h"
#include "engine/resident_data.h"
#include "engine/training_snapshot.h"
#include "kernels/mlp_training.h"

namespace mynah {

/// A network and its training as kernels::train_mlp takes them: many steps in one launch, with the network in the
/// shared memory of a block, or of the blocks of a cluster. It is for linear layers one behind the other, all of them
/// trained, with Adam or SGD; the first may take a standardised input (engine/layers/standardization.h), whose mean and
/// deviation are read here, once.
class ResidentMlp {
 public:
  /// Empty where the training is of another kind, or the network too large; *reason then tells why. Everything passed
  /// by reference must outlive it and keep its place. order [rows], loss_sum [1].
  static std::optional<ResidentMlp> find(Stream& stream, const Network& network, Value input, Value output,
                                         const Optimizer& optimizer, const ResidentData& data, const LossOptions& loss,
                                         Index batch, ConstLabels order, VectorView<double> loss_sum,
                                         std::string* reason);

  /// Steps over batches of the order; see kernels::train_mlp. They leave the snapshot of that number, if
  /// keep_snapshots() has been called.
  void run(Stream& stream, Index first_row, Index steps, int snapshot = -1) const;

  /// Makes room for two snapshots, once.
  void keep_snapshots(Stream& stream);
  const TrainingSnapshot& snapshot(int number) const { return snapshots_.at(static_cast<std::size_t>(number)); }
  /// Goes back to it.
  void restore(Stream& stream, int number) const;

  /// Whether both can train in one launch: the same kind of network and training, on data of the same columns.
  bool trains_with(const ResidentMlp& other) const;
  /// An epoch of several that train with each other, in one launch. `members` [members] in device memory: made by
  /// member_of of each. most_rows: of the longest epoch among them. snapshot: as in run().
  void run_together(Stream& stream, VectorView<const kernels::MlpMember> members, Index most_rows, Index epoch,
                    int snapshot = -1) const;
  /// What of it is a member of a population, with its own data: its rows in the order of (key, epoch) or, without a
  /// key, in the one that find() was given; its loss added to loss_sum[0].
  kernels::MlpMember member_of(std::optional<RandomKey> key, double* loss_sum) const;
  const Optimizer& optimizer() const { return *optimizer_; }

  const kernels::MlpPlacement& placement() const { return placement_; }
  /// "resident in a block's shared memory, 32 rows at a time", for a person.
  std::string describe() const;
  /// Multiplications with weights in one step, forward and backward.
  Index products() const;

 private:
  kernels::MlpShape shape_;
  kernels::MlpObjective objective_;
  kernels::MlpData data_;
  kernels::MlpMember member_;
  Buffer<kernels::MlpMember> on_device_;
  std::vector<TrainingSnapshot> snapshots_;  ///< Two or none.
  const Optimizer* optimizer_ = nullptr;
  Index rows_ = 0;
  Index batch_ = 0;
  kernels::MlpPlacement placement_;
};

}  // namespace mynah
