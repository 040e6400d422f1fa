#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/view.h"

namespace mynah {

/// What a line of a JSON Lines file of demonstrations can tell.
enum class LineField : std::size_t { episode, observation, action, reward, terminal, timeout, next_observation };
inline constexpr std::size_t line_field_count = 7;

/// A number, an array of numbers, or an array of arrays of numbers.
struct LineValue {
  std::string key;             ///< As the line spells it; empty: not there.
  bool plural = false;         ///< Whether the key is one of those that hold a whole episode ("observations").
  int depth = 0;               ///< 0: a number; 1: an array; 2: an array of arrays.
  std::vector<float> numbers;  ///< All of them, in order.
  std::vector<Index> sizes;    ///< Depth 2: how many each inner array has.
  std::string text;            ///< Of the episode: the value as text.

  bool present() const { return !key.empty(); }
  Index count() const { return static_cast<Index>(numbers.size()); }
};

/// One line taken apart.
struct DemonstrationLine {
  std::array<LineValue, line_field_count> values;

  LineValue& operator[](LineField field) { return values[static_cast<std::size_t>(field)]; }
  const LineValue& operator[](LineField field) const { return values[static_cast<std::size_t>(field)]; }
};

/// Parses one line without building a tree of it, so that deep or huge junk costs nothing. `place` is the line's, for
/// the input error on a line that is not a JSON object or holds something else than numbers in one of the fields.
DemonstrationLine parse_demonstration_line(std::string_view line, const std::string& place);

}  // namespace mynah
