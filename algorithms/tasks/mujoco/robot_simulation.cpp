#include "algorithms/tasks/mujoco/robot_simulation.h"

#include <mujoco/mujoco.h>

#include <algorithm>

#include "kernels/random_numbers.h"

namespace mynah {
namespace {

void add_noise(RandomKey key, std::uint64_t episode, std::uint64_t first, const RobotDescription::Noise& noise,
               VectorView<double> values) {
  if (noise.scale == 0.0) return;
  for (Index i = 0; i < values.size; ++i) {
    const std::uint64_t index = first + static_cast<std::uint64_t>(i);
    if (noise.kind == RobotDescription::Noise::Kind::normal) {
      values.data[i] += noise.scale * static_cast<double>(random_normal(key, episode, index));
    } else {
      const double unit = (static_cast<double>(random_word(key, episode, index)) + 0.5) * (1.0 / 4294967296.0);
      values.data[i] += noise.scale * (2.0 * unit - 1.0);
    }
  }
}

}  // namespace

RobotSimulation::RobotSimulation(RobotDescription robot, MujocoModel model)
    : robot_(std::move(robot)),
      model_(std::move(model)),
      layout_(robot_, *model_),
      ranges_(control_ranges(robot_, *model_)) {}

void RobotSimulation::reset(RandomKey key, Index episode, mjData& data, double* state) const {
  const mjModel& model = *model_;
  mj_resetData(&model, &data);
  const auto number = static_cast<std::uint64_t>(episode);
  const std::uint64_t next_block = (static_cast<std::uint64_t>(model.nq) + 3) / 4 * 4;
  add_noise(key, number, 0, robot_.position_noise, {data.qpos, model.nq});
  add_noise(key, number, next_block, robot_.velocity_noise, {data.qvel, model.nv});
  mj_forward(&model, &data);
  if (layout_.has_contact_forces) mj_rnePostConstraint(&model, &data);
  state[RobotLayout::episode] = static_cast<double>(episode);
  save(data, state);
}

RobotSimulation::Outcome RobotSimulation::step(mjData& data, const float* action, double* state) const {
  const mjModel& model = *model_;
  load(state, data);
  double effort = 0.0;
  for (Index a = 0; a < model.nu; ++a) {
    const auto value = static_cast<double>(action[a]);
    effort += value * value;
    const ControlRange& range = ranges_[static_cast<std::size_t>(a)];
    data.ctrl[a] = robot_.unit_actions ? range.low + (range.high - range.low) * 0.5 * (value + 1.0) : value;
  }
  const double before = forward_of(state);
  for (Index i = 1; i < robot_.frame_skip; ++i) mj_step(&model, &data);
  last_step(data);
  save(data, state);
  const double gain = (forward_of(state) - before) / (static_cast<double>(robot_.frame_skip) * model.opt.timestep);
  return {robot_.forward_weight * gain + robot_.alive_bonus - robot_.control_cost * effort - contact_cost(state),
          !is_healthy(state)};
}

/// With the contact forces at its start: mj_step, taken apart where its later stages would overwrite what the forces
/// are computed from.
void RobotSimulation::last_step(mjData& data) const {
  const mjModel& model = *model_;
  if (!layout_.has_contact_forces || model.opt.integrator != mjINT_RK4) {
    mj_step(&model, &data);
    if (layout_.has_contact_forces) mj_rnePostConstraint(&model, &data);
    return;
  }
  mj_checkPos(&model, &data);
  mj_checkVel(&model, &data);
  mj_forward(&model, &data);
  mj_checkAcc(&model, &data);
  mj_rnePostConstraint(&model, &data);
  mj_RungeKutta(&model, &data, 4);
}

void RobotSimulation::load(const double* state, mjData& data) const {
  const mjModel& model = *model_;
  data.time = state[RobotLayout::time];
  std::copy_n(state + RobotLayout::positions, model.nq, data.qpos);
  std::copy_n(state + layout_.velocities, model.nv, data.qvel);
  std::copy_n(state + layout_.activations, model.na, data.act);
  std::copy_n(state + layout_.warm_start, model.nv, data.qacc_warmstart);
}

void RobotSimulation::save(const mjData& data, double* state) const {
  const mjModel& model = *model_;
  state[RobotLayout::time] = data.time;
  std::copy_n(data.qpos, model.nq, state + RobotLayout::positions);
  std::copy_n(data.qvel, model.nv, state + layout_.velocities);
  std::copy_n(data.act, model.na, state + layout_.activations);
  std::copy_n(data.qacc_warmstart, model.nv, state + layout_.warm_start);
  if (layout_.forward_body >= 0) {
    state[layout_.forward] = data.xpos[3 * layout_.forward_body + robot_.forward_axis];
  }
  if (layout_.has_contact_forces) std::copy_n(data.cfrc_ext, 6 * model.nbody, state + layout_.contact_forces);
  if (layout_.has_sensors) std::copy_n(data.sensordata, model.nsensordata, state + layout_.sensors);
}

double RobotSimulation::forward_of(const double* state) const {
  if (layout_.forward_body >= 0) return state[layout_.forward];
  return robot_.forward_position >= 0 ? state[RobotLayout::positions + robot_.forward_position] : 0.0;
}

double RobotSimulation::contact_cost(const double* state) const {
  if (robot_.contact_cost == 0.0) return 0.0;
  double sum = 0.0;
  for (Index i = layout_.contact_forces; i < layout_.sensors; ++i) {
    const double force = std::clamp(state[i], -robot_.contact_clip, robot_.contact_clip);
    sum += force * force;
  }
  return robot_.contact_cost * sum;
}

bool RobotSimulation::is_healthy(const double* state) const {
  for (const RobotLayout::Range& range : layout_.healthy) {
    for (Index i = range.begin; i < range.begin + range.count; ++i) {
      const double x = state[i];
      const bool within = range.closed ? x >= range.low && x <= range.high : x > range.low && x < range.high;
      if (!within) return false;
    }
  }
  return true;
}

void RobotSimulation::observe(const double* state, float* observation) const {
  for (const RobotLayout::Range& range : layout_.observed) {
    for (Index i = range.begin; i < range.begin + range.count; ++i) {
      *observation++ = static_cast<float>(std::clamp(state[i], range.low, range.high));
    }
  }
}

}  // namespace mynah
