#pragma once

#include <cstdint>

#include "kernels/dynamics/random_words.h"
#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::dynamics {

/// A grid of cells, of which one is entered with each step: up, right, down or left, or with probability `slip` in one
/// of these four directions at random (Abbeel and Ng, "Apprenticeship learning via inverse reinforcement learning",
/// ICML 2004, section 5.1). What would leave the grid or enter a wall stays where it is. The reward is that of the cell
/// that the step ends in; some cells end the episode. algorithms/grid_world.h makes such worlds, with their tables.
///
/// Without more, an open grid of 8 x 8, from any cell to the goal in the upper right corner, whose expert goes up
/// first.
struct GridWorld {
  static constexpr const char* name = "GridWorld-v0";
  static constexpr const char* observation_names[] = {"row", "column"};
  static constexpr const char* action_names[] = {"up", "right", "down", "left"};
  static constexpr double random_return = -0.535;
  static constexpr double expert_return = 0.9309;

  static constexpr Index state_size = 2;  ///< Row and column, from 0, the upper left.
  static constexpr Index observation_size = 2;
  static constexpr std::int32_t action_count = 4;
  static constexpr std::int32_t max_steps = 100;
  static constexpr std::int32_t max_cells = 256;
  static constexpr std::int32_t max_rewards = 16;

  /// A cell in a byte: what it is, which direction the built-in expert goes, and the number of its reward.
  enum class Kind : std::uint8_t { open = 0, wall = 1, end = 2, start = 3 };
  static constexpr std::uint8_t cell(Kind kind, std::int32_t best, std::int32_t reward) {
    return static_cast<std::uint8_t>(static_cast<std::int32_t>(kind) | (best << 2) | (reward << 4));
  }

  std::int32_t rows = 8;
  std::int32_t columns = 8;
  std::int32_t starts = 63;        ///< How many cells are of the kind `start`; an episode starts in any of them.
  std::uint32_t slip = 429496730;  ///< Probability, in units of 2⁻³²: 0.1.
  double rewards[max_rewards] = {-0.01, 1.0};
  std::uint8_t cells[max_cells] = {};  ///< [rows, columns]

  using Action = std::int32_t;

  constexpr GridWorld() {
    for (std::int32_t i = 0; i < 64; ++i) cells[i] = cell(Kind::start, i < 8 ? 1 : 0, 0);
    cells[7] = cell(Kind::end, 0, 1);
  }

  MYNAH_HOST_DEVICE static Kind kind_of(std::uint8_t cell) { return static_cast<Kind>(cell & 3); }
  MYNAH_HOST_DEVICE static std::int32_t best_of(std::uint8_t cell) { return (cell >> 2) & 3; }
  MYNAH_HOST_DEVICE static std::int32_t reward_of(std::uint8_t cell) { return cell >> 4; }

  MYNAH_HOST_DEVICE void reset(RandomWords& words, double* state) const {
    std::int32_t left = words.below(starts);
    std::int32_t at = 0;
    while (kind_of(cells[at]) != Kind::start || left-- > 0) ++at;
    place(at, state);
  }

  /// The cell that a step in a direction from a cell that is no wall leads to.
  MYNAH_HOST_DEVICE std::int32_t neighbour(std::int32_t at, std::int32_t direction) const {
    const std::int32_t row = at / columns + (direction == 0 ? -1 : direction == 2 ? 1 : 0);
    const std::int32_t column = at % columns + (direction == 1 ? 1 : direction == 3 ? -1 : 0);
    if (row < 0 || row >= rows || column < 0 || column >= columns) return at;
    const std::int32_t there = row * columns + column;
    return kind_of(cells[there]) == Kind::wall ? at : there;
  }

  MYNAH_HOST_DEVICE StepOutcome step(double* state, const Action* action, RandomWords& words) const {
    const std::int32_t at = static_cast<std::int32_t>(state[0]) * columns + static_cast<std::int32_t>(state[1]);
    const bool slips = words.next() < slip;
    const std::int32_t direction = slips ? words.below(4) : *action & 3;
    const std::int32_t there = neighbour(at, direction);
    place(there, state);
    return {rewards[reward_of(cells[there])], kind_of(cells[there]) == Kind::end};
  }

  MYNAH_HOST_DEVICE void observe(const double* state, float* observation) const {
    observation[0] = static_cast<float>(state[0]);
    observation[1] = static_cast<float>(state[1]);
  }

  /// The built-in expert: the direction that the cell names. Observations beyond the grid count as its border.
  MYNAH_HOST_DEVICE void expert(const float* observation, Action* action) const {
    const std::int32_t row = within(observation[0], rows), column = within(observation[1], columns);
    *action = best_of(cells[row * columns + column]);
  }

 private:
  MYNAH_HOST_DEVICE void place(std::int32_t at, double* state) const {
    const std::int32_t row = at / columns;
    state[0] = static_cast<double>(row);
    state[1] = static_cast<double>(at - row * columns);
  }
  MYNAH_HOST_DEVICE static std::int32_t within(float x, std::int32_t count) {
    const float last = static_cast<float>(count - 1);
    return static_cast<std::int32_t>(x > 0.0f ? (x < last ? x : last) : 0.0f);
  }
};

}  // namespace mynah::dynamics
