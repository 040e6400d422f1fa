// Threads on the CPU: who does what part of an operation changes how long it takes, and no bit of what it gives.

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "algorithms/behaviour_cloning.h"
#include "kernels/activation.h"
#include "kernels/error.h"
#include "kernels/linear.h"
#include "kernels/optimizer.h"
#include "kernels/random.h"
#include "kernels/worker_team.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::WorkerTeam;

TEST(WorkerTeam, EveryMemberWorksOnceAndSeesWhatOthersWroteAfterAMeeting) {
  for (const int size : {2, 3, 5}) {
    WorkerTeam team(size, false);
    ASSERT_EQ(team.size(), size);
    std::vector<int> written(static_cast<std::size_t>(size));
    std::atomic<int> wrong{0};
    for (int round = 1; round <= 150; ++round) {
      // Now and then long enough for the workers to fall asleep.
      if (round % 30 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      team.run([&](const WorkerTeam::Member& member) {
        for (int turn = 0; turn < 3; ++turn) {
          const int value = 10 * round + turn;
          written[static_cast<std::size_t>(member.index)] = value;
          member.meet();
          for (const int other : written) wrong += other != value ? 1 : 0;
          member.meet();
        }
      });
    }
    EXPECT_EQ(wrong, 0) << size;
  }
}

TEST(WorkerTeam, IsNotBoundWhereThereAreFewerProcessors) {
  EXPECT_FALSE(WorkerTeam(64, true).bound() && std::thread::hardware_concurrency() < 64);
  EXPECT_FALSE(WorkerTeam(2, false).bound());
}

/// The processors that each member of a team may run on.
std::vector<int> processors_of_members(WorkerTeam& team) {
  std::vector<int> counts(static_cast<std::size_t>(team.size()));
  team.run([&](const WorkerTeam::Member& member) {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    counts[static_cast<std::size_t>(member.index)] = CPU_COUNT(&set);
  });
  return counts;
}

TEST(WorkerTeam, GivesItsCallersProcessorsBack) {
  cpu_set_t before;
  CPU_ZERO(&before);
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  const int processors = CPU_COUNT(&before);
  if (processors < 2) GTEST_SKIP() << "one processor: no team of two can be bound";
  for (int turn = 0; turn < 2; ++turn) {  // the second finds as many as the first
    WorkerTeam team(2, true);
    EXPECT_TRUE(team.bound());
    EXPECT_EQ(processors_of_members(team), (std::vector<int>{1, 1}));
    WorkerTeam beside(2, true);  // and so does one beside it
    EXPECT_TRUE(beside.bound());
    WorkerTeam free(2, false);
    EXPECT_EQ(processors_of_members(free), (std::vector<int>{1, processors}));
  }
  cpu_set_t after;
  CPU_ZERO(&after);
  ASSERT_EQ(sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(StreamThreads, BelongToTheStream) {
  Stream stream({});
  EXPECT_EQ(stream.threads(), 1);
  stream.use_threads(3);
  EXPECT_EQ(stream.threads(), 3);
  Stream moved = std::move(stream);
  EXPECT_EQ(moved.threads(), 3);
  moved.use_threads(1);
  EXPECT_EQ(moved.team(), nullptr);
  for (const int count : {0, -2}) {
    try {
      moved.use_threads(count);
      FAIL() << count;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("below 1"), std::string::npos) << error.what();
    }
  }
}

/// Rows with room behind them, so that strides matter.
struct Values {
  Values(Index rows_, Index columns_, std::uint32_t instance) : rows(rows_), columns(columns_), stride(columns_ + 3) {
    data.resize(static_cast<std::size_t>(rows * stride));
    Stream stream({});
    kernels::normal(stream, random_key(3, RandomStream::test, instance), nullptr, 0.0f, 1.0f,
                    {data.data(), static_cast<Index>(data.size())});
  }
  Matrix view() { return {data.data(), rows, columns, stride}; }

  Index rows, columns, stride;
  std::vector<float> data;
};

void expect_same_bits(const std::vector<float>& a, const std::vector<float>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0) << what;
}

struct Shape {
  Index rows, inputs, outputs;
};

/// Everything that a linear layer gives, one after another.
std::vector<float> linear_results(Stream& stream, const Shape& s, Activation activation,
                                  kernels::ProductOptions options) {
  Values x(s.rows, s.inputs, 1), w(s.outputs, s.inputs, 2), b(1, s.outputs, 3), y(s.rows, s.outputs, 4);
  Values dz(s.rows, s.outputs, 5), dx(s.rows, s.inputs, 6), dw(s.outputs, s.inputs, 7), db(1, s.outputs, 8);
  const kernels::InputActivation<float> behind{Activation::tanh, x.view()};
  kernels::linear_forward(stream, x.view(), w.view(), b.view().row(0), activation, y.view(), {}, options);
  kernels::linear_backward(stream, x.view(), w.view(), dz.view(), dx.view(), dw.view(), db.view().row(0),
                           options.add ? kernels::InputActivation<float>{} : behind, options);
  std::vector<float> all;
  for (const Values* values : {&y, &dx, &dw, &db}) all.insert(all.end(), values->data.begin(), values->data.end());
  return all;
}

TEST(StreamThreads, LinearLayersGiveTheSameBits) {
  const Shape shapes[] = {
      {257, 77, 131},   // nothing a multiple of anything
      {1031, 40, 33},   // many rows
      {19, 700, 600},   // few rows: members divide the columns
      {100, 300, 17},   // few outputs
      {4000, 5, 40},    // few inputs
      {300, 300, 5},    // dot products
      {150, 530, 1100}  // several blocks of steps and of columns
  };
  Stream one({});
  for (const int threads : {2, 3, 7}) {
    Stream several({});
    several.use_threads(threads);
    for (const Shape& shape : shapes) {
      ASSERT_GE(shape.rows * shape.inputs * shape.outputs, 400000) << "too small to be shared";
      for (const Activation activation :
           {Activation(Activation::none), Activation(Activation::relu), Activation(Activation::gelu)}) {
        for (const bool add : {false, true}) {
          const auto what = std::to_string(shape.rows) + "x" + std::to_string(shape.inputs) + "x" +
                            std::to_string(shape.outputs) + ", " + std::to_string(threads) + " threads";
          if (add && activation != Activation::none) continue;
          const kernels::ProductOptions options{kernels::Precision::float32, add};
          expect_same_bits(linear_results(one, shape, activation, options),
                           linear_results(several, shape, activation, options), what);
        }
      }
      const kernels::ProductOptions rounded{kernels::Precision::bfloat16, false};
      expect_same_bits(linear_results(one, shape, Activation::relu, rounded),
                       linear_results(several, shape, Activation::relu, rounded), "bfloat16");
    }
  }
}

TEST(StreamThreads, TrainingGivesTheSameBits) {
  Demonstrations data;
  data.observation_size = 40;
  data.action_size = 7;
  const Index rows = 300;
  Values observations(1, rows * 40, 1), actions(1, rows * 7, 2);
  data.observations.assign(observations.data.begin(), observations.data.begin() + rows * 40);
  data.actions.assign(actions.data.begin(), actions.data.begin() + rows * 7);
  data.episode_ends = {rows};
  std::vector<std::int32_t> all;
  for (Index row = 0; row < rows; ++row) all.push_back(static_cast<std::int32_t>(row));
  BehaviourCloningOptions options;
  options.hidden = {300, 200};
  options.batch_size = 128;  // and a last batch of 44
  options.epochs = 4;
  const auto train = [&](int threads) {
    options.threads = threads;
    BehaviourCloning cloning({}, data, all, {}, options);
    cloning.fit();
    std::vector<float> parameters(static_cast<std::size_t>(cloning.policy().network().parameters.trained().size));
    kernels::copy_to_host(cloning.policy().stream(), parameters.data(),
                          cloning.policy().network().parameters.trained().data, parameters.size() * sizeof(float));
    return parameters;
  };
  const std::vector<float> alone = train(1);
  for (const int threads : {2, 3}) expect_same_bits(alone, train(threads), std::to_string(threads));
}

}  // namespace
}  // namespace mynah::tests
