#include <algorithm>

#include "algorithms/tasks/dynamics_task.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using kernels::CopyBatch;
using kernels::EpisodeBatch;
using kernels::EpisodeStatus;

void require_cpu(const Stream& stream, const Task& task) {
  if (stream.backend() == Backend::cpu) return;
  throw input_error("task '" + task.description().name + "'", "its copies run on the CPU only", "use --device cpu");
}

EpisodeBatch row_of(const EpisodeBatch& batch, Index row) {
  return {batch.states.middle_rows(row, 1), batch.observations.middle_rows(row, 1), {batch.rewards.data + row, 1},
          {batch.returns.data + row, 1},    {batch.elapsed.data + row, 1},          {batch.status.data + row, 1}};
}

void keep_next_observation(const CopyBatch& batch, Index row) {
  if (batch.next_observations.data == nullptr) return;
  const ConstMatrix from = batch.episodes.observations;
  std::copy_n(from.data + row * from.stride, from.columns,
              batch.next_observations.data + row * batch.next_observations.stride);
}

}  // namespace

std::uint64_t copy_seed(std::uint64_t seed, Index copy) {
  return kernels::copy_key(copies_key(seed), copy).seed;
}

void Task::start_copies(Stream& stream, std::uint64_t seed, Index first_copy, const CopyBatch& batch) const {
  require_cpu(stream, *this);
  for (Index row = 0; row < batch.episodes.rows(); ++row) {
    reset(stream, copy_seed(seed, first_copy + row), 0, row_of(batch.episodes, row));
    keep_next_observation(batch, row);
    batch.numbers.data[row] = 0;
    batch.terminated.data[row] = 0;
    batch.truncated.data[row] = 0;
    batch.last_returns.data[row] = 0.0;
    batch.last_lengths.data[row] = 0;
  }
}

void Task::step_copies(Stream& stream, const ActionBatch& actions, std::uint64_t seed, Index first_copy,
                       const CopyBatch& batch) const {
  require_cpu(stream, *this);
  const EpisodeBatch& episodes = batch.episodes;
  step(stream, actions, episodes);
  for (Index row = 0; row < episodes.rows(); ++row) {
    const std::int32_t status = episodes.status.data[row];
    keep_next_observation(batch, row);
    batch.terminated.data[row] = status == static_cast<std::int32_t>(EpisodeStatus::terminated) ? 1 : 0;
    batch.truncated.data[row] = status == static_cast<std::int32_t>(EpisodeStatus::timed_out) ? 1 : 0;
    if (kernels::goes_on(status)) continue;
    batch.last_returns.data[row] = episodes.returns.data[row];
    batch.last_lengths.data[row] = episodes.elapsed.data[row];
    const float reward = episodes.rewards.data[row];
    reset(stream, copy_seed(seed, first_copy + row), ++batch.numbers.data[row], row_of(episodes, row));
    episodes.rewards.data[row] = reward;
  }
}

}  // namespace mynah
