#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "algorithms/policy.h"
#include "kernels/mapped_memory.h"
#include "kernels/mlp_service.h"

namespace mynah {

/// A policy that answers as fast as its device can: for control loops. On CUDA a kernel stays on the device, with the
/// weights in its shared memory, and is asked through memory that host and device share: no launch, copy or
/// synchronisation stands between an observation and its action. The calling thread spins meanwhile. On the CPU it is
/// Policy::act, which is already without any of that.
///
/// The kernel occupies one multiprocessor, as long as `lease` lets it; then it leaves, and the next request launches it
/// again, which takes as long as a launch. Other work of the device goes on beside it, in other streams. But what waits
/// for the whole device, such as freeing device memory or cudaDeviceSynchronize, waits until the kernel leaves: for
/// `lease` at most.
///
/// Weights that change are noticed at the next request: it waits for the policy's stream and launches the kernel again.
/// Used by one thread at a time. The policy must outlive it and keep its place.
class ResidentInference {
 public:
  struct Options {
    Index rows = 1;                                   ///< Most observations of one request.
    std::chrono::nanoseconds lease{1'000'000'000};    ///< How long a launch stays: above 0.
    std::chrono::nanoseconds timeout{1'000'000'000};  ///< How long an answer may take before it is an error.
  };

  /// Starts nothing yet. Errors: input_error for options that make no sense, a policy with a memory, and on CUDA for
  /// networks of another kind than linear layers with scaling, of more than 8 layers, or of which `rows` rows do not
  /// fit into a block's shared memory.
  explicit ResidentInference(Policy& policy) : ResidentInference(policy, Options()) {}
  ResidentInference(Policy& policy, const Options& options);
  /// Stops it.
  ~ResidentInference();
  ResidentInference(const ResidentInference&) = delete;
  ResidentInference& operator=(const ResidentInference&) = delete;

  /// As those of Policy. Errors: the same; Error::Cause::device where the kernel has failed or does not answer in time,
  /// and from then on at every call.
  void act(std::span<const float> observation, std::span<float> action);
  Index choose(std::span<const float> observation);
  /// Of 1 to Options::rows observations: observations [rows, observation_size], results [rows, output_size].
  void outputs(std::span<const float> observations, std::span<float> results);

  /// Makes the first request as fast as all others.
  void start();
  /// Takes the kernel off the device; the next request starts it again.
  void stop();
  bool is_running() const { return running_; }
  /// How often the kernel was launched.
  std::uint64_t launches() const { return launches_; }
  /// What stays where.
  std::string describe();

 private:
  void launch(std::uint32_t answered);
  void write_request(const float* observations, Index rows, std::uint32_t header);
  void read_answers(Index rows, std::uint32_t before, float* results);
  void wait_once(std::uint64_t* polls, std::chrono::steady_clock::time_point begin);
  [[noreturn]] void fail(const std::string& problem, const std::string& remedy);

  Policy* policy_;
  Options options_;
  bool on_cpu_;
  std::optional<MlpNetwork> mlp_;
  Stream stream_;
  kernels::MappedMemory memory_;
  kernels::MlpMailbox mailbox_;    // as the host sees it
  kernels::MlpMailbox on_device_;  // as the device sees it
  std::vector<float> scores_;
  std::vector<float> answers_;  // Options::rows of what the network gives
  std::uint32_t number_ = 0;    // of the last request
  std::uint64_t launches_ = 0;  // the last one's number
  std::uint64_t version_ = 0;   // of the weights that the kernel has
  bool running_ = false;
  std::string failure_;
};

}  // namespace mynah
