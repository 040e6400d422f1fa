#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "algorithms/tabular_mdp.h"
#include "kernels/dynamics/grid_world.h"

namespace mynah {

/// A grid of cells with known tables, by the rules of kernels/dynamics/grid_world.h: for tabular algorithms, and, up to
/// 256 cells with 16 different rewards, as the task GridWorld-v0.
class GridWorld {
 public:
  struct Options {
    double slip = 0.1;           ///< Probability that a step goes in a random direction; 0 to 1.
    double step_reward = -0.01;  ///< Of the cells that are neither goal nor pit.
    double discount = 0.99;      ///< Of the tables, and of the built-in expert; 0 or more, below 1.
  };

  /// A map, a line for each row (empty lines do not count): '.' open, '#' a wall, 'S' a start, 'G' a goal (reward 1,
  /// ends the episode), 'X' a pit
  /// (-1, ends it), '0' ... '9' open with a tenth of that as its reward. Without an 'S', every cell that neither is a
  /// wall nor ends the episode is a start. Errors: input_error for another character, lines of different length, or no
  /// start, naming `where` it stands.
  static GridWorld parse(const std::string& map, const Options& options,
                         const std::string& where = "map of a grid world");
  static GridWorld parse(const std::string& map) { return parse(map, Options{}); }
  /// The map that a file holds. Errors: as parse, naming the file.
  static GridWorld load(const std::string& path, const Options& options);
  /// Open, with the goal in the upper right corner.
  static GridWorld open(Index rows, Index columns, const Options& options);
  /// The world of Abbeel and Ng 2004: size x size open cells in square regions of region x region; nothing ends an
  /// episode. A region's reward is 0, or with probability 0.1, and always for the one in the upper right corner,
  /// uniform in (0, 1).
  static GridWorld regions(Index size, Index region, std::uint64_t seed, const Options& options);

  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  Index state_at(Index row, Index column) const { return row * columns_ + column; }

  /// State s is the cell in row s / columns, column s % columns. A wall is a state that nothing leads to.
  /// Errors: input_error for more than 10,000 states: the transitions are S x 4 x S numbers.
  TabularMdp tables() const;

  /// The task's rules; its expert goes where value iteration says. Errors: input_error where the world is too large, or
  /// has too many different rewards.
  dynamics::GridWorld dynamics() const;

 private:
  using Kind = dynamics::GridWorld::Kind;

  GridWorld(Index rows, Index columns, const Options& options);
  void choose_starts(const std::string& where);
  Index neighbour(Index state, Index direction) const;

  Index rows_, columns_;
  Options options_;
  std::vector<Kind> kinds_;      // [rows, columns]
  std::vector<double> rewards_;  // [rows, columns]
};

}  // namespace mynah
