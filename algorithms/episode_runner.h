#pragma once

#include "algorithms/actor.h"
#include "engine/buffer.h"

namespace mynah {

/// Runs one batch of episodes from start to end, and can keep every step of them. Its memory is on the stream's device.
///
/// A trace has slice t for step t: observations [max_steps + 1, rows, observation_size], actions and rewards
/// [max_steps, rows, ...]. Without a trace there is one slice, overwritten by every step.
class EpisodeRunner {
 public:
  enum class Keep { outcome, trace };

  EpisodeRunner(Stream& stream, const Task& task, Index rows, Keep keep);

  /// Runs episodes first_episode ... first_episode + rows - 1 until all have ended; returns the number of steps that
  /// were queued. noise: CollectOptions::noise. Waits for the stream.
  Index run(Actor& actor, std::uint64_t seed, Index first_episode, double noise);

  /// On the host, after run(). [rows]
  std::vector<double> returns() const { return returns_.download(*stream_); }
  std::vector<std::int32_t> elapsed() const { return elapsed_.download(*stream_); }
  std::vector<std::int32_t> status() const { return status_.download(*stream_); }
  /// The trace, [slices, rows, columns].
  std::vector<float> observations() const { return observations_.download(*stream_); }
  std::vector<float> actions() const { return actions_.download(*stream_); }
  std::vector<std::int32_t> labels() const { return labels_.download(*stream_); }
  std::vector<float> rewards() const { return rewards_.download(*stream_); }

 private:
  kernels::EpisodeBatch batch_at(Index observation_slice, Index reward_slice) const;
  ActionBatch actions_at(Index slice) const;
  ActionBatch executed(const ActionBatch& intended, std::uint64_t seed, Index first_episode, double noise);
  bool all_ended() const;

  Stream* stream_;
  const Task* task_;
  Index rows_;
  bool trace_;
  Buffer<double> states_, returns_;
  Buffer<float> observations_, actions_, rewards_, executed_actions_;
  Buffer<std::int32_t> labels_, elapsed_, status_, executed_labels_;
};

}  // namespace mynah
