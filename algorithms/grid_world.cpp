#include "algorithms/grid_world.h"

#include <algorithm>
#include <sstream>

#include "algorithms/value_iteration.h"
#include "engine/file_bytes.h"
#include "kernels/dynamics/random_words.h"
#include "kernels/error.h"

namespace mynah {
namespace {

constexpr Index directions = dynamics::GridWorld::action_count;
constexpr Index most_states_of_tables = 10'000;

struct Line {
  std::size_t number;  // counted from 1
  std::string cells;
};

std::vector<Line> lines_of(const std::string& text) {
  std::vector<Line> lines;
  std::istringstream stream(text);
  std::size_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) lines.push_back({number, line});
  }
  return lines;
}

void check(const GridWorld::Options& options) {
  if (!(options.slip >= 0.0 && options.slip <= 1.0)) {
    throw input_error("slip of a grid world", "it is " + std::to_string(options.slip), "choose a probability, 0 to 1");
  }
  if (!(options.discount >= 0.0 && options.discount < 1.0)) {
    throw input_error("discount of a grid world", "it is " + std::to_string(options.discount),
                      "choose 0 or more, below 1");
  }
}

/// What a character of a map says.
struct Mark {
  dynamics::GridWorld::Kind kind;
  double reward;
};

Mark mark_of(char c, double step_reward, const std::string& where) {
  using Kind = dynamics::GridWorld::Kind;
  if (c >= '0' && c <= '9') return {Kind::open, 0.1 * (c - '0')};
  switch (c) {
    case '.':
      return {Kind::open, step_reward};
    case '#':
      return {Kind::wall, step_reward};
    case 'S':
      return {Kind::start, step_reward};
    case 'G':
      return {Kind::end, 1.0};
    case 'X':
      return {Kind::end, -1.0};
    default:
      throw input_error(where, std::string("'") + c + "' is no kind of cell",
                        "use . (open), # (wall), S (start), G (goal), X (pit) and 0 ... 9 (rewards)");
  }
}

}  // namespace

GridWorld::GridWorld(Index rows, Index columns, const Options& options)
    : rows_(rows), columns_(columns), options_(options) {
  check(options);
  if (rows < 1 || columns < 1 || rows > 1000 || columns > 1000) {
    throw input_error("grid world", "it has " + std::to_string(rows) + " x " + std::to_string(columns) + " cells",
                      "choose 1 to 1000 rows and columns");
  }
  const auto cells = static_cast<std::size_t>(rows * columns);
  kinds_.assign(cells, Kind::open);
  rewards_.assign(cells, options.step_reward);
}

void GridWorld::choose_starts(const std::string& where) {
  if (std::find(kinds_.begin(), kinds_.end(), Kind::start) == kinds_.end()) {
    std::replace(kinds_.begin(), kinds_.end(), Kind::open, Kind::start);
  }
  if (std::find(kinds_.begin(), kinds_.end(), Kind::start) == kinds_.end()) {
    throw input_error(where, "no cell can be a start", "mark one with S, leave one open, or make the grid larger");
  }
}

GridWorld GridWorld::parse(const std::string& map, const Options& options, const std::string& where) {
  const std::vector<Line> lines = lines_of(map);
  if (lines.empty()) throw input_error(where, "it is empty", "give a line for each row");
  const std::size_t columns = lines.front().cells.size();
  GridWorld world(static_cast<Index>(lines.size()), static_cast<Index>(columns), options);
  std::size_t at = 0;
  for (const auto& [number, cells] : lines) {
    const std::string place = where + ", line " + std::to_string(number);
    if (cells.size() != columns) {
      throw input_error(place, "it has " + std::to_string(cells.size()) + " cells",
                        "give it as many as the first row, " + std::to_string(columns));
    }
    for (const char c : cells) {
      const Mark mark = mark_of(c, options.step_reward, place);
      world.kinds_[at] = mark.kind;
      world.rewards_[at++] = mark.reward;
    }
  }
  world.choose_starts(where);
  return world;
}

GridWorld GridWorld::load(const std::string& path, const Options& options) {
  return parse(read_file_bytes(path), options, path);
}

GridWorld GridWorld::open(Index rows, Index columns, const Options& options) {
  GridWorld world(rows, columns, options);
  const auto corner = static_cast<std::size_t>(columns - 1);
  world.kinds_[corner] = Kind::end;
  world.rewards_[corner] = 1.0;
  world.choose_starts("grid world");
  return world;
}

GridWorld GridWorld::regions(Index size, Index region, std::uint64_t seed, const Options& options) {
  if (region < 1 || size % region != 0) {
    throw input_error("grid world",
                      "regions of " + std::to_string(region) + " cells do not fill " + std::to_string(size) + " cells",
                      "choose a divisor");
  }
  GridWorld world(size, size, options);
  const Index side = size / region;
  dynamics::RandomWords words(random_key(seed, RandomStream::task, 2), 0);
  for (Index i = 0; i < side * side; ++i) {
    const bool pays = words.between(0.0, 1.0) < 0.1 || i == side - 1;
    const double amount = words.between(0.0, 1.0);
    for (Index cell = 0; cell < region * region; ++cell) {
      const Index row = i / side * region + cell / region, column = i % side * region + cell % region;
      world.rewards_[static_cast<std::size_t>(world.state_at(row, column))] = pays ? amount : 0.0;
    }
  }
  world.choose_starts("grid world");
  return world;
}

Index GridWorld::neighbour(Index state, Index direction) const {
  const Index row = state / columns_ + (direction == 0 ? -1 : direction == 2 ? 1 : 0);
  const Index column = state % columns_ + (direction == 1 ? 1 : direction == 3 ? -1 : 0);
  if (row < 0 || row >= rows_ || column < 0 || column >= columns_) return state;
  const Index there = state_at(row, column);
  return kinds_[static_cast<std::size_t>(there)] == Kind::wall ? state : there;
}

TabularMdp GridWorld::tables() const {
  TabularMdp mdp;
  mdp.states = rows_ * columns_;
  if (mdp.states > most_states_of_tables) {
    throw input_error("grid world", "it has " + std::to_string(mdp.states) + " cells",
                      "choose at most " + std::to_string(most_states_of_tables) + " for tables");
  }
  mdp.actions = directions;
  mdp.discount = options_.discount;
  mdp.rewards = rewards_;
  mdp.transitions.assign(static_cast<std::size_t>(mdp.states * directions * mdp.states), 0.0);
  const auto starts = static_cast<double>(std::count(kinds_.begin(), kinds_.end(), Kind::start));
  for (Index s = 0; s < mdp.states; ++s) {
    const Kind kind = kinds_[static_cast<std::size_t>(s)];
    mdp.ends.push_back(kind == Kind::end ? 1 : 0);
    mdp.starts.push_back(kind == Kind::start ? 1.0 / starts : 0.0);
    const bool stays = kind == Kind::end || kind == Kind::wall;
    for (Index action = 0; action < directions; ++action) {
      double* row = mdp.transitions.data() + (s * directions + action) * mdp.states;
      for (Index d = 0; d < directions; ++d) {
        row[stays ? s : neighbour(s, d)] += options_.slip / 4.0 + (d == action ? 1.0 - options_.slip : 0.0);
      }
    }
  }
  return mdp;
}

dynamics::GridWorld GridWorld::dynamics() const {
  using Dynamics = dynamics::GridWorld;
  if (rows_ * columns_ > Dynamics::max_cells) {
    throw input_error("grid world", "it has " + std::to_string(rows_ * columns_) + " cells",
                      "choose at most " + std::to_string(Dynamics::max_cells) + " for a task");
  }
  Dynamics rules;
  rules.rows = static_cast<std::int32_t>(rows_);
  rules.columns = static_cast<std::int32_t>(columns_);
  rules.starts = static_cast<std::int32_t>(std::count(kinds_.begin(), kinds_.end(), Kind::start));
  rules.slip = static_cast<std::uint32_t>(std::min(options_.slip * 4294967296.0, 4294967295.0));
  std::vector<double> palette = rewards_;
  std::sort(palette.begin(), palette.end());
  palette.erase(std::unique(palette.begin(), palette.end()), palette.end());
  if (palette.size() > static_cast<std::size_t>(Dynamics::max_rewards)) {
    throw input_error("grid world", "it has " + std::to_string(palette.size()) + " different rewards",
                      "choose at most " + std::to_string(Dynamics::max_rewards) + " for a task");
  }
  std::copy(palette.begin(), palette.end(), rules.rewards);
  const ValueIterationResult best = value_iteration(tables());
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    const auto reward = std::lower_bound(palette.begin(), palette.end(), rewards_[i]) - palette.begin();
    rules.cells[i] = Dynamics::cell(kinds_[i], best.policy[i], static_cast<std::int32_t>(reward));
  }
  return rules;
}

}  // namespace mynah
