#include "algorithms/filtered_collection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/error.h"

namespace mynah {
namespace {

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Episodes of the same task, behind those that are there.
void append(Demonstrations& to, Demonstrations from) {
  if (to.episodes() == 0) {
    to = std::move(from);
    return;
  }
  const Index rows = to.rows();
  append(to.observations, from.observations);
  append(to.actions, from.actions);
  append(to.labels, from.labels);
  append(to.rewards, from.rewards);
  append(to.next_observations, from.next_observations);
  append(to.terminals, from.terminals);
  append(to.timeouts, from.timeouts);
  for (const Index end : from.episode_ends) to.episode_ends.push_back(rows + end);
}

[[noreturn]] void throw_not_enough(Index kept, Index attempts, double best, const CollectOptions& options,
                                   const ReturnFilter& filter) {
  throw input_error(
      "--min-return",
      fmt::format("{} of {} episodes reached {:g}; the best of the others was {:.6g}", kept, attempts,
                  filter.least_return, best),
      fmt::format("ask for less than {} episodes, for a lower return, or allow more --max-attempts", options.episodes));
}

/// Appends to `result`, which keeps what is there where actor or task fail.
void collect_into(FilteredDemonstrations& result, Stream& stream, const Task& task, Actor& actor,
                  const CollectOptions& options, const ReturnFilter& filter) {
  const Index most = filter.most_attempts > 0 ? filter.most_attempts : 100 * options.episodes;
  Index attempts = 0;
  double best = -std::numeric_limits<double>::infinity();
  while (result.demonstrations.episodes() < options.episodes) {
    const Index kept = result.demonstrations.episodes(), wanted = options.episodes - kept;
    if (attempts == most) throw_not_enough(kept, attempts, best, options, filter);
    CollectOptions some = options;
    some.first_episode = options.first_episode + attempts;
    some.episodes = std::min(std::max<Index>(wanted, 16), most - attempts);
    const Demonstrations ran = collect(stream, task, actor, some);
    const std::vector<double> returns = ran.returns();
    std::vector<Index> chosen;
    for (std::size_t i = 0; i < returns.size() && static_cast<Index>(chosen.size()) < wanted; ++i) {
      ++attempts;
      if (returns[i] >= filter.least_return) {
        chosen.push_back(static_cast<Index>(i));
      } else {
        best = std::max(best, returns[i]);
      }
    }
    if (!chosen.empty()) append(result.demonstrations, ran.select(chosen));
  }
  result.dropped = attempts - options.episodes;
}

}  // namespace

FilteredDemonstrations collect_filtered(Stream& stream, const Task& task, Actor& actor, const CollectOptions& options,
                                        const ReturnFilter& filter, Demonstrations* partial) {
  options.validate();
  if (filter.most_attempts < 0) {
    throw input_error("--max-attempts", fmt::format("it is {}", filter.most_attempts), "ask for 1 or more");
  }
  if (std::isnan(filter.least_return)) throw input_error("--min-return", "it is no number", "give one, such as 400");
  FilteredDemonstrations result;
  try {
    collect_into(result, stream, task, actor, options, filter);
  } catch (const Error&) {
    if (partial != nullptr) *partial = std::move(result.demonstrations);
    throw;
  }
  return result;
}

}  // namespace mynah
