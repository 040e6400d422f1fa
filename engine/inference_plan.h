#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/mlp_network.h"
#include "kernels/prepared_mlp.h"

namespace mynah {

/// The inference of a few rows on the CPU without allocation, lock or system call, from the first call on: a network of
/// linear layers with its weights laid out for it (kernels/prepared_mlp.h).
///
/// What it has of the network is a copy. It knows when the copy is old: training, loading and setting values count in
/// Parameters::version(), and a few values of every tensor, the last bias among them, are compared with what they were,
/// for those who write through views and forget to say so. run() then throws, prepare() takes the network's values over
/// again.
class InferencePlan {
 public:
  /// Empty where the network is of another kind or not on the CPU; *reason then tells why. `rows`: as many go through
  /// the layers together. The network must outlive it and keep its place. It still has to be prepared.
  static std::optional<InferencePlan> find(const Network& network, Value input, Value output, Index rows,
                                           std::string* reason);

  bool is_current() const;
  /// Allocates nothing either; takes about as long as copying the weights.
  void prepare();
  /// y [rows, outputs] of x [rows, inputs], any number of rows. Errors: internal where the plan is not current.
  void run(ConstMatrix x, Matrix y);
  /// The same, prepared before where it has to be.
  void run_current(ConstMatrix x, Matrix y);

 private:
  InferencePlan(const Network& network, const MlpNetwork& mlp, Index rows);

  const Network* network_;
  MlpNetwork mlp_;
  kernels::PreparedMlp prepared_;
  std::uint64_t version_ = 0;  // Parameters' first one is 1
  struct Sample {
    const float* place;
    float value;
  };
  std::vector<Sample> samples_;
};

}  // namespace mynah
