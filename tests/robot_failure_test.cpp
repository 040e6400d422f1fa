// What MuJoCo itself reports while it simulates: as errors that say in which episode and step.

#include <gmock/gmock.h>
#include <mujoco/mujoco.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "algorithms/experts.h"
#include "algorithms/host_actor.h"
#include "algorithms/rollout.h"
#include "algorithms/tasks/mujoco/robot.h"
#include "algorithms/tasks/mujoco/simulation.h"
#include "episode_rows.h"
#include "kernels/error.h"
#include "temporary_folder.h"
#include "tests/input_error_of.h"

namespace mynah {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string data_file(const std::string& name) {
  return std::string(MYNAH_SOURCE_DIR) + "/tests/data/" + name;
}

/// Steps one row of the swing after a change of its state, as episode 4 of which 2 steps ran.
std::string message_after(const std::function<void(double* state)>& change) {
  const auto task = make_task(data_file("swing.toml"));
  Stream stream(DeviceId{});
  EpisodeRows rows(stream, task->description(), 1);
  std::vector<float> action{0.0f};
  const auto step = [&] { task->step(stream, {{action.data(), 1, 1}, {}}, rows.batch); };
  task->reset(stream, 0, 4, rows.batch);
  step();
  step();
  change(rows.states.data());
  std::string message = tests::input_error_of(step);
  // The task is none the worse for it.
  task->reset(stream, 0, 4, rows.batch);
  EXPECT_EQ(tests::input_error_of(step), "no error");
  return message;
}

TEST(RobotFailure, AnUnstableSimulationIsAnErrorAndNoEndOfAnEpisode) {
  constexpr std::size_t position = 2, velocity = 3;
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (const double value : {nan, infinity, -infinity, 1e30}) {
    EXPECT_THAT(message_after([&](double* state) { state[position] = value; }),
                AllOf(HasSubstr("task 'Swing-v0', episode 4, step 3: MuJoCo warns: Nan, Inf or huge value in QPOS"),
                      HasSubstr("smaller timestep"), HasSubstr("swing.xml")));
    EXPECT_THAT(message_after([&](double* state) { state[velocity] = value; }), HasSubstr("huge value in QVEL"));
  }
  EXPECT_EQ(message_after([](double* state) { state[velocity] = 1.0; }), "no error");
}

/// walker.xml with a <size>.
std::string walker_with(const TemporaryFolder& folder, const std::string& size) {
  std::ifstream file(data_file("walker.xml"));
  std::string text(std::istreambuf_iterator<char>(file), {});
  text.insert(text.find("<worldbody>"), "<size " + size + "/>");
  std::string path = (folder / "walker.xml").string();
  std::ofstream(path) << text;
  return path;
}

/// Steps four walkers, of which the third and the fourth lie on the floor, on `threads` threads.
std::string message_of_fallen(const std::string& model, int threads) {
  const auto task = make_task("walker2d", {.model = model});
  Stream stream(DeviceId{});
  stream.use_threads(threads);
  EpisodeRows rows(stream, task->description(), 4);
  std::vector<float> actions(24, 0.0f);
  const auto step = [&] { task->step(stream, {{actions.data(), 4, 6}, {}}, rows.batch); };
  task->reset(stream, 0, 20, rows.batch);
  EXPECT_EQ(tests::input_error_of(step), "no error") << "as long as all stand";
  const std::vector<double> stood = rows.states.download(stream);
  rows.batch.states.row(2).data[3] = rows.batch.states.row(3).data[3] = 0.05;
  std::string message = tests::input_error_of(step);
  const std::vector<double> fell = rows.states.download(stream);
  EXPECT_NE(fell[3], stood[3]) << "the row before went on";
  // What failed leaves nothing behind, where the rows go on as well as where they begin anew.
  std::copy(stood.begin(), stood.end(), rows.states.data());
  EXPECT_EQ(tests::input_error_of(step), "no error");
  task->reset(stream, 0, 20, rows.batch);
  EXPECT_EQ(tests::input_error_of(step), "no error");
  EXPECT_EQ(rows.states.download(stream), stood);
  return message;
}

TEST(RobotFailure, WhatMujocoEndsTheProgramForIsAnError) {
  const TemporaryFolder folder;
  // Memory enough for a walker that stands, not for one that lies.
  const std::string model = walker_with(folder, "nstack=\"600\" nconmax=\"100\" njmax=\"500\"");
  for (const int threads : {1, 2}) {
    EXPECT_THAT(message_of_fallen(model, threads),
                AllOf(HasSubstr("task 'Walker2d-v2', episode 22, step 2: MuJoCo reports an error: Stack overflow"),
                      HasSubstr("mend the model " + model)));
  }
}

TEST(RobotFailure, LeftOutContactsAreAnErrorOfTheModel) {
  const TemporaryFolder folder;
  const std::string model = walker_with(folder, "nconmax=\"4\" njmax=\"500\"");
  EXPECT_THAT(message_of_fallen(model, 1),
              AllOf(HasSubstr("episode 22, step 2: MuJoCo warns: Pre-allocated contact buffer is full"),
                    HasSubstr("mend the model " + model), HasSubstr("nconmax")));
}

TEST(RobotFailure, WhatWasRecordedBeforeIsKept) {
  // A controller whose 30th action is no number.
  const auto task = make_task(data_file("swing.toml"));
  int calls = 0;
  FunctionActor actor(*task, [&calls](std::span<const float>, std::span<float> action) {
    action[0] = ++calls == 30 ? std::numeric_limits<float>::quiet_NaN() : 0.0f;
  });
  Stream stream(DeviceId{});
  CollectOptions options;
  options.episodes = 2;
  options.batch_size = 1;
  Demonstrations partial;
  EXPECT_THAT(tests::input_error_of([&] { collect(stream, *task, actor, options, &partial); }),
              HasSubstr("task 'Swing-v0', episode 0, step 30: action[0] is nan"));
  EXPECT_EQ(partial.rows(), 29);
  EXPECT_EQ(partial.episodes(), 1);
  EXPECT_EQ(partial.timeouts.back(), 1);
}

bool memory_is_short = false;

/// With MuJoCo's own alignment.
void* allocate_or_not(std::size_t bytes) {
  return memory_is_short ? nullptr : std::aligned_alloc(64, (bytes + 63) / 64 * 64);
}

TEST(RobotFailure, TooLittleMemoryIsAnError) {
  const auto task = make_task(data_file("swing.toml"));
  Stream stream(DeviceId{});
  EpisodeRows rows(stream, task->description(), 1);
  mju_user_malloc = allocate_or_not;
  memory_is_short = true;
  const std::string message = tests::input_error_of([&] { task->reset(stream, 0, 0, rows.batch); });
  memory_is_short = false;
  EXPECT_THAT(message,
              AllOf(HasSubstr("swing.xml: MuJoCo cannot make a simulation of this model"), HasSubstr("memory")));
  EXPECT_EQ(tests::input_error_of([&] { task->reset(stream, 0, 0, rows.batch); }), "no error");
  mju_user_malloc = nullptr;
}

}  // namespace
}  // namespace mynah
