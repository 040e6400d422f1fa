#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/mynah_bench/measurement.h"

namespace mynah::bench {

/// "torch", "torch-compiled", "jax": Python programs; "cublas", "cudnn": libraries in this one.
const std::vector<std::string>& peer_names();
bool is_library(const std::string& peer);
/// "PyTorch eager".
std::string peer_title(const std::string& peer);

struct PeerSettings {
  Backend backend = Backend::cpu;
  int core = -1;  ///< The worker's; negative: wherever it is.
  int threads = 1;
};

/// A worker: bench/peers/worker.py in a process of its own, which lasts, so that its imports are paid once. Requests
/// and answers are JSON objects, one a line; what the worker has to say beside them goes to standard error.
class Peer {
 public:
  /// Errors: input_error where it cannot be had on this machine, with what is missing and how to get it.
  Peer(const std::string& name, const PeerSettings& settings);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const std::string& version() const { return version_; }

  /// Makes the workload ready, in place of the one before. Returns what was made, for a person. Errors: input_error
  /// with the reason where the peer does not have it.
  std::string prepare(const Workload& workload);
  /// One repeat of it.
  Spread measure(const Protocol& protocol);

 private:
  struct Process;
  std::string ask(const std::string& request);

  std::string name_;
  std::string version_;
  std::unique_ptr<Process> process_;
};

}  // namespace mynah::bench
