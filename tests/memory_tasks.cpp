#include "tests/memory_tasks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "algorithms/experts.h"
#include "algorithms/rollout.h"
#include "kernels/dynamics/outcome.h"
#include "kernels/dynamics/pendulum.h"
#include "kernels/elementwise.h"
#include "kernels/philox.h"

namespace mynah::tests {
namespace {

using kernels::EpisodeStatus;

TaskDescription position_of_pendulum() {
  TaskDescription description = make_task("pendulum")->description();
  description.name = "Pendulum with a hidden velocity";
  description.observation_size = 2;
  description.observation_names = {"cos_angle", "sin_angle"};
  return description;
}

/// Angles are kept for each row, and forgotten where an episode begins.
class ExpertOfAngles : public Actor {
 public:
  ExpertOfAngles() : pendulum_(make_expert(*make_task("pendulum"))) {}

  void act(Stream& stream, const ActorInput& input, const ActionBatch& actions) override {
    const Index rows = input.observations.rows;
    angles_.resize(static_cast<std::size_t>(rows));
    whole_.resize(static_cast<std::size_t>(3 * rows));
    for (Index m = 0; m < rows; ++m) {
      const ConstVector seen = input.observations.row(m);
      double& last = angles_[static_cast<std::size_t>(m)];
      const double angle = std::atan2(static_cast<double>(seen.data[1]), static_cast<double>(seen.data[0]));
      const double turned = input.elapsed.data[m] == 0 ? 0.0 : std::remainder(angle - last, 2.0 * M_PI);
      last = angle;
      float* const row = whole_.data() + 3 * m;
      row[0] = seen.data[0];
      row[1] = seen.data[1];
      row[2] = static_cast<float>(turned / time_step);
    }
    pendulum_->act(stream, {{whole_.data(), rows, 3}, input.elapsed, input.first_episode, input.status}, actions);
  }

 private:
  static constexpr double time_step = 0.05;
  std::unique_ptr<Actor> pendulum_;
  std::vector<double> angles_;
  std::vector<float> whole_;
};

constexpr double stride = 0.05, goal = 0.5;
constexpr int wait = 10;

TaskDescription line() {
  TaskDescription description;
  description.name = "hesitation";
  description.state_size = 1;
  description.observation_size = 1;
  description.discrete = true;
  description.action_count = 2;
  description.max_steps = 60;
  description.observation_names = {"position"};
  description.action_names = {"stay", "go"};
  return description;
}

double start_of(std::uint64_t seed, Index episode) {
  const PhiloxBlock words = philox(random_key(seed, RandomStream::task), static_cast<std::uint64_t>(episode), 0);
  return -0.75 + 0.25 * dynamics::symmetric_uniform(words.x);
}

}  // namespace

HiddenVelocityTask::HiddenVelocityTask() : Task(position_of_pendulum()), pendulum_(make_task("pendulum")) {}

kernels::EpisodeBatch HiddenVelocityTask::whole(const kernels::EpisodeBatch& batch) const {
  if (observations_.size() != batch.rows() * 3) observations_ = Buffer<float>(DeviceId{}, batch.rows() * 3);
  kernels::EpisodeBatch result = batch;
  result.observations = {observations_.data(), batch.rows(), 3};
  return result;
}

void HiddenVelocityTask::observe(Stream& stream, const kernels::EpisodeBatch& batch) const {
  const Matrix all{observations_.data(), batch.rows(), 3};
  kernels::copy(stream, all.middle_columns(0, 2), batch.observations);
}

void HiddenVelocityTask::reset(Stream& stream, std::uint64_t seed, Index first_episode,
                               const kernels::EpisodeBatch& batch) const {
  pendulum_->reset(stream, seed, first_episode, whole(batch));
  observe(stream, batch);
}

void HiddenVelocityTask::step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const {
  pendulum_->step(stream, actions, whole(batch));
  observe(stream, batch);
}

std::unique_ptr<Actor> HiddenVelocityTask::expert() const {
  return std::make_unique<ExpertOfAngles>();
}

Demonstrations HiddenVelocityTask::demonstrations(Index episodes, std::uint64_t seed) {
  const auto task = make_task("pendulum");
  Stream cpu({});
  CollectOptions options;
  options.episodes = episodes;
  options.seed = seed;
  options.noise = 0.3;
  Demonstrations all = collect(cpu, *task, *make_expert(*task), options);
  Demonstrations result = all;
  result.observation_size = 2;
  result.observation_names.clear();
  result.observations.clear();
  result.next_observations.clear();
  for (std::size_t i = 0; i < all.observations.size(); i += 3) {
    result.observations.push_back(all.observations[i]);
    result.observations.push_back(all.observations[i + 1]);
  }
  return result;
}

namespace {

/// A pendulum, and the torques that it has yet to be turned by, the next one first.
class LateMotor : public Environment {
 public:
  void reset(EpisodeRandom random) override {
    random_ = random;
    state_ = {random_.uniform(-dynamics::Pendulum::pi, dynamics::Pendulum::pi), random_.uniform(-1.0, 1.0)};
    waiting_ = {};
  }
  StepOutcome step(const EpisodeAction& action) override {
    const auto torque = static_cast<float>(waiting_.front() + random_.uniform(-1.0, 1.0));
    const double reward = pendulum_.step(state_.data(), &torque).reward;
    std::rotate(waiting_.begin(), waiting_.begin() + 1, waiting_.end());
    waiting_.back() = action.values[0];
    return {reward, false};
  }
  void observe(std::span<float> observation) const override { pendulum_.observe(state_.data(), observation.data()); }

  /// Of the demonstrator.
  float expert() const {
    std::array<double, 2> later = state_;
    for (const float torque : waiting_) pendulum_.step(later.data(), &torque);
    std::array<float, 3> observation{};
    pendulum_.observe(later.data(), observation.data());
    float action = 0.0f;
    pendulum_.expert(observation.data(), &action);
    return action;
  }

 private:
  dynamics::Pendulum pendulum_;
  EpisodeRandom random_{{}, 0};
  std::array<double, 2> state_{};
  std::array<float, 4> waiting_{};
};

}  // namespace

CustomTask LateMotorTask::task() {
  TaskDescription description = make_task("pendulum")->description();
  description.name = "Pendulum with a late motor";
  description.reference_returns.reset();
  return {description, [] { return std::make_unique<LateMotor>(); }};
}

Demonstrations LateMotorTask::demonstrations(Index episodes, std::uint64_t seed) {
  Demonstrations data;
  data.observation_size = 3;
  data.action_size = 1;
  data.source = "demonstrator of a late motor";
  LateMotor motor;
  for (Index episode = 0; episode < episodes; ++episode) {
    motor.reset(EpisodeRandom(random_key(seed, RandomStream::task), episode));
    for (int step = 0; step < dynamics::Pendulum::max_steps; ++step) {
      std::array<float, 3> seen{};
      motor.observe(seen);
      data.observations.insert(data.observations.end(), seen.begin(), seen.end());
      data.actions.push_back(motor.expert());
      data.rewards.push_back(static_cast<float>(motor.step({{&data.actions.back(), 1}, 0}).reward));
      data.terminals.push_back(0);
    }
    data.episode_ends.push_back(data.rows());
  }
  return data;
}

HesitationTask::HesitationTask() : Task(line()) {}

void HesitationTask::reset(Stream&, std::uint64_t seed, Index first_episode, const kernels::EpisodeBatch& batch) const {
  for (Index m = 0; m < batch.rows(); ++m) {
    batch.states.data[m * batch.states.stride] = start_of(seed, first_episode + m);
    batch.observations.data[m * batch.observations.stride] =
        static_cast<float>(batch.states.data[m * batch.states.stride]);
    batch.rewards.data[m] = 0.0f;
    batch.returns.data[m] = 0.0;
    batch.elapsed.data[m] = 0;
    batch.status.data[m] = static_cast<std::int32_t>(EpisodeStatus::running);
  }
}

void HesitationTask::step(Stream&, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const {
  for (Index m = 0; m < batch.rows(); ++m) {
    double& position = batch.states.data[m * batch.states.stride];
    batch.rewards.data[m] = 0.0f;
    if (batch.status.data[m] == static_cast<std::int32_t>(EpisodeStatus::running)) {
      if (actions.labels.data[m] == 1) position += stride;
      ++batch.elapsed.data[m];
      if (position >= goal) {
        batch.rewards.data[m] = 1.0f;
        batch.returns.data[m] += 1.0;
        batch.status.data[m] = static_cast<std::int32_t>(EpisodeStatus::terminated);
      } else if (batch.elapsed.data[m] == description().max_steps) {
        batch.status.data[m] = static_cast<std::int32_t>(EpisodeStatus::timed_out);
      }
    }
    batch.observations.data[m * batch.observations.stride] = static_cast<float>(position);
  }
}

Demonstrations HesitationTask::demonstrations(Index episodes, std::uint64_t seed) {
  Demonstrations data;
  data.observation_size = 1;
  data.discrete = true;
  data.action_count = 2;
  data.source = "hesitating demonstrator";
  for (Index episode = 0; episode < episodes; ++episode) {
    int waited = 0;
    for (double position = start_of(seed, episode); position < goal;) {
      const bool waits = position > -stride && waited < wait;
      waited += waits ? 1 : 0;
      data.observations.push_back(static_cast<float>(position));
      data.labels.push_back(waits ? 0 : 1);
      data.terminals.push_back(0);
      if (!waits) position += stride;
    }
    data.terminals.back() = 1;
    data.episode_ends.push_back(data.rows());
  }
  return data;
}

}  // namespace mynah::tests
