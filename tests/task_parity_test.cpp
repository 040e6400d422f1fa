// kernels/episode.h and kernels/episode_actions.h: CUDA against the CPU, row by row, with guard zones.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "engine/buffer.h"
#include "kernels/dynamics/all_dynamics.h"
#include "kernels/episode.h"
#include "kernels/episode_actions.h"
#include "tests/cuda_schedule.h"
#include "tests/operations/parity.h"
#include "tests/types_before_void.h"

namespace mynah {
namespace {

constexpr Index row_counts[] = {0,  1,  2,  3,  4,  5,   6,   7,   8,   9,   11,  13,  15,  16,
                                17, 19, 23, 29, 30, 31,  32,  33,  37,  41,  47,  48,  49,  63,
                                64, 65, 71, 95, 96, 100, 127, 128, 129, 200, 255, 256, 257, 700};

/// Values in device memory with a guard zone on both sides, and padding after every row that must stay as well.
template <class T>
class Guarded {
 public:
  Guarded(Stream& stream, Index rows, Index columns, Index padding, T value)
      : rows_(rows),
        columns_(columns),
        stride_(columns + padding),
        host_(static_cast<std::size_t>(rows * stride_ + 2 * guard), mark()) {
    for (Index m = 0; m < rows; ++m) {
      for (Index c = 0; c < columns; ++c) host_[position(m, c)] = value;
    }
    device_ = Buffer<T>(stream, std::span<const T>(host_));
  }
  MatrixView<T> matrix() const { return {device_.data() + guard, rows_, columns_, stride_}; }
  VectorView<T> vector() const { return {device_.data() + guard, rows_}; }

  /// The values [rows, columns]; the rest is compared with the mark.
  std::vector<T> values(Stream& stream) const {
    std::vector<T> now = device_.download(stream);
    std::vector<T> inside;
    for (Index m = 0; m < rows_; ++m) {
      for (Index c = 0; c < columns_; ++c) {
        inside.push_back(now[position(m, c)]);
        now[position(m, c)] = mark();
      }
    }
    for (const T& value : now) EXPECT_EQ(value, mark()) << "a guard zone was written to";
    return inside;
  }

 private:
  static constexpr Index guard = 64;
  static T mark() { return static_cast<T>(-12345); }
  std::size_t position(Index row, Index column) const {
    return static_cast<std::size_t>(guard + row * stride_ + column);
  }

  Index rows_, columns_, stride_;
  std::vector<T> host_;
  Buffer<T> device_;
};

/// What a sequence of operations left behind on one device.
struct Left {
  std::vector<double> states, returns;
  std::vector<float> observations, rewards, actions;
  std::vector<std::int32_t> elapsed, status, labels;
};

template <class T>
void expect_near(const std::vector<T>& a, const std::vector<T>& b, double tolerance, const char* what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto expected = static_cast<double>(b[i]);
    ASSERT_NEAR(static_cast<double>(a[i]), expected, tolerance * std::max(1.0, std::abs(expected))) << what << " " << i;
  }
}

void expect_same(const Left& a, const Left& b) {
  expect_near(a.states, b.states, 1e-11, "states");
  expect_near(a.returns, b.returns, 1e-11, "returns");
  expect_near(a.observations, b.observations, 3e-7, "observations");
  expect_near(a.rewards, b.rewards, 3e-7, "rewards");
  expect_near(a.actions, b.actions, 3e-7, "actions");
  EXPECT_EQ(a.elapsed, b.elapsed);
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.labels, b.labels);
}

constexpr std::uint64_t seed = 0x123456789abcdefull;

enum class Driver { random, noisy, expert };

/// Starts episodes 1000, 1001, ... and takes `steps` steps of what the driver fills in.
template <class Dynamics>
Left play(DeviceId device, Index rows, int steps, Driver driver, bool fixed_horizon = false) {
  constexpr bool discrete = dynamics::is_discrete<Dynamics>;
  constexpr Dynamics rules_of_the_task{};
  Stream stream(device);
  const Guarded<double> states(stream, rows, dynamics::stored_state_size<Dynamics>, 3, std::nan(""));
  const Guarded<double> returns(stream, rows, 1, 0, std::nan(""));
  const Guarded<float> observations(stream, rows, Dynamics::observation_size, 2, std::nanf(""));
  const Guarded<float> rewards(stream, rows, 1, 0, std::nanf(""));
  const Guarded<float> values(stream, discrete ? 0 : rows, dynamics::action_columns<Dynamics>(), 5, std::nanf(""));
  const Guarded<std::int32_t> elapsed(stream, rows, 1, 0, -1), status(stream, rows, 1, 0, -1),
      labels(stream, discrete ? rows : 0, 1, 0, -1);
  const kernels::EpisodeBatch batch{states.matrix(),  observations.matrix(), rewards.vector(),
                                    returns.vector(), elapsed.vector(),      status.vector()};
  const kernels::EpisodeNumbers numbers{random_key(seed, RandomStream::policy), 1000, elapsed.vector()};
  const kernels::EpisodeRules rules{std::min(Dynamics::max_steps, 12), fixed_horizon};
  kernels::reset_episodes(stream, rules_of_the_task, random_key(seed, RandomStream::task), 1000, batch);
  for (int i = 0; i < steps; ++i) {
    if constexpr (discrete) {
      if (driver == Driver::expert && dynamics::has_expert<Dynamics>) {
        kernels::expert_actions(stream, rules_of_the_task, observations.matrix(), labels.vector());
      } else {
        kernels::random_labels(stream, numbers, Dynamics::action_count, labels.vector());
      }
      if (driver == Driver::noisy) {
        kernels::perturb_labels(stream, numbers, 0.4f, Dynamics::action_count, labels.vector(), labels.vector());
      }
      kernels::step_episodes(stream, rules_of_the_task, rules, labels.vector(), batch);
    } else {
      constexpr float low = Dynamics::action_low, high = Dynamics::action_high;
      if (driver == Driver::expert && dynamics::has_expert<Dynamics>) {
        kernels::expert_actions(stream, rules_of_the_task, observations.matrix(), values.matrix());
      } else {
        kernels::random_actions(stream, numbers, low, high, values.matrix());
      }
      if (driver == Driver::noisy) {
        kernels::perturb_actions(stream, numbers, 0.4f, low, high, values.matrix(), values.matrix());
      }
      kernels::step_episodes(stream, rules_of_the_task, rules, values.matrix(), batch);
    }
  }
  return {states.values(stream), returns.values(stream), observations.values(stream), rewards.values(stream),
          values.values(stream), elapsed.values(stream), status.values(stream),       labels.values(stream)};
}

class TaskParity : public tests::CudaParity {
 protected:
  /// Calls check(device) under every thread schedule.
  template <class Check>
  void on_cuda(const Check& check) {
    const auto devices = list_devices();
    for (const std::string& schedule : tests::cuda_schedules()) {
      SCOPED_TRACE("thread schedule " + schedule);
      const tests::CudaScheduleScope scope(schedule);
      check(devices.at(1).id);
    }
  }
};

/// A step agrees to 1e-11 of the state, from the same state and action. The expert's actions follow from observations
/// rounded to float: states agree as those roundings do.
template <class Dynamics>
class EveryTask : public TaskParity {};

#define MYNAH_NAME(D) dynamics::D,
/// void ends the list, which has a comma behind every name.
using AllDynamics = tests::TypesBeforeVoid<MYNAH_FOR_ALL_DYNAMICS(MYNAH_NAME) void>::type;
#undef MYNAH_NAME
struct DynamicsName {
  template <class Dynamics>
  static std::string GetName(int) {
    return std::string(Dynamics::name).substr(0, std::string(Dynamics::name).find('-'));
  }
};
TYPED_TEST_SUITE(EveryTask, AllDynamics, DynamicsName);

TYPED_TEST(EveryTask, MovesAsOnTheCpu) {
  using Dynamics = TypeParam;
  for (const Index rows : row_counts) {
    SCOPED_TRACE(std::to_string(rows) + " rows");
    const Left random = play<Dynamics>({}, rows, 14, Driver::random);
    const Left noisy = play<Dynamics>({}, rows, 5, Driver::noisy, true);
    const Left expert = play<Dynamics>({}, rows, 1, Driver::expert);
    this->on_cuda([&](DeviceId cuda) {
      expect_same(play<Dynamics>(cuda, rows, 14, Driver::random), random);
      expect_same(play<Dynamics>(cuda, rows, 5, Driver::noisy, true), noisy);
      const Left here = play<Dynamics>(cuda, rows, 1, Driver::expert);
      expect_near(here.actions, expert.actions, 1e-5, "expert's actions");
      EXPECT_EQ(here.labels, expert.labels);
      expect_near(here.states, expert.states, 1e-5, "states after the expert's action");
    });
  }
}

TEST_F(TaskParity, WideRandomActionsAreThoseOfTheCpu) {
  for (Index columns = 1; columns <= 40; ++columns) {
    const auto draw = [&](DeviceId device, float deviation) {
      Stream stream(device);
      const Guarded<float> actions(stream, 9, columns, 2, std::nanf(""));
      const Guarded<std::int32_t> elapsed(stream, 9, 1, 0, 6);
      const kernels::EpisodeNumbers numbers{random_key(1, RandomStream::policy), 5, elapsed.vector()};
      kernels::random_actions(stream, numbers, -1.0f, 3.0f, actions.matrix());
      if (deviation > 0.0f) {
        kernels::perturb_actions(stream, numbers, deviation, -1.0f, 3.0f, actions.matrix(), actions.matrix());
      }
      return actions.values(stream);
    };
    on_cuda([&](DeviceId cuda) {
      EXPECT_EQ(draw(cuda, 0.0f), draw({}, 0.0f));
      expect_near(draw(cuda, 0.5f), draw({}, 0.5f), 3e-7, "perturbed actions");
    });
    for (const float value : draw({}, 2.0f)) EXPECT_TRUE(value >= -1.0f && value <= 3.0f);
  }
}

TEST(EpisodeActions, NoiseAndChoiceHaveTheirProbabilities) {
  Stream stream(DeviceId{});
  constexpr Index rows = 40000;
  const std::vector<std::int32_t> zeros(rows, 0);
  Buffer<std::int32_t> elapsed(stream, std::span<const std::int32_t>(zeros)), labels(DeviceId{}, rows),
      out(DeviceId{}, rows);
  const kernels::EpisodeNumbers numbers{random_key(2, RandomStream::policy), 0, elapsed.view()};
  kernels::random_labels(stream, numbers, 5, labels.view());
  Index counts[5] = {};
  for (const std::int32_t label : labels.download(stream)) ++counts[label];
  for (const Index count : counts) EXPECT_NEAR(static_cast<double>(count), 8000.0, 400.0);  // 5 standard deviations
  kernels::perturb_labels(stream, numbers, 0.25f, 5, elapsed.view(), out.view());
  Index changed = 0;
  for (const std::int32_t label : out.download(stream)) changed += label != 0 ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(changed), 0.25 * 0.8 * rows, 400.0);
  Buffer<float> actions(stream, std::span<const float>(std::vector<float>(rows, 0.5f)));
  kernels::perturb_actions(stream, numbers, 0.3f, -10.0f, 10.0f, {actions.data(), rows, 1}, {actions.data(), rows, 1});
  double sum = 0.0, squares = 0.0;
  for (const float action : actions.download(stream)) {
    sum += static_cast<double>(action) - 0.5;
    squares += (static_cast<double>(action) - 0.5) * (static_cast<double>(action) - 0.5);
  }
  EXPECT_NEAR(sum / rows, 0.0, 5.0 * 0.3 / 200.0);
  EXPECT_NEAR(std::sqrt(squares / rows), 0.3, 0.006);
}

}  // namespace
}  // namespace mynah
