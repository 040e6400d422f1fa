#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/mynah_bench/workload.h"

namespace mynah::bench {

/// How mynah runs a workload.
enum class Path {
  automatic,  ///< What its user gets.
  direct,     ///< Operations called one by one.
  recorded,   ///< On CUDA: recorded and replayed.
  resident,   ///< Many steps in one launch.
};

std::string path_name(Path path);
/// Errors: input_error for a path that there is not, with the nearest.
Path parse_path(const std::string& name);
/// Those that `--path all` tries.
std::vector<Path> paths_of(const Workload& workload, Backend backend);

/// What one step has to do, whoever does it; 0 where it is not counted.
struct Work {
  double flops = 0.0;     ///< Of products: 2 m n k each.
  double bytes = 0.0;     ///< Read and written once.
  double launches = 0.0;  ///< On CUDA, at the least.
};

/// A workload made ready: on a device, by a path or by one of NVIDIA's libraries.
struct Timed {
  /// Runs so many steps, one after the other, and waits for them; a multiple of `at_once`.
  std::function<void(Index count)> run;
  Work work = {};
  Index at_once = 1;
  Index members = 1;        ///< A step is one of each of them.
  std::string description;  ///< Of the path that was taken.
};

/// Errors: input_error where there is no such path, with the reason.
Timed prepare(const Workload& workload, DeviceId device, Path path);

/// "cublas" or "cudnn", compiled into this build or not.
std::string library_version(const std::string& library);
/// Errors: input_error where the library has nothing like it, with the reason.
Timed prepare_library(const std::string& library, const Workload& workload, DeviceId device);

/// The parts of these.
Timed prepare_training(const Workload& workload, DeviceId device, Path path);
Timed prepare_inference(const Workload& workload, DeviceId device, Path path);
Timed prepare_product(const Workload& workload, DeviceId device, Path path);
Timed prepare_adam(const Workload& workload, DeviceId device, Path path);
Timed prepare_layer(const Workload& workload, DeviceId device, Path path);
Timed prepare_episodes(const Workload& workload, DeviceId device, Path path);
Timed prepare_cudnn(const Workload& workload, DeviceId device);

/// A call that is one step. Automatic is recorded on CUDA. What it refers to is its own to keep.
Timed repeat(Stream& stream, Path path, std::function<void()> call);
/// The stream that a workload runs on, with its threads, which are bound to processors where there are several.
Stream open_stream(const Workload& workload, DeviceId device);
/// Refuses what is there for training only.
void refuse_resident(Path path, const std::string& what);

}  // namespace mynah::bench
