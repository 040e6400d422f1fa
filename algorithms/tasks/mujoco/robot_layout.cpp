#include "algorithms/tasks/mujoco/robot_layout.h"

#include <fmt/format.h>
#include <mujoco/mujoco.h>

#include <algorithm>
#include <array>

#include "kernels/error.h"

namespace mynah {
namespace {

using Source = RobotDescription::Source;
constexpr Index forces_of_a_body = 6;

std::string name_of(const mjModel& model, int object, Index id) {
  const char* name = mj_id2name(&model, object, static_cast<int>(id));
  return name == nullptr ? "" : name;
}

/// Where a source lies in the state, and how many values it has.
struct Place {
  Index begin = 0;
  Index count = 0;
};

Place place_of(Source source, const RobotLayout& layout, const mjModel& model) {
  switch (source) {
    case Source::positions:
      return {RobotLayout::positions, model.nq};
    case Source::velocities:
      return {layout.velocities, model.nv};
    case Source::contact_forces:
      return {layout.contact_forces, forces_of_a_body * model.nbody};
    case Source::sensor:
      break;
  }
  return {layout.sensors, model.nsensordata};
}

std::string text_of(Source source) {
  switch (source) {
    case Source::positions:
      return "positions";
    case Source::velocities:
      return "velocities";
    case Source::contact_forces:
      return "contact forces";
    case Source::sensor:
      break;
  }
  return "values of its sensor";
}

/// `count` values from `first` on, of those that there are.
Place part_of(const Place& all, Index first, Index count, const std::string& entry, const RobotDescription& robot,
              Source source) {
  const Index wanted = count == RobotDescription::to_the_end ? all.count - first : count;
  if (first < 0 || wanted < 1 || first + wanted > all.count) {
    throw input_error(robot.origin + ", " + entry,
                      fmt::format("names {} {} to {}, but the model has {}", text_of(source), first,
                                  first + std::max<Index>(wanted, 1) - 1, all.count),
                      "give a model that fits; `first` counts from 0, and without `count` it is all from there on");
  }
  return {all.begin + first, wanted};
}

Place sensor_place(const RobotDescription::Observed& observed, const RobotLayout& layout, const mjModel& model,
                   const std::string& entry, const RobotDescription& robot) {
  const int id = mj_name2id(&model, mjOBJ_SENSOR, observed.sensor.c_str());
  if (id < 0) {
    std::string known;
    for (int i = 0; i < model.nsensor; ++i) known += (i == 0 ? "" : ", ") + name_of(model, mjOBJ_SENSOR, i);
    throw input_error(robot.origin + ", " + entry, "the model has no sensor '" + observed.sensor + "'",
                      known.empty() ? "the model has no sensors" : "its sensors are: " + known);
  }
  return {layout.sensors + model.sensor_adr[id], model.sensor_dim[id]};
}

int body_of(const RobotDescription& robot, const mjModel& model) {
  if (robot.forward_body.empty()) return -1;
  const int id = mj_name2id(&model, mjOBJ_BODY, robot.forward_body.c_str());
  if (id >= 0) return id;
  std::string known;
  for (int i = 1; i < model.nbody; ++i) known += (known.empty() ? "" : ", ") + name_of(model, mjOBJ_BODY, i);
  throw input_error(robot.origin, "the model has no body '" + robot.forward_body + "'", "its bodies are: " + known);
}

std::string joint_name(const mjModel& model, Index joint) {
  const std::string name = name_of(model, mjOBJ_JOINT, joint);
  return name.empty() ? fmt::format("joint{}", joint) : name;
}

/// One name for each of the positions or, with velocities, of the velocities.
std::vector<std::string> coordinate_names(const mjModel& model, bool velocities) {
  constexpr std::array free_positions{"_x",           "_y", "_z", "_quaternion_w", "_quaternion_x", "_quaternion_y",
                                      "_quaternion_z"};
  constexpr std::array free_velocities{"_velocity_x",         "_velocity_y",         "_velocity_z",
                                       "_angular_velocity_x", "_angular_velocity_y", "_angular_velocity_z"};
  std::vector<std::string> names;
  for (int j = 0; j < model.njnt; ++j) {
    const std::string joint = joint_name(model, j);
    const int type = model.jnt_type[j];
    if (type == mjJNT_SLIDE || type == mjJNT_HINGE) {
      names.push_back(velocities ? joint + "_velocity" : joint);
      continue;
    }
    // A ball has the last parts of what a free joint has.
    const std::size_t skipped = type == mjJNT_BALL ? 3 : 0;
    if (velocities) {
      for (std::size_t i = skipped; i < free_velocities.size(); ++i) names.push_back(joint + free_velocities[i]);
    } else {
      for (std::size_t i = skipped; i < free_positions.size(); ++i) names.push_back(joint + free_positions[i]);
    }
  }
  return names;
}

std::vector<std::string> contact_force_names(const mjModel& model) {
  constexpr std::array parts{"_torque_x", "_torque_y", "_torque_z", "_force_x", "_force_y", "_force_z"};
  std::vector<std::string> names;
  for (int b = 0; b < model.nbody; ++b) {
    std::string body = name_of(model, mjOBJ_BODY, b);
    if (body.empty()) body = fmt::format("body{}", b);
    for (const char* part : parts) names.push_back(body + part);
  }
  return names;
}

std::vector<std::string> sensor_names(const mjModel& model) {
  std::vector<std::string> names;
  for (int s = 0; s < model.nsensor; ++s) {
    const std::string name = name_of(model, mjOBJ_SENSOR, s);
    for (int i = 0; i < model.sensor_dim[s]; ++i) {
      names.push_back(model.sensor_dim[s] == 1 ? name : fmt::format("{}_{}", name, i));
    }
  }
  return names;
}

}  // namespace

RobotLayout::RobotLayout(const RobotDescription& robot, const mjModel& model) {
  for (const RobotDescription::Observed& one : robot.observations) {
    has_contact_forces = has_contact_forces || one.source == Source::contact_forces;
    has_sensors = has_sensors || one.source == Source::sensor;
  }
  has_contact_forces = has_contact_forces || robot.contact_cost != 0.0;
  forward_body = body_of(robot, model);
  velocities = positions + model.nq;
  activations = velocities + model.nv;
  warm_start = activations + model.na;
  forward = warm_start + model.nv;
  contact_forces = forward + (forward_body >= 0 ? 1 : 0);
  sensors = contact_forces + (has_contact_forces ? forces_of_a_body * model.nbody : 0);
  size = sensors + (has_sensors ? model.nsensordata : 0);

  for (std::size_t i = 0; i < robot.observations.size(); ++i) {
    const RobotDescription::Observed& one = robot.observations[i];
    const std::string entry = fmt::format("observe {}", i + 1);
    const Place all = one.source == Source::sensor ? sensor_place(one, *this, model, entry, robot)
                                                   : place_of(one.source, *this, model);
    const Place part = part_of(all, one.first, one.count, entry, robot, one.source);
    observed.push_back({part.begin, part.count, one.low, one.high});
    observation_size += part.count;
  }
  for (std::size_t i = 0; i < robot.healthy.size(); ++i) {
    const RobotDescription::Healthy& one = robot.healthy[i];
    const Place part = part_of(place_of(one.source, *this, model), one.first, one.count,
                               fmt::format("healthy {}", i + 1), robot, one.source);
    healthy.push_back({part.begin, part.count, one.low, one.high, one.closed});
  }
  if (robot.forward_position >= model.nq) {
    throw input_error(robot.origin,
                      fmt::format("rewards position {}, but the model has {}", robot.forward_position, model.nq),
                      "count from 0");
  }
}

std::vector<std::string> observation_names(const RobotDescription& robot, const mjModel& model) {
  const RobotLayout layout(robot, model);
  // Names of the whole state, of which the observation takes parts.
  std::vector<std::string> all(static_cast<std::size_t>(layout.size));
  const auto put = [&all](Index begin, const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) all[static_cast<std::size_t>(begin) + i] = names[i];
  };
  put(RobotLayout::positions, coordinate_names(model, false));
  put(layout.velocities, coordinate_names(model, true));
  if (layout.has_contact_forces) put(layout.contact_forces, contact_force_names(model));
  if (layout.has_sensors) put(layout.sensors, sensor_names(model));
  std::vector<std::string> names;
  for (const RobotLayout::Range& range : layout.observed) {
    names.insert(names.end(), all.begin() + range.begin, all.begin() + range.begin + range.count);
  }
  return names;
}

std::vector<std::string> actuator_names(const mjModel& model) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(model.nu));
  for (int a = 0; a < model.nu; ++a) {
    std::string name = name_of(model, mjOBJ_ACTUATOR, a);
    if (name.empty() && model.actuator_trntype[a] == mjTRN_JOINT) name = joint_name(model, model.actuator_trnid[2 * a]);
    names.push_back(name.empty() ? fmt::format("actuator{}", a) : name);
  }
  return names;
}

std::vector<ControlRange> control_ranges(const RobotDescription& robot, const mjModel& model) {
  const std::vector<std::string> names = actuator_names(model);
  if (names.empty()) {
    throw input_error(robot.origin, "the model has no actuators, so that there is nothing to control",
                      "add an <actuator> section to the model");
  }
  std::vector<ControlRange> ranges;
  for (std::size_t a = 0; a < names.size(); ++a) {
    const ControlRange range{model.actuator_ctrlrange[2 * a], model.actuator_ctrlrange[2 * a + 1]};
    if (model.actuator_ctrllimited[a] == 0 || !(range.low < range.high)) {
      throw input_error(robot.origin, "actuator '" + names[a] + "' of the model has no range",
                        "give it ctrllimited=\"true\" and a ctrlrange in the model");
    }
    const ControlRange& first = ranges.empty() ? range : ranges.front();
    if (!robot.unit_actions && (range.low != first.low || range.high != first.high)) {
      throw input_error(robot.origin,
                        fmt::format("the actuators have different ranges: '{}' [{}, {}], '{}' [{}, {}]", names.front(),
                                    first.low, first.high, names[a], range.low, range.high),
                        "write unit_actions = true: actions then lie in [-1, 1] and are mapped to each range");
    }
    ranges.push_back(range);
  }
  return ranges;
}

}  // namespace mynah
