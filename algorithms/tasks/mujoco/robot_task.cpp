#include <fmt/format.h>
#include <mujoco/mujoco.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <thread>

#include "algorithms/tasks/mujoco/find_model.h"
#include "algorithms/tasks/mujoco/host_batch.h"
#include "algorithms/tasks/mujoco/robot_simulation.h"
#include "kernels/error.h"
#include "kernels/worker_team.h"

namespace mynah {
namespace {

using kernels::EpisodeBatch;
using kernels::EpisodeStatus;

/// work(m, simulation) for every row, on the stream's threads; a thread takes the next row when it is done with one,
/// since contacts make some slow. Of several errors that of the first row is thrown.
template <class Work>
void for_each_row(Stream& stream, SimulationPool& pool, Index rows, const Work& work) {
  std::atomic<Index> next{0};
  std::mutex mutex;
  Index failed_row = rows;
  std::exception_ptr failure;
  const auto take_rows = [&] {
    Index m = 0;
    try {
      SimulationPool::Lease simulation(pool);
      while ((m = next.fetch_add(1, std::memory_order_relaxed)) < rows) work(m, simulation);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (m < failed_row) {
        failed_row = m;
        failure = std::current_exception();
      }
    }
  };
  if (stream.team() == nullptr || rows < 2) {
    take_rows();
  } else {
    stream.team()->run([&](const kernels::WorkerTeam::Member&) { take_rows(); });
  }
  if (failure) std::rethrow_exception(failure);
}

/// A robot in MuJoCo. The model is loaded once and shared; the rows of a batch are stepped on the stream's threads,
/// each thread with one of the pool's states. On a CUDA stream the batch is copied to the host and back, and all
/// processors take part.
class RobotTask final : public Task {
 public:
  RobotTask(RobotDescription robot, MujocoModel model, TaskDescription description)
      : Task(std::move(description)),
        simulation_(std::move(robot), std::move(model)),
        pool_(simulation_.model(), this->description().model) {}

  void reset(Stream& stream, std::uint64_t seed, Index first_episode, const EpisodeBatch& batch) const override {
    const RandomKey key = random_key(seed, RandomStream::task);
    if (stream.backend() == Backend::cpu) return reset_rows(stream, key, first_episode, batch);
    HostBatch host(stream, batch);
    on_host([&](Stream& cpu) { reset_rows(cpu, key, first_episode, host.batch()); });
    host.give_back();
  }

  void step(Stream& stream, const ActionBatch& actions, const EpisodeBatch& batch) const override {
    if (stream.backend() == Backend::cpu) return step_rows(stream, actions.values, batch);
    HostBatch host(stream, batch);
    const ConstMatrix fetched = host.fetch(actions.values);
    on_host([&](Stream& cpu) { step_rows(cpu, fetched, host.batch()); });
    host.give_back();
  }

 private:
  void reset_rows(Stream& stream, RandomKey key, Index first_episode, const EpisodeBatch& batch) const {
    for_each_row(stream, pool_, batch.rows(), [&](Index m, SimulationPool::Lease& data) {
      double* state = batch.states.row(m).data;
      state[RobotLayout::episode] = static_cast<double>(first_episode + m);
      checked(data, state, 0, [&] { simulation_.reset(key, first_episode + m, *data, state); });
      simulation_.observe(state, batch.observations.row(m).data);
      batch.rewards.data[m] = 0.0f;
      batch.returns.data[m] = 0.0;
      batch.elapsed.data[m] = 0;
      batch.status.data[m] = static_cast<std::int32_t>(EpisodeStatus::running);
    });
  }

  void step_rows(Stream& stream, ConstMatrix actions, const EpisodeBatch& batch) const {
    for_each_row(stream, pool_, batch.rows(), [&](Index m, SimulationPool::Lease& data) {
      double* state = batch.states.row(m).data;
      if (kernels::goes_on(batch.status.data[m])) {
        step_row(m, data, actions.row(m), state, batch);
      } else {
        batch.rewards.data[m] = 0.0f;
      }
      simulation_.observe(state, batch.observations.row(m).data);
    });
  }

  void step_row(Index m, SimulationPool::Lease& data, ConstVector action, double* state,
                const EpisodeBatch& batch) const {
    const std::int32_t steps = batch.elapsed.data[m] + 1;
    auto status = static_cast<EpisodeStatus>(batch.status.data[m]);
    RobotSimulation::Outcome outcome;
    require_finite(action, state, steps);
    if (status == EpisodeStatus::running) {
      checked(data, state, steps, [&] { outcome = simulation_.step(*data, action.data, state); });
      if (outcome.terminated) {
        status = description().fixed_horizon ? EpisodeStatus::absorbed : EpisodeStatus::terminated;
      }
    }
    if (steps >= description().max_steps && status != EpisodeStatus::terminated) status = EpisodeStatus::timed_out;
    batch.rewards.data[m] = static_cast<float>(outcome.reward);
    batch.returns.data[m] += outcome.reward;
    batch.elapsed.data[m] = steps;
    batch.status.data[m] = static_cast<std::int32_t>(status);
  }

  std::string place(const double* state, Index step) const {
    return fmt::format("task '{}', episode {}, step {}", description().name,
                       static_cast<Index>(state[RobotLayout::episode]), step);
  }

  void require_finite(ConstVector action, const double* state, Index step) const {
    for (Index a = 0; a < action.size; ++a) {
      if (std::isfinite(action.data[a])) continue;
      throw input_error(place(state, step), fmt::format("action[{}] is {}", a, action.data[a]),
                        "check the policy: its weights or its normalisation may hold NaN");
    }
  }

  /// Calls work; what MuJoCo reports on the way becomes an error that says where it happened. A warning is one too:
  /// MuJoCo warns where it leaves contacts out, and where it found NaN, infinity or a huge value and began anew.
  template <class Work>
  void checked(SimulationPool::Lease& data, const double* state, Index step, const Work& work) const {
    std::fill_n((*data).warning, mjNWARNING, mjWarningStat{});
    try {
      work();
    } catch (const MujocoFailure& failure) {
      data.renew();
      throw input_error(place(state, step), "MuJoCo reports an error: " + failure.message,
                        "mend the model " + description().model);
    }
    for (int kind = 0; kind < mjNWARNING; ++kind) {
      if ((*data).warning[kind].number == 0) continue;
      throw input_error(place(state, step), "MuJoCo warns: " + last_mujoco_warning(), remedy_of(kind));
    }
  }

  /// kind: mjtWarning.
  std::string remedy_of(int kind) const {
    const std::string& model = description().model;
    const bool of_the_model =
        kind == mjWARN_INERTIA || kind == mjWARN_CONTACTFULL || kind == mjWARN_CNSTRFULL || kind == mjWARN_VGEOMFULL;
    if (of_the_model) return "mend the model " + model + "; nconmax and njmax stand in its <size>";
    return "look at the actions; take a smaller timestep in the model " + model + ", or let episodes end earlier";
  }

  /// work(stream) on a stream of the host that has all its processors.
  template <class Work>
  void on_host(const Work& work) const {
    const std::lock_guard lock(host_mutex_);
    if (host_stream_ == nullptr) {
      host_stream_ = std::make_unique<Stream>(DeviceId{});
      host_stream_->use_threads(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
    }
    work(*host_stream_);
  }

  RobotSimulation simulation_;
  mutable SimulationPool pool_;
  mutable std::mutex host_mutex_;
  mutable std::unique_ptr<Stream> host_stream_;
};

std::filesystem::path model_of(const RobotDescription& robot, const std::filesystem::path& model) {
  if (!model.empty()) return model;
  if (!robot.in_gymnasium) {
    if (!robot.model.empty()) return robot.model;
    throw input_error(robot.origin, "names no model", "write model = \"robot.xml\", or give --model FILE");
  }
  if (auto found = find_gymnasium_model(robot.model)) return *found;
  std::string folders;
  for (const std::filesystem::path& folder : python_package_folders()) {
    folders += (folders.empty() ? "" : ", ") + folder.string();
  }
  throw input_error("task '" + robot.name + "'",
                    "needs the robot's model, and no folder of Python packages has gymnasium/envs/mujoco/assets/" +
                        robot.model.string() +
                        "; looked at: " + (folders.empty() ? "none, there is no such folder" : folders),
                    "give the MJCF file with --model FILE, or install Gymnasium (pip install gymnasium)");
}

}  // namespace

bool has_mujoco() {
  return true;
}

std::unique_ptr<Task> make_robot_task(const RobotDescription& robot, const TaskOptions& options) {
  if (!options.parameters.empty()) {
    throw input_error("--task-option " + options.parameters.begin()->first, robot.name + " has no such options",
                      "leave it out; a TOML file changes the rules of a robot");
  }
  const std::filesystem::path file = model_of(robot, options.model);
  MujocoModel model = load_mujoco_model(file);
  const RobotLayout layout(robot, *model);
  const ControlRange range = control_ranges(robot, *model).front();
  TaskDescription description;
  description.name = robot.name;
  description.model = file.string();
  description.state_size = layout.size;
  description.observation_size = layout.observation_size;
  description.action_size = model->nu;
  description.action_low = robot.unit_actions ? -1.0f : static_cast<float>(range.low);
  description.action_high = robot.unit_actions ? 1.0f : static_cast<float>(range.high);
  description.step_seconds = static_cast<double>(robot.frame_skip) * model->opt.timestep;
  description.max_steps = options.max_steps > 0 ? options.max_steps : robot.max_steps;
  description.fixed_horizon = options.fixed_horizon;
  description.observation_names = observation_names(robot, *model);
  description.action_names = actuator_names(*model);
  if (description.max_steps == robot.max_steps) description.reference_returns = robot.reference_returns;
  return std::make_unique<RobotTask>(robot, std::move(model), std::move(description));
}

}  // namespace mynah
