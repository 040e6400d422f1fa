#pragma once

#include <string>
#include <vector>

#include "engine/demonstrations.h"

namespace mynah {

/// A permutation with signs: entry i of what is mirrored is sign(i) times entry source(i). Mirrored twice, everything
/// is as it was.
struct SignedPermutation {
  std::vector<Index> sources;
  std::vector<float> signs;  ///< 1 or -1.

  bool empty() const { return sources.empty(); }
  Index size() const { return static_cast<Index>(sources.size()); }

  /// Reads "0,-1,3,2": an entry for each column, the column that takes its place, with a minus where the sign changes;
  /// "-0" is column 0 with its sign changed. `option` names the text in errors. Errors: input_error for what is no
  /// list of columns, a column that is missing or named twice, and what is not its own inverse.
  static SignedPermutation parse(const std::string& text, const std::string& option);
};

/// The symmetry of a task, as behaviour cloning uses it: a demonstration's mirror image is a demonstration as well.
struct Mirror {
  SignedPermutation observations;
  SignedPermutation actions;  ///< Discrete: of the classes, without signs.

  bool empty() const { return observations.empty(); }

  /// Of --mirror-observations and --mirror-actions; both empty: none. Errors: as SignedPermutation::parse; input_error
  /// where one is given without the other.
  static Mirror parse(const std::string& observations, const std::string& actions);

  /// Refuses a mirror of other sizes: action_size columns, or that many classes.
  void check(Index observation_size, bool discrete, Index action_size) const;
};

/// The demonstrations, and behind them the mirror image of each episode, in the same order. Errors: as Mirror::check.
Demonstrations with_mirror_images(const Demonstrations& demonstrations, const Mirror& mirror, Index action_size);

}  // namespace mynah
