#include "algorithms/mirror.h"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

#include "kernels/error.h"

namespace mynah {
namespace {

constexpr const char* grammar =
    "give an entry for each column: the column whose value takes its place, with a minus where the sign changes, such "
    "as 0,-1,3,2";

[[noreturn]] void refuse(const std::string& option, const std::string& problem, const std::string& remedy = grammar) {
  throw input_error(option, problem, remedy);
}

/// Every column stands somewhere, once.
void check_permutation(const SignedPermutation& permutation, const std::string& option) {
  std::vector<Index> place(permutation.sources.size(), -1);
  for (Index i = 0; i < permutation.size(); ++i) {
    const Index source = permutation.sources[static_cast<std::size_t>(i)];
    if (source >= permutation.size()) {
      refuse(option, fmt::format("entry {} names column {}, of {} columns (0 to {})", i, source, permutation.size(),
                                 permutation.size() - 1));
    }
    Index& taken = place[static_cast<std::size_t>(source)];
    if (taken >= 0) refuse(option, fmt::format("entries {} and {} both name column {}", taken, i, source));
    taken = i;
  }
}

/// Mirrored twice it is as it was.
void check_involution(const SignedPermutation& permutation, const std::string& option) {
  for (std::size_t i = 0; i < permutation.sources.size(); ++i) {
    const auto source = static_cast<std::size_t>(permutation.sources[i]);
    if (permutation.sources[source] != static_cast<Index>(i)) {
      refuse(option,
             fmt::format("is not its own inverse: column {} comes from {}, but column {} comes from {}", i, source,
                         source, permutation.sources[source]),
             "a mirror image of a mirror image is the original: columns change places in pairs");
    }
    if (permutation.signs[source] != permutation.signs[i]) {
      refuse(option,
             fmt::format("is not its own inverse: columns {} and {} change places, but only one of them its sign", i,
                         source),
             "give both of them a minus, or neither");
    }
  }
}

/// out = the mirrored rows of values [rows, columns].
void append_mirrored(std::vector<float>& values, const SignedPermutation& permutation) {
  const std::size_t size = values.size(), columns = permutation.sources.size();
  values.reserve(2 * size);
  for (std::size_t row = 0; row < size; row += columns) {
    for (std::size_t c = 0; c < columns; ++c) {
      values.push_back(permutation.signs[c] * values[row + static_cast<std::size_t>(permutation.sources[c])]);
    }
  }
}

template <class T>
void append_same(std::vector<T>& values) {
  const std::size_t size = values.size();
  values.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i) values.push_back(values[i]);
}

}  // namespace

SignedPermutation SignedPermutation::parse(const std::string& text, const std::string& option) {
  SignedPermutation permutation;
  std::istringstream list(text);
  for (std::string entry; std::getline(list, entry, ',');) {
    const std::size_t first = entry.find_first_not_of(' ');
    const std::size_t last = entry.find_last_not_of(' ');
    const std::string word = first == std::string::npos ? "" : entry.substr(first, last - first + 1);
    const bool negative = word.starts_with('-');
    Index source = -1;
    const char* const end = word.data() + word.size();
    const auto parsed = std::from_chars(word.data() + (negative ? 1 : 0), end, source);
    if (parsed.ec != std::errc{} || parsed.ptr != end || source < 0) {
      refuse(option, fmt::format("entry {} is not a column: '{}'", permutation.size(), word));
    }
    permutation.sources.push_back(source);
    permutation.signs.push_back(negative ? -1.0f : 1.0f);
  }
  if (text.empty() || text.back() == ',') refuse(option, "ends without an entry");
  check_permutation(permutation, option);
  check_involution(permutation, option);
  return permutation;
}

Mirror Mirror::parse(const std::string& observations, const std::string& actions) {
  if (observations.empty() && actions.empty()) return {};
  const auto require = [](const std::string& given, const char* option, const char* other) {
    if (given.empty()) {
      throw input_error(option, std::string("is missing beside ") + other,
                        "say how both observations and actions are mirrored");
    }
  };
  require(observations, "--mirror-observations", "--mirror-actions");
  require(actions, "--mirror-actions", "--mirror-observations");
  return {SignedPermutation::parse(observations, "--mirror-observations"),
          SignedPermutation::parse(actions, "--mirror-actions")};
}

void Mirror::check(Index observation_size, bool discrete, Index action_size) const {
  const auto sized = [](const char* option, const SignedPermutation& permutation, Index size, const char* what) {
    if (permutation.size() != size) {
      refuse(option, fmt::format("has {} entries, the data have {} {}", permutation.size(), size, what));
    }
  };
  sized("--mirror-observations", observations, observation_size, "observation columns");
  sized("--mirror-actions", actions, action_size, discrete ? "classes of actions" : "action columns");
  for (std::size_t c = 0; discrete && c < actions.signs.size(); ++c) {
    if (actions.signs[c] < 0.0f) {
      refuse("--mirror-actions", fmt::format("entry {} has a minus, but actions are classes", c),
             "name the class that takes its place, without a sign");
    }
  }
}

Demonstrations with_mirror_images(const Demonstrations& demonstrations, const Mirror& mirror, Index action_size) {
  mirror.check(demonstrations.observation_size, demonstrations.discrete, action_size);
  Demonstrations both = demonstrations;
  append_mirrored(both.observations, mirror.observations);
  append_mirrored(both.next_observations, mirror.observations);
  if (demonstrations.discrete) {
    both.labels.reserve(2 * demonstrations.labels.size());
    // The permutation is its own inverse: what takes a class's place is also the class whose place it takes.
    for (const std::int32_t label : demonstrations.labels) {
      both.labels.push_back(static_cast<std::int32_t>(mirror.actions.sources[static_cast<std::size_t>(label)]));
    }
    both.action_count = action_size;
  } else {
    append_mirrored(both.actions, mirror.actions);
  }
  append_same(both.rewards);
  append_same(both.terminals);
  append_same(both.timeouts);
  const Index rows = demonstrations.rows();
  both.episode_ends.reserve(2 * demonstrations.episode_ends.size());
  for (const Index end : demonstrations.episode_ends) both.episode_ends.push_back(rows + end);
  return both;
}

}  // namespace mynah
