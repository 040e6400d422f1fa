#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/loss.h"
#include "kernels/device.h"
#include "kernels/precision.h"
#include "kernels/view.h"

namespace mynah::bench {

enum class Task {
  training,   ///< Steps of a perceptron: rows gathered, forward, loss, backward, optimizer.
  inference,  ///< Its outputs for `batch` observations.
  product,    ///< relu(x wᵀ + b), all edges `size`.
  adam,       ///< A step over `size` parameters.
  layer,      ///< Forward and backward pass of a layer or a loss, or a training step of a DCGAN: timed_layers.h.
  episodes,   ///< Steps of `batch` copies of a task of mynah's, which start again by themselves; of one copy.
};

/// What is timed: the same for every path of mynah's and for every peer. A step's time is that of one member.
struct Workload {
  std::string name;  ///< "train-17-256-6"; empty if it was given by its shape.
  std::vector<std::string> groups;
  Task task = Task::training;
  std::vector<Index> layers;  ///< Sizes, the input's first.
  Index batch = 32;
  int threads = 1;    ///< Of the CPU.
  Index members = 1;  ///< Networks that are trained side by side.
  std::string activation = "relu";
  Loss loss = Loss::mse;
  std::string optimizer = "adam";
  kernels::Precision precision = kernels::Precision::float32;
  Index size = 0;
  Index cpu_size = 0;                   ///< Where it is not 0: the size by default on a CPU, which would take minutes.
  std::string layer;                    ///< "conv2d:in=1,height=28,width=28,out=64,kernel=4"
  std::string environment;              ///< Of episodes: "CartPole-v1"
  std::optional<double> target_on_cpu;  ///< Least ratio of bests to PyTorch eager, one thread.

  /// For a person: "17-256-6, batch 32"; what is as by default is left out.
  std::string text() const;
  /// What a peer needs to know; and a result file.
  nlohmann::ordered_json to_json() const;
};

/// Every workload that has a name.
const std::vector<Workload>& catalogue();

/// Those of the names and groups. Errors: input_error for a name that there is not, with the nearest.
std::vector<Workload> find_workloads(const std::vector<std::string>& names);

/// "17-256-6" -> {17, 256, 6}. Errors: input_error for anything but two or more sizes of 1 and more.
std::vector<Index> parse_shape(const std::string& text);
/// Errors: input_error for a loss that there is not, with the nearest.
Loss parse_loss(const std::string& name);
/// Errors: input_error for an optimizer that there is not, with the nearest.
void check_optimizer(const std::string& name);

/// Refuses `given` with the nearest of the known names: input_error at `place`.
[[noreturn]] void refuse_name(const std::string& place, const std::string& given, const std::string& kind,
                              const std::vector<std::string>& known);

}  // namespace mynah::bench
