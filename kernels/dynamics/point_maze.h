#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/dynamics/clipped.h"
#include "kernels/dynamics/random_words.h"
#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::dynamics {

/// A point mass in a square room, to be pushed to a goal behind a wall whose opening can be moved.
///
/// After the point maze of Fu, Luo and Levine, "Learning robust rewards with adversarial inverse reinforcement
/// learning", ICLR 2018, section 7.1: a reward that was learned with the opening on one side is used with it on the
/// other. The room is [-1, 1] x [-1, 1], the wall lies across its middle, the goal above it. Forces push (at mass 1),
/// friction slows; what runs into a wall slides along it. Metres, seconds, a step is 0.05 s. The observation does not
/// tell where the opening is; the built-in expert knows. Never ends by itself. Gymnasium has no such task.
struct PointMaze {
  static constexpr const char* name = "PointMaze-v0";
  static constexpr const char* observation_names[] = {"x", "y", "velocity_x", "velocity_y"};
  static constexpr const char* action_names[] = {"force_x", "force_y"};
  static constexpr double random_return = -141.63;
  static constexpr double expert_return = -33.62;

  static constexpr Index state_size = 4;  ///< x, y and their velocities.
  static constexpr Index observation_size = 4;
  static constexpr Index action_size = 2;  ///< Shares of the largest force, each clipped to ± 1.
  static constexpr float action_low = -1.0f;
  static constexpr float action_high = 1.0f;
  static constexpr std::int32_t max_steps = 100;

  static constexpr double time_step = 0.05;
  static constexpr double max_force = 4.0;
  static constexpr double friction = 2.0;  // per second, of the velocity
  static constexpr double half_room = 1.0;
  static constexpr double half_wall = 0.05;     // of its thickness
  static constexpr double half_opening = 0.25;  // of its width
  static constexpr double goal_x = 0.0;
  static constexpr double goal_y = 0.7;
  static constexpr double left = -0.75;  // the opening against the room's left side
  static constexpr double right = 0.75;

  /// Where the middle of the opening is, from `left` to `right`.
  double opening = left;
  /// With the opening on either side: the room, the starts and the goal are symmetric.
  constexpr bool has_reference_returns() const { return opening == left || opening == right; }

  using Action = float;

  /// At rest, below the wall: x in (-0.8, 0.8), y in (-0.9, -0.4).
  MYNAH_HOST_DEVICE void reset(RandomWords& words, double* state) const {
    state[0] = words.between(-0.8, 0.8);
    state[1] = words.between(-0.9, -0.4);
    state[2] = 0.0;
    state[3] = 0.0;
  }

  /// reward = -(distance to the goal after the step) - 0.01 |action|²
  MYNAH_HOST_DEVICE StepOutcome step(double* state, const Action* action) const {
    double effort = 0.0;
    for (Index i = 0; i < 2; ++i) {
      const double push = clipped(static_cast<double>(action[i]), 1.0);
      effort += push * push;
      state[2 + i] += time_step * (max_force * push - friction * state[2 + i]);
    }
    double x = time_step * state[2], y = time_step * state[3];
    // A wall takes one direction of the motion away, and in a corner a second one takes the other.
    for (int i = 0; i < 2; ++i) move_to_contact(state, &x, &y);
    const double dx = state[0] - goal_x, dy = state[1] - goal_y;
    return {-sqrt(dx * dx + dy * dy) - 0.01 * effort, false};
  }

  MYNAH_HOST_DEVICE void observe(const double* state, float* observation) const {
    for (Index i = 0; i < 4; ++i) observation[i] = static_cast<float>(state[i]);
  }

  /// The built-in expert: drives to the next of three places (before the opening, behind it, the goal) by proportional
  /// and derivative feedback.
  MYNAH_HOST_DEVICE void expert(const float* observation, Action* action) const {
    const auto x = static_cast<double>(observation[0]), y = static_cast<double>(observation[1]);
    const double beside = fabs(x - opening);
    double to_x = goal_x, to_y = goal_y;
    if (y < half_wall) {
      const bool before = beside < half_opening - 0.08;
      to_x = opening;
      to_y = before ? 0.3 : -0.2;
    }
    action[0] = static_cast<Action>(clipped(8.0 * (to_x - x) - 2.0 * static_cast<double>(observation[2]), 1.0));
    action[1] = static_cast<Action>(clipped(8.0 * (to_y - y) - 2.0 * static_cast<double>(observation[3]), 1.0));
  }

 private:
  /// Moves the point by (x, y) until it meets the first wall: there it loses its velocity towards the wall, and what is
  /// left of (x, y) is what goes along the wall.
  MYNAH_HOST_DEVICE void move_to_contact(double* state, double* x, double* y) const {
    Contact first{1.0, Stopped::nowhere, 0.0};
    meet_room(state[0], *x, Stopped::in_x, &first);
    meet_room(state[1], *y, Stopped::in_y, &first);
    meet_block(state, *x, *y, -half_room - 1.0, opening - half_opening, &first);
    meet_block(state, *x, *y, opening + half_opening, half_room + 1.0, &first);
    state[0] += first.share * *x;
    state[1] += first.share * *y;
    *x *= 1.0 - first.share;
    *y *= 1.0 - first.share;
    if (first.stopped == Stopped::nowhere) return;
    const Index axis = first.stopped == Stopped::in_x ? 0 : 1;
    state[axis] = first.face;
    state[2 + axis] = 0.0;
    (axis == 0 ? *x : *y) = 0.0;
  }

  /// The first wall that a motion meets: after which share of it, which direction the wall stops, and where.
  enum class Stopped { nowhere, in_x, in_y };
  struct Contact {
    double share;
    Stopped stopped;
    double face;
  };

  /// The sides of the room, across one axis.
  MYNAH_HOST_DEVICE static void meet_room(double from, double by, Stopped stopped, Contact* first) {
    const double face = by > 0.0 ? half_room : -half_room;
    const double to = from + by;
    if (!(to > half_room || to < -half_room)) return;
    const double share = (face - from) / by;
    if (share < first->share) *first = {share, stopped, face};
  }

  /// A part of the wall, from x = low to x = high.
  MYNAH_HOST_DEVICE static void meet_block(const double* state, double x, double y, double low, double high,
                                           Contact* first) {
    double enters = 0.0, leaves = 1.0;
    Contact contact{0.0, Stopped::nowhere, 0.0};
    if (!meet_slab(state[0], x, low, high, Stopped::in_x, &enters, &leaves, &contact)) return;
    if (!meet_slab(state[1], y, -half_wall, half_wall, Stopped::in_y, &enters, &leaves, &contact)) return;
    if (contact.stopped != Stopped::nowhere && contact.share < first->share) *first = contact;
  }

  /// When the motion is between two faces across one axis; false if not while it is between those of the other axis. A
  /// point on a face is outside.
  MYNAH_HOST_DEVICE static bool meet_slab(double from, double by, double low, double high, Stopped stopped,
                                          double* enters, double* leaves, Contact* contact) {
    if (by == 0.0) return from > low && from < high;
    const double near = by > 0.0 ? low : high, far = by > 0.0 ? high : low;
    const double in = (near - from) / by, out = (far - from) / by;
    if (in >= *enters) {
      *enters = in;
      *contact = {in, stopped, near};
    }
    *leaves = out < *leaves ? out : *leaves;
    return *enters < *leaves;
  }
};

}  // namespace mynah::dynamics
