#include "algorithms/filtered_collection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

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

/// Of one recording after another, the episodes that are good enough, in their order.
class Filter {
 public:
  Filter(double least_return, Index wanted) : least_return_(least_return), wanted_(wanted) {}

  Index missing() const { return wanted_ - kept_.episodes(); }
  /// Episodes that were looked at.
  Index attempts() const { return attempts_; }
  const Demonstrations& kept() const { return kept_; }
  Demonstrations take_kept() { return std::move(kept_); }
  /// The best return of those that were dropped.
  double best_dropped() const { return best_dropped_; }

  /// Looks at episodes until enough are kept. longest: steps; shorter ones without a true end are passed over: they
  /// were cut by a failure.
  void look_at(const Demonstrations& ran, Index longest = 0) {
    const std::vector<double> returns = ran.returns();
    std::vector<Index> chosen;
    for (std::size_t i = 0; i < returns.size() && static_cast<Index>(chosen.size()) < missing(); ++i) {
      const Index begin = i == 0 ? 0 : ran.episode_ends[i - 1], end = ran.episode_ends[i];
      if (end - begin < longest && ran.terminals[static_cast<std::size_t>(end - 1)] == 0) continue;
      ++attempts_;
      if (returns[i] >= least_return_) {
        chosen.push_back(static_cast<Index>(i));
      } else {
        best_dropped_ = std::max(best_dropped_, returns[i]);
      }
    }
    if (!chosen.empty()) append(kept_, ran.select(chosen));
  }

 private:
  double least_return_;
  Index wanted_;
  Demonstrations kept_;
  Index attempts_ = 0;
  double best_dropped_ = -std::numeric_limits<double>::infinity();
};

}  // namespace

FilteredDemonstrations collect_filtered(Stream& stream, const Task& task, Actor& actor, const CollectOptions& options,
                                        const ReturnFilter& filter, Demonstrations* partial) {
  options.validate();
  if (filter.most_attempts < 0) {
    throw input_error("--max-attempts", fmt::format("it is {}", filter.most_attempts), "ask for 1 or more");
  }
  if (std::isnan(filter.least_return)) throw input_error("--min-return", "it is no number", "give one, such as 400");
  const Index most = filter.most_attempts > 0 ? filter.most_attempts : 100 * options.episodes;
  Filter chosen(filter.least_return, options.episodes);
  Demonstrations before_failure;
  try {
    while (chosen.missing() > 0) {
      if (chosen.attempts() == most) {
        throw input_error("--min-return",
                          fmt::format("{} of {} episodes reached {:g}; the best of the others was {:.6g}",
                                      chosen.kept().episodes(), most, filter.least_return, chosen.best_dropped()),
                          fmt::format("ask for less than {} episodes, for a lower return, or allow more --max-attempts",
                                      options.episodes));
      }
      CollectOptions some = options;
      some.first_episode = options.first_episode + chosen.attempts();
      some.episodes = std::min(std::max<Index>(chosen.missing(), 16), most - chosen.attempts());
      chosen.look_at(collect(stream, task, actor, some, &before_failure));
    }
  } catch (const Error&) {
    if (partial != nullptr) {
      if (before_failure.rows() > 0) chosen.look_at(before_failure, task.description().max_steps);
      *partial = chosen.take_kept();
    }
    throw;
  }
  const Index dropped = chosen.attempts() - options.episodes;
  return {chosen.take_kept(), dropped};
}

}  // namespace mynah
