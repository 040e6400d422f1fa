#include "algorithms/tasks/vector_task.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "algorithms/tasks/dynamics_task.h"
#include "kernels/dynamics/all_dynamics.h"
#include "tests/every_device.h"

namespace mynah {
namespace {

/// What copies did in every step, step by step: [steps, copies, ...].
struct Played {
  std::vector<float> observations, next_observations, rewards;
  std::vector<std::int32_t> terminated, truncated, numbers, last_lengths;
  std::vector<double> last_returns;

  bool operator==(const Played&) const = default;
};

/// An action of copy `copy` that depends on (copy, step) alone.
std::uint32_t word_for(Index copy, Index step) {
  return philox(random_key(77, RandomStream::test), static_cast<std::uint64_t>(copy), static_cast<std::uint32_t>(step))
      .x;
}

void fill_actions(Stream& stream, const TaskDescription& d, Index first_copy, Index step, const ActionBatch& actions) {
  if (d.discrete) {
    std::vector<std::int32_t> labels(static_cast<std::size_t>(actions.labels.size));
    for (std::size_t m = 0; m < labels.size(); ++m) {
      labels[m] = static_cast<std::int32_t>(word_for(first_copy + static_cast<Index>(m), step) %
                                            static_cast<std::uint32_t>(d.action_count));
    }
    kernels::copy_to_device(stream, actions.labels.data, labels.data(), labels.size() * sizeof(std::int32_t));
  } else {
    const auto columns = static_cast<std::size_t>(d.action_size);
    std::vector<float> values(static_cast<std::size_t>(actions.values.rows) * columns);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::uint32_t word = word_for(first_copy + static_cast<Index>(i / columns), step);
      values[i] =
          d.action_low + (d.action_high - d.action_low) * unit_uniform(word + static_cast<std::uint32_t>(i % columns));
    }
    kernels::copy_to_device(stream, actions.values.data, values.data(), values.size() * sizeof(float));
  }
  stream.synchronize();
}

template <class T>
void append(Stream& stream, VectorView<const T> from, std::vector<T>& to) {
  const std::size_t before = to.size();
  to.resize(before + static_cast<std::size_t>(from.size));
  kernels::copy_to_host(stream, to.data() + before, from.data, static_cast<std::size_t>(from.size) * sizeof(T));
  stream.synchronize();
}
void append(Stream& stream, ConstMatrix from, std::vector<float>& to) {
  append(stream, ConstVector{from.data, from.rows * from.columns}, to);
}

Played play(Stream& stream, const Task& task, const VectorTaskOptions& options, Index steps) {
  VectorTask copies(stream, task, options);
  Played played;
  append(stream, copies.observations(), played.observations);
  for (Index step = 0; step < steps; ++step) {
    fill_actions(stream, task.description(), options.first_copy, step, copies.actions());
    copies.step();
    append(stream, copies.observations(), played.observations);
    append(stream, copies.next_observations(), played.next_observations);
    append(stream, copies.rewards(), played.rewards);
    append(stream, copies.terminated(), played.terminated);
    append(stream, copies.truncated(), played.truncated);
    append(stream, copies.numbers(), played.numbers);
    append(stream, copies.last_lengths(), played.last_lengths);
    append(stream, copies.last_returns(), played.last_returns);
  }
  return played;
}

/// Copy `copy` of values [slices, copies, columns].
template <class T>
std::vector<T> part(const std::vector<T>& values, Index copies, Index columns, Index copy) {
  std::vector<T> result;
  const auto slices = static_cast<Index>(values.size()) / (copies * columns);
  result.reserve(static_cast<std::size_t>(slices * columns));
  for (Index t = 0; t < slices; ++t) {
    const auto begin = values.begin() + (t * copies + copy) * columns;
    result.insert(result.end(), begin, begin + columns);
  }
  return result;
}

Played part(const Played& all, Index copies, Index columns, Index copy) {
  return {part(all.observations, copies, columns, copy),
          part(all.next_observations, copies, columns, copy),
          part(all.rewards, copies, 1, copy),
          part(all.terminated, copies, 1, copy),
          part(all.truncated, copies, 1, copy),
          part(all.numbers, copies, 1, copy),
          part(all.last_lengths, copies, 1, copy),
          part(all.last_returns, copies, 1, copy)};
}

/// So short that every task's copies begin new episodes.
TaskOptions short_episodes(bool fixed_horizon = false) {
  TaskOptions options;
  options.max_steps = 17;
  options.fixed_horizon = fixed_horizon;
  return options;
}

VectorTaskOptions copies_of(Index copies, Index first_copy = 0) {
  VectorTaskOptions options;
  options.copies = copies;
  options.seed = 5;
  options.first_copy = first_copy;
  return options;
}

class VectorTasks : public tests::EveryDevice {};

TEST_P(VectorTasks, ACopyDoesNotDependOnHowManyThereAre) {
  Stream stream(device_);
  for (const std::string& name : task_names()) {
    SCOPED_TRACE(name);
    const auto task = make_task(name, short_episodes());
    const Index columns = task->description().observation_size;
    const Played together = play(stream, *task, copies_of(70), 40);
    EXPECT_TRUE(part(together, 70, columns, 33) == play(stream, *task, copies_of(1, 33), 40));
    EXPECT_TRUE(part(together, 70, columns, 69) == part(play(stream, *task, copies_of(9, 61), 40), 9, columns, 8));
    EXPECT_FALSE(part(together, 70, columns, 1) == part(together, 70, columns, 2));
  }
}

/// The copy's episodes are the task's own, of the copy's seed.
TEST_P(VectorTasks, CopiesPlayTheEpisodesOfTheirSeeds) {
  Stream stream(device_);
  for (const std::string& name : task_names()) {
    for (const bool fixed_horizon : {false, true}) {
      SCOPED_TRACE(name + (fixed_horizon ? ", fixed horizon" : ""));
      const auto task = make_task(name, short_episodes(fixed_horizon));
      const TaskDescription& d = task->description();
      const Played copy = play(stream, *task, copies_of(1, 12), 60);
      Buffer<double> states(device_, d.state_size), returns(device_, 1);
      Buffer<float> observations(device_, d.observation_size), rewards(device_, 1), values(device_, d.action_size);
      Buffer<std::int32_t> elapsed(device_, 1), status(device_, 1), labels(device_, d.discrete ? 1 : 0);
      const kernels::EpisodeBatch batch{{states.data(), 1, d.state_size},
                                        {observations.data(), 1, d.observation_size},
                                        rewards.view(),
                                        returns.view(),
                                        elapsed.view(),
                                        status.view()};
      const ActionBatch actions{{values.data(), d.discrete ? 0 : 1, d.action_size}, labels.view()};
      Index number = 0;
      task->reset(stream, copy_seed(5, 12), number, batch);
      for (Index step = 0; step < 60; ++step) {
        const auto at = static_cast<std::size_t>(step);
        fill_actions(stream, d, 12, step, actions);
        task->step(stream, actions, batch);
        ASSERT_EQ(part(copy.next_observations, 1, d.observation_size, 0).size(), 60u * d.observation_size);
        const std::vector<float> seen = observations.download(stream);
        EXPECT_TRUE(std::equal(seen.begin(), seen.end(), copy.next_observations.begin() + step * d.observation_size));
        EXPECT_EQ(rewards.download(stream)[0], copy.rewards[at]);
        const std::int32_t ended = status.download(stream)[0];
        EXPECT_EQ(copy.terminated[at], ended == 1 ? 1 : 0);
        EXPECT_EQ(copy.truncated[at], ended == 2 ? 1 : 0);
        if (!kernels::goes_on(ended)) {
          EXPECT_EQ(copy.last_returns[at], returns.download(stream)[0]);
          EXPECT_EQ(copy.last_lengths[at], elapsed.download(stream)[0]);
          task->reset(stream, copy_seed(5, 12), ++number, batch);
        }
        EXPECT_EQ(copy.numbers[at], number);
        const std::vector<float> now = observations.download(stream);
        EXPECT_TRUE(std::equal(now.begin(), now.end(), copy.observations.begin() + (step + 1) * d.observation_size));
      }
      EXPECT_GE(number, 3);
    }
  }
}

TEST_P(VectorTasks, EndsByTheRuleAndByTheLimitAreToldApart) {
  Stream stream(device_);
  const Played free = play(stream, *make_task("cartpole", short_episodes()), copies_of(64), 100);
  const auto ends = [](const std::vector<std::int32_t>& flags) { return std::count(flags.begin(), flags.end(), 1); };
  EXPECT_GT(ends(free.terminated), 100);
  EXPECT_GT(ends(free.truncated), 100);
  for (std::size_t i = 0; i < free.terminated.size(); ++i) EXPECT_LE(free.terminated[i] + free.truncated[i], 1);
  const Played fixed = play(stream, *make_task("cartpole", short_episodes(true)), copies_of(64), 102);
  EXPECT_EQ(ends(fixed.terminated), 0);
  EXPECT_EQ(ends(fixed.truncated), 64 * 102 / 17);
}

TEST_P(VectorTasks, NothingButWhatIsKeptIsTouched) {
  Stream stream(device_);
  const auto task = make_task("pendulum", short_episodes());
  VectorTaskOptions options = copies_of(3);
  const Played kept = play(stream, *task, options, 40);
  options.next_observations = false;
  Played without = play(stream, *task, options, 40);
  EXPECT_TRUE(without.next_observations.empty());
  without.next_observations = kept.next_observations;
  EXPECT_TRUE(without == kept);
}

TEST(VectorTaskThreads, TwoThreadsGiveTheBitsOfOne) {
  for (const std::string& name : task_names()) {
    SCOPED_TRACE(name);
    const auto task = make_task(name, short_episodes());
    Stream one(DeviceId{}), two(DeviceId{});
    two.use_threads(2);
    EXPECT_TRUE(play(one, *task, copies_of(1001), 20) == play(two, *task, copies_of(1001), 20));
  }
}

/// A task as a user writes it: reset and step, and no more.
class PlainTask : public Task {
 public:
  PlainTask() : Task(make_task("cartpole", short_episodes())->description()) {}
  void reset(Stream& stream, std::uint64_t seed, Index first_episode,
             const kernels::EpisodeBatch& batch) const override {
    inner_->reset(stream, seed, first_episode, batch);
  }
  void step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const override {
    inner_->step(stream, actions, batch);
  }

 private:
  std::unique_ptr<Task> inner_ = make_task("cartpole", short_episodes());
};

TEST_P(VectorTasks, ATaskWithResetAndStepHasCopiesOnTheCpu) {
  Stream stream(device_);
  const PlainTask plain;
  if (device_.backend == Backend::cuda) {
    EXPECT_THROW(VectorTask(stream, plain, copies_of(3)), Error);
    return;
  }
  const auto task = make_task("cartpole", short_episodes());
  EXPECT_TRUE(play(stream, plain, copies_of(30), 50) == play(stream, *task, copies_of(30), 50));
}

TEST_P(VectorTasks, OptionsThatMakeNoSenseAreRefused) {
  Stream stream(device_);
  const auto task = make_task("cartpole");
  EXPECT_THROW(VectorTask(stream, *task, copies_of(0)), Error);
  EXPECT_THROW(VectorTask(stream, *task, copies_of(1, -1)), Error);
}

MYNAH_ON_EVERY_DEVICE(VectorTasks);

}  // namespace
}  // namespace mynah
