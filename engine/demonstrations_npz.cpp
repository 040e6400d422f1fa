#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "engine/demonstrations_formats.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// Reads the arrays of one file into Demonstrations, whichever of the known spellings it uses.
class NpzDemonstrations {
 public:
  NpzDemonstrations(NpzReader& reader, const LoadOptions& options) : reader_(reader), options_(options) {}

  Demonstrations read() {
    result_.source = reader_.source();
    const bool trajectories = reader_.contains("indices") && reader_.contains("obs") && reader_.contains("acts");
    read_observations();
    read_actions();
    if (const auto rewards = take({"rewards", "rews"})) {
      result_.rewards = npy_to_floats(*rewards, place("rewards"));
    }
    if (trajectories) {
      read_trajectory_ends();
    } else {
      read_ends();
    }
    read_names();
    validate_as_asked(result_, options_);
    return std::move(result_);
  }

 private:
  std::string place(std::string_view name) const { return fmt::format("{}: array '{}'", reader_.source(), name); }

  /// The array under the first of its names that the file has.
  std::optional<NpyArray> take(std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (reader_.contains(name)) return reader_.read(name);
    }
    return std::nullopt;
  }

  NpyArray require(std::initializer_list<const char*> names) {
    if (auto array = take(names)) return *std::move(array);
    throw input_error(reader_.source(),
                      fmt::format("has no array '{}'; it has: {}", *names.begin(), fmt::join(reader_.names(), ", ")),
                      fmt::format("save the array as '{}' with `numpy.savez`", fmt::join(names, "' or '")));
  }

  /// [N, k], or [N] for a single column.
  Index columns_of(const NpyArray& array) const {
    if (array.shape.size() == 1) return 1;
    if (array.shape.size() == 2 && array.shape[1] > 0) return array.shape[1];
    throw input_error(place(array.name), fmt::format("has shape {}; [rows, columns] is due", array.shape_text()),
                      "reshape it to two dimensions before saving, e.g. `x.reshape(len(x), -1)`");
  }

  void read_observations() {
    const NpyArray array = require({"observations", "obs"});
    result_.observation_size = columns_of(array);
    result_.observations = npy_to_floats(array, place(array.name));
    observation_rows_ = array.shape[0];
    if (const auto next = take({"next_observations", "next_obs"})) {
      result_.next_observations = npy_to_floats(*next, place(next->name));
    }
  }

  void read_actions() {
    const NpyArray array = require({"actions", "acts"});
    const Index columns = columns_of(array);
    rows_ = array.shape[0];
    const bool asked = options_.actions == LoadOptions::Actions::discrete;
    const bool integers = array.is_integer() || array.kind == NpyArray::Kind::boolean;
    if (options_.actions == LoadOptions::Actions::continuous || (!integers && !asked)) {
      result_.action_size = columns;
      result_.actions = npy_to_floats(array, place(array.name));
      return;
    }
    if (columns != 1) {
      throw input_error(place(array.name),
                        fmt::format("has {} columns of {} numbers; discrete actions have one", columns, array.dtype()),
                        "save them as float32 if they are continuous, or read them with `--actions continuous`");
    }
    if (!integers) {
      result_.action_size = 1;
      result_.actions = npy_to_floats(array, place(array.name));
      settle_actions(result_, LoadOptions::Actions::discrete,
                     [&](Index row) { return fmt::format("{}, row {}", place(array.name), row); });
    } else {
      read_labels(array);
    }
    if (const auto count = take({"action_count"})) {
      const auto counts = npy_to_integers(*count, place("action_count"));
      if (counts.size() != 1) {
        throw input_error(place("action_count"), fmt::format("has shape {}; one number is due", count->shape_text()),
                          "save the number of actions in it");
      }
      result_.action_count = counts[0];
    }
  }

  void read_labels(const NpyArray& array) {
    result_.discrete = true;
    const std::vector<std::int64_t> labels = npy_to_integers(array, place(array.name));
    result_.labels.resize(labels.size());
    std::int64_t highest = -1;
    for (std::size_t row = 0; row < labels.size(); ++row) {
      if (labels[row] < 0 || labels[row] >= std::numeric_limits<std::int32_t>::max()) {
        throw input_error(
            place(array.name),
            fmt::format("{}[{}] is {}, which is not a class number (0, 1, 2, ...)", array.name, row, labels[row]),
            "number the actions from 0, or read them as continuous with `--actions continuous`");
      }
      result_.labels[row] = static_cast<std::int32_t>(labels[row]);
      highest = std::max(highest, labels[row]);
    }
    result_.action_count = highest + 1;
  }

  void expect_rows(const NpyArray& array) const {
    if (array.size() == rows_) return;
    throw input_error(place(array.name),
                      fmt::format("has shape {}, but there are {} actions", array.shape_text(), rows_),
                      "save arrays that have one row per step");
  }

  void read_ends() {
    if (const auto array = take({"terminals", "terminal", "dones"})) {
      expect_rows(*array);
      result_.terminals = npy_to_flags(*array, place(array->name));
    }
    if (const auto array = take({"timeouts"})) {
      expect_rows(*array);
      result_.timeouts = npy_to_flags(*array, place("timeouts"));
    }
    if (const auto array = take({"episode_ends"})) {
      result_.episode_ends = npy_to_integers(*array, place("episode_ends"));
    } else if (result_.terminals.empty() && result_.timeouts.empty()) {
      throw input_error(
          reader_.source(),
          fmt::format("does not say where episodes end: it has no 'episode_ends', 'terminals', 'dones' or "
                      "'timeouts', but: {}",
                      fmt::join(reader_.names(), ", ")),
          "add an int64 array 'episode_ends' with the exclusive end of each episode");
    } else {
      end_episodes_at_flags();
    }
    if (result_.terminals.empty()) result_.terminals.assign(static_cast<std::size_t>(rows_), 0);
  }

  /// An episode that the end of the recording cut short ends with the last row.
  void end_episodes_at_flags() {
    const auto set = [](const std::vector<std::uint8_t>& flags, Index row) {
      return !flags.empty() && flags[static_cast<std::size_t>(row)] != 0;
    };
    for (Index row = 0; row < rows_; ++row) {
      if (set(result_.terminals, row) || set(result_.timeouts, row) || row + 1 == rows_) {
        result_.episode_ends.push_back(row + 1);
      }
    }
  }

  /// `indices`: where the actions split into trajectories. `terminal`: for each trajectory, whether its end is final.
  /// `obs` has one row more per trajectory than `acts`, the observation after the last action; older files have not.
  void read_trajectory_ends() {
    const NpyArray indices = reader_.read("indices");
    result_.episode_ends = npy_to_integers(indices, place("indices"));
    result_.episode_ends.push_back(rows_);
    const Index episodes = result_.episodes();
    for (Index e = 0, begin = 0; e < episodes; ++e) {
      const Index end = result_.episode_ends[static_cast<std::size_t>(e)];
      if (end <= begin || end > rows_) {
        throw input_error(place("indices"),
                          fmt::format("trajectory {} would take the actions from {} to {} of {}", e, begin, end, rows_),
                          "save the positions at which `numpy.split` cuts 'acts' into trajectories");
      }
      begin = end;
    }
    if (observation_rows_ == rows_ + episodes) take_last_observations_out();
    result_.terminals.assign(static_cast<std::size_t>(rows_), 0);
    if (const auto terminal = take({"terminal"})) {
      const std::vector<std::uint8_t> flags = npy_to_flags(*terminal, place("terminal"));
      if (static_cast<Index>(flags.size()) != episodes) {
        throw input_error(
            place("terminal"),
            fmt::format("has shape {}, but 'indices' makes {} trajectories", terminal->shape_text(), episodes),
            "save one value per trajectory");
      }
      result_.timeouts.assign(static_cast<std::size_t>(rows_), 0);
      for (Index e = 0; e < episodes; ++e) {
        const auto last = static_cast<std::size_t>(result_.episode_ends[static_cast<std::size_t>(e)] - 1);
        (flags[static_cast<std::size_t>(e)] != 0 ? result_.terminals : result_.timeouts)[last] = 1;
      }
    }
  }

  void take_last_observations_out() {
    const std::vector<float> all = std::move(result_.observations);
    result_.observations.clear();
    result_.next_observations.clear();
    for (Index e = 0; e < result_.episodes(); ++e) {
      const RowRange rows = result_.episode(e);
      const auto first = all.begin() + (rows.begin + e) * result_.observation_size;
      const auto last = all.begin() + (rows.end + e) * result_.observation_size;
      result_.observations.insert(result_.observations.end(), first, last);
      result_.next_observations.insert(result_.next_observations.end(), first + result_.observation_size,
                                       last + result_.observation_size);
    }
  }

  void read_names() {
    if (const auto names = take({"observation_names"})) {
      result_.observation_names = npy_to_text(*names, place("observation_names"));
    }
    if (const auto names = take({"action_names"})) {
      result_.action_names = npy_to_text(*names, place("action_names"));
    }
  }

  NpzReader& reader_;
  const LoadOptions& options_;
  Demonstrations result_;
  Index observation_rows_ = 0;
  Index rows_ = 0;  ///< Number of actions.
};

}  // namespace

Demonstrations parse_demonstrations_npz(NpzReader& reader, const LoadOptions& options) {
  return NpzDemonstrations(reader, options).read();
}

Demonstrations parse_demonstrations_npz(std::span<const std::byte> bytes, const std::string& name,
                                        const LoadOptions& options) {
  NpzReader reader(bytes, name, options.max_bytes);
  return parse_demonstrations_npz(reader, options);
}

}  // namespace mynah
