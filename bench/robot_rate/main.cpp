// mynah-robot-rate: how many steps a second a robot takes as a task of mynah, and as mj_step alone with the same frame
// skip, starts and controls; in turn, medians of several rounds.
#include <fmt/format.h>
#include <mujoco/mujoco.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <thread>

#include "algorithms/policy_actor.h"
#include "algorithms/rollout.h"
#include "algorithms/tasks/mujoco/robot.h"
#include "algorithms/tasks/mujoco/robot_layout.h"
#include "algorithms/tasks/mujoco/simulation.h"
#include "engine/buffer.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using Clock = std::chrono::steady_clock;

/// What both do: episodes of `rows` robots side by side, with the actions that a policy took in them.
struct Workload {
  Index rows = 32;
  Index steps = 200;
  std::vector<float> actions;  ///< [steps, rows, action_size]
};

struct Memory {
  Memory(const TaskDescription& d, Index rows)
      : states(static_cast<std::size_t>(rows * d.state_size)),
        returns(static_cast<std::size_t>(rows)),
        observations(static_cast<std::size_t>(rows * d.observation_size)),
        rewards(static_cast<std::size_t>(rows)),
        elapsed(static_cast<std::size_t>(rows)),
        status(static_cast<std::size_t>(rows)),
        batch{{states.data(), rows, d.state_size},
              {observations.data(), rows, d.observation_size},
              {rewards.data(), rows},
              {returns.data(), rows},
              {elapsed.data(), rows},
              {status.data(), rows}} {}

  std::vector<double> states, returns;
  std::vector<float> observations, rewards;
  std::vector<std::int32_t> elapsed, status;
  kernels::EpisodeBatch batch;
};

double steps_a_second(const Workload& work, Clock::time_point start) {
  return static_cast<double>(work.rows * work.steps) / std::chrono::duration<double>(Clock::now() - start).count();
}

void record_actions(Stream& stream, const Task& task, Actor& actor, Workload& work) {
  const TaskDescription& d = task.description();
  Memory memory(d, work.rows);
  work.actions.resize(static_cast<std::size_t>(work.steps * work.rows * d.action_size));
  task.reset(stream, 0, 0, memory.batch);
  for (Index t = 0; t < work.steps; ++t) {
    const ActionBatch actions{{work.actions.data() + t * work.rows * d.action_size, work.rows, d.action_size}, {}};
    actor.act(stream, {memory.batch.observations, memory.batch.elapsed, 0}, actions);
    task.step(stream, actions, memory.batch);
  }
  for (const std::int32_t status : memory.status) {
    if (status != 0) throw input_error("--steps", "an episode ended before so many", "give fewer, or a better policy");
  }
}

double rate_as_task(Stream& stream, const Task& task, Workload& work) {
  const TaskDescription& d = task.description();
  Memory memory(d, work.rows);
  task.reset(stream, 0, 0, memory.batch);
  const auto start = Clock::now();
  for (Index t = 0; t < work.steps; ++t) {
    task.step(stream, {{work.actions.data() + t * work.rows * d.action_size, work.rows, d.action_size}, {}},
              memory.batch);
  }
  return steps_a_second(work, start);
}

/// Every thread takes its part of the robots, one after the other, each through its whole episode.
double rate_alone(Stream& stream, const Task& task, const mjModel& model, Index frame_skip, const Workload& work,
                  int threads) {
  Memory memory(task.description(), work.rows);
  task.reset(stream, 0, 0, memory.batch);
  const auto take = [&](Index first, Index end) {
    mjData* data = mj_makeData(&model);
    for (Index m = first; m < end; ++m) {
      mj_resetData(&model, data);
      const double* state = memory.batch.states.row(m).data + RobotLayout::positions;
      std::copy_n(state, model.nq, data->qpos);
      std::copy_n(state + model.nq, model.nv, data->qvel);
      for (Index t = 0; t < work.steps; ++t) {
        std::copy_n(work.actions.data() + (t * work.rows + m) * model.nu, model.nu, data->ctrl);
        for (Index i = 0; i < frame_skip; ++i) mj_step(&model, data);
      }
    }
    mj_deleteData(data);
  };
  const auto start = Clock::now();
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back(take, work.rows * i / threads, work.rows * (i + 1) / threads);
  }
  take(0, work.rows / threads);
  for (std::thread& other : others) other.join();
  return steps_a_second(work, start);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int run(int argc, char** argv) {
  CLI::App app("Steps a second of a robot as a task, and of mj_step alone.");
  std::string robot_name = "Hopper-v2", model_file, policy_file;
  Workload work;
  int rounds = 11;
  app.add_option("--task", robot_name, "Name of a built-in robot, or a TOML file")->capture_default_str();
  app.add_option("--model", model_file, "MJCF file")->required();
  app.add_option("--policy", policy_file, "Whose actions are taken")->required();
  app.add_option("--rows", work.rows, "Robots side by side")->capture_default_str()->check(CLI::Range(1, 1000000));
  app.add_option("--steps", work.steps, "Of every robot")->capture_default_str()->check(CLI::Range(1, 1000000));
  app.add_option("--rounds", rounds, "Of which the medians are")->capture_default_str()->check(CLI::Range(1, 1000000));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  const auto task = make_task(robot_name, {.model = model_file});
  Index frame_skip = 0;
  for (const RobotDescription& robot : built_in_robots()) {
    if (robot.name == task->description().name) frame_skip = robot.frame_skip;
  }
  if (frame_skip == 0) frame_skip = load_robot(robot_name).frame_skip;
  const MujocoModel model = load_mujoco_model(model_file);
  Policy policy = Policy::load(policy_file);
  PolicyActor actor(policy, *task);
  record_actions(policy.stream(), *task, actor, work);
  Stream one(DeviceId{}), two(DeviceId{});
  two.use_threads(2);
  std::vector<double> as_task, as_task_two, alone, alone_two, share, share_two, gain;
  for (int round = 0; round < rounds; ++round) {
    alone.push_back(rate_alone(one, *task, *model, frame_skip, work, 1));
    as_task.push_back(rate_as_task(one, *task, work));
    alone_two.push_back(rate_alone(one, *task, *model, frame_skip, work, 2));
    as_task_two.push_back(rate_as_task(two, *task, work));
    share.push_back(as_task.back() / alone.back());
    share_two.push_back(as_task_two.back() / alone_two.back());
    gain.push_back(as_task_two.back() / alone.back());
  }
  fmt::print("{}, {} robots, {} steps, medians of {} rounds: steps a second\n", task->description().name, work.rows,
             work.steps, rounds);
  fmt::print("{:<10}{:>16}{:>16}{:>12}\n", "threads", "mj_step alone", "task", "task/alone");
  fmt::print("{:<10}{:>16.0f}{:>16.0f}{:>12.3f}\n", 1, median(alone), median(as_task), median(share));
  fmt::print("{:<10}{:>16.0f}{:>16.0f}{:>12.3f}\n", 2, median(alone_two), median(as_task_two), median(share_two));
  fmt::print("task on two threads / mj_step alone on one: {:.3f}\n", median(gain));
  return 0;
}

}  // namespace
}  // namespace mynah

int main(int argc, char** argv) try { return mynah::run(argc, argv); } catch (const mynah::Error& error) {
  std::fprintf(stderr, "mynah-robot-rate: %s\n", error.what());
  return error.cause() == mynah::Error::Cause::input ? 2 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "mynah-robot-rate: %s\n", error.what());
  return 1;
}
