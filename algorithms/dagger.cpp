#include "algorithms/dagger.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "algorithms/behaviour_cloning_run.h"
#include "algorithms/dagger_rollout.h"
#include "algorithms/policy_actor.h"
#include "algorithms/policy_session.h"
#include "engine/crc32c.h"
#include "engine/split.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// Episodes of rollouts and of evaluations have numbers of their own, so that no start is both, nor one of
/// `mynah evaluate` with the same seed.
constexpr Index rollout_begin = 1'000'000'000;
constexpr Index evaluation_begin = 1'500'000'000;

void require_option(bool holds, const std::string& option, const std::string& value, const std::string& remedy) {
  if (!holds) throw input_error("--" + option + " " + value, "is not possible", remedy);
}

/// Also what training would refuse only when the expert has answered.
const DaggerOptions& validated(const DaggerOptions& options, const TaskDescription& task) {
  options.validate();
  options.cloning.check_data(task.observation_size, task.discrete, task.discrete ? task.action_count : task.action_size,
                             task.name);
  return options;
}

/// Mean over the episodes that came to their end.
std::optional<double> mean_return(const Demonstrations& labelled, Index max_steps) {
  double sum = 0.0;
  Index whole = 0;
  const std::vector<double> returns = labelled.returns();
  for (Index i = 0; i < labelled.episodes(); ++i) {
    const RowRange rows = labelled.episode(i);
    if (labelled.terminals[static_cast<std::size_t>(rows.end - 1)] == 0 && rows.size() < max_steps) continue;
    sum += returns[static_cast<std::size_t>(i)];
    ++whole;
  }
  if (whole == 0) return std::nullopt;
  return sum / static_cast<double>(whole);
}

double mean_squared_difference(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t c = 0; c < a.size(); ++c) {
    const double difference = static_cast<double>(a[c]) - static_cast<double>(b[c]);
    sum += difference * difference / static_cast<double>(a.size());
  }
  return sum;
}

template <class T>
std::uint32_t checksum(const std::vector<T>& values, std::uint32_t sum) {
  return crc32c(std::as_bytes(std::span(values)), sum);
}

/// Tells a state that the data are those it was saved with.
std::string fingerprint(const Demonstrations& data) {
  const std::uint32_t values = checksum(data.labels, checksum(data.actions, checksum(data.observations, 0)));
  return std::to_string(checksum(data.episode_ends, values)) + ":" + std::to_string(data.rows());
}

/// A policy's file as a part of another.
void put(const SafetensorsFile& part, const std::string& prefix, SafetensorsFile& whole) {
  for (const auto& [key, value] : part.metadata) whole.metadata[prefix + key] = value;
  for (NamedTensor tensor : part.tensors) {
    tensor.name.insert(0, prefix);
    whole.tensors.push_back(std::move(tensor));
  }
}

SafetensorsFile take(const SafetensorsFile& whole, const std::string& prefix) {
  SafetensorsFile part;
  part.origin = whole.origin;
  for (const auto& [key, value] : whole.metadata) {
    if (key.starts_with(prefix)) part.metadata[key.substr(prefix.size())] = value;
  }
  for (NamedTensor tensor : whole.tensors) {
    if (!tensor.name.starts_with(prefix)) continue;
    tensor.name.erase(0, prefix.size());
    part.tensors.push_back(std::move(tensor));
  }
  return part;
}

}  // namespace

void DaggerOptions::validate() const {
  cloning.validate();
  if (cloning.memory.actions) {
    throw input_error("--history-actions", "is not possible: DAgger keeps what the expert said, not what was done",
                      "leave it out; --history and --recurrent see the observations of the episode");
  }
  require_option(iterations >= 1, "iterations", std::to_string(iterations), "give at least 1");
  require_option(episodes >= 1 && episodes <= 1'000'000, "episodes", std::to_string(episodes), "give 1 to 1000000");
  require_option(iterations <= (evaluation_begin - rollout_begin) / episodes, "iterations", std::to_string(iterations),
                 "ask for fewer iterations, or fewer --episodes of each");
  require_option(steps >= 0, "steps", std::to_string(steps), "give 0 (whole episodes) or a number of labelled states");
  require_option(queries >= 0, "queries", std::to_string(queries), "give 0 (no limit) or a number of labelled states");
  require_option(beta_decay >= 0 && beta_decay <= 1, "beta-decay", std::to_string(beta_decay), "give 0 to 1");
  require_option(beta_iterations >= 1, "beta-iterations", std::to_string(beta_iterations), "give at least 1");
  require_option(updates >= 0, "updates", std::to_string(updates), "give 0 (--epochs) or a number of optimizer steps");
  require_option(evaluation_episodes >= 0 && evaluation_episodes <= 1'000'000, "evaluation-episodes",
                 std::to_string(evaluation_episodes), "give 0 to 1000000");
  require_option(validation_fraction >= 0 && validation_fraction < 1, "validation-fraction",
                 std::to_string(validation_fraction), "give 0 (none) or a fraction below 1, such as 0.1");
}

double DaggerOptions::beta_of(Index i) const {
  const auto passed = static_cast<double>(i - 1);
  switch (beta) {
    case BetaSchedule::exponential:
      return std::pow(beta_decay, passed);
    case BetaSchedule::linear:
      return std::max(0.0, 1.0 - passed / static_cast<double>(beta_iterations));
    case BetaSchedule::indicator:
      break;
  }
  return i == 1 ? 1.0 : 0.0;
}

Dagger::Dagger(DeviceId device, const Task& task, Expert expert, const DaggerOptions& options)
    : options_(validated(options, task.description())),
      device_(device),
      task_(&task),
      expert_(expert),
      stream_(device) {}

Dagger::~Dagger() = default;

Policy& Dagger::policy() {
  if (options_.keep_best && best_) return *best_;
  if (learner_) return *learner_;
  throw input_error("DAgger", "there is no policy yet", "call fit() before");
}

std::unique_ptr<Policy> Dagger::copy_of(Policy& policy) const {
  return std::make_unique<Policy>(Policy::from_file(policy.to_file(), device_));
}

double Dagger::beta_now() const {
  return learner_ ? options_.beta_of(next_iteration() + (has_initial_ ? 1 : 0)) : 1.0;
}

/// D ← D ∪ labelled
void Dagger::aggregate(const Demonstrations& labelled) {
  labelled.validate();
  if (data_.rows() == 0) {
    data_ = labelled;
    data_.rewards.clear(), data_.next_observations.clear(), data_.timeouts.clear();
    return;
  }
  const auto extend = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  const Index before = data_.rows();
  extend(data_.observations, labelled.observations);
  extend(data_.actions, labelled.actions);
  extend(data_.labels, labelled.labels);
  extend(data_.terminals, labelled.terminals);
  for (const Index end : labelled.episode_ends) data_.episode_ends.push_back(before + end);
  data_.action_count = std::max(data_.action_count, labelled.action_count);
}

/// π_i of the iteration that comes.
MixtureOptions Dagger::mixture_now() const {
  MixtureOptions mixture;
  mixture.beta = beta_now();
  mixture.episodes = options_.episodes;
  mixture.seed = options_.cloning.seed;
  mixture.first_episode = rollout_begin + episodes_;
  mixture.labels = options_.steps;
  if (expert_.by_observation && unfinished_.rows() > 0) mixture.known = &unfinished_;
  if (options_.queries > 0) {
    const Index left = options_.queries - queries_;
    mixture.labels = mixture.labels > 0 ? std::min(mixture.labels, left) : left;
  }
  return mixture;
}

/// {(s, π*(s)) : s visited by π_i}; nothing when the observer wants no more.
std::optional<Demonstrations> Dagger::labelled_states(const Observer& observer) {
  if (next_) return std::exchange(next_, std::nullopt);
  MixtureOptions mixture = mixture_now();
  bool stopped = false;
  mixture.goes_on = [&](const std::function<Demonstrations()>& so_far) {
    stopped = observer.acting && !observer.acting(next_iteration(), so_far);
    return !stopped;
  };
  std::optional<PolicyActor> learner;
  if (learner_) learner.emplace(*learner_, *task_);
  const auto hand_over = [&](Demonstrations& unfinished) {
    if (unfinished.rows() > unfinished_.rows()) unfinished_ = std::move(unfinished);
    if (observer.unfinished && unfinished_.rows() > 0) observer.unfinished(next_iteration(), unfinished_);
  };
  Demonstrations labelled, partial;
  try {
    labelled = roll_out(learner_ ? learner_->stream() : stream_, *task_,
                        {expert_.actor, expert_.stream, learner ? &*learner : nullptr}, mixture, &partial);
  } catch (...) {
    hand_over(partial);
    throw;
  }
  if (stopped) {
    hand_over(labelled);
    return std::nullopt;
  }
  unfinished_ = {};
  if (observer.labelled) observer.labelled(next_iteration(), labelled);
  return labelled;
}

/// Of the learner from the expert's answers: computed from the data, so that a resumed run says the same. A learner
/// with a memory goes through each episode as it did in the rollout.
std::optional<double> Dagger::disagreement(const Demonstrations& labelled) {
  if (!learner_) return std::nullopt;
  double sum = 0.0;
  PolicySession session(*learner_);
  const auto columns = static_cast<std::size_t>(labelled.observation_size);
  std::vector<float> outputs(static_cast<std::size_t>(learner_->output_size()));
  for (Index episode = 0; episode < labelled.episodes(); ++episode) {
    session.begin_episode();
    const RowRange rows = labelled.episode(episode);
    for (auto m = static_cast<std::size_t>(rows.begin); m < static_cast<std::size_t>(rows.end); ++m) {
      const auto observation = std::span(labelled.observations).subspan(m * columns, columns);
      if (labelled.discrete) {
        sum += session.choose(observation) == labelled.labels[m] ? 0.0 : 1.0;
      } else {
        session.outputs(observation, outputs);
        sum +=
            mean_squared_difference(outputs, std::span(labelled.actions).subspan(m * outputs.size(), outputs.size()));
      }
    }
  }
  return sum / static_cast<double>(labelled.rows());
}

/// π̂ ← behaviour cloning on D. Returns false when the observer wants no more.
bool Dagger::train(DaggerReport& report, const Observer& observer) {
  DataSplit split;
  if (options_.validation_fraction > 0) {
    SplitOptions split_options;
    split_options.validation_fraction = options_.validation_fraction;
    split_options.seed = options_.cloning.seed;
    split = split_by_episode(data_, split_options);
  } else {
    split.train.resize(static_cast<std::size_t>(data_.rows()));
    std::iota(split.train.begin(), split.train.end(), 0);
  }
  PolicyDescription names;
  describe_task(*task_, data_, names);
  BehaviourCloning cloning(device_, data_, split.train, split.validation, options_.cloning, std::move(names));
  if (options_.updates > 0) cloning.train_for_steps(options_.updates);
  if (options_.warm_start && learner_) {
    // The normalisation is that of the data now; the weights are those of the earlier one.
    Stream& from = learner_->stream();
    const Vector weights = cloning.policy().network().parameters.trained();
    from.synchronize();
    cloning.policy().network().parameters.changed();
    kernels::copy_on_device(cloning.policy().stream(), weights.data, learner_->network().parameters.trained().data,
                            static_cast<std::size_t>(weights.size) * sizeof(float));
  }
  bool goes_on = true;
  report.training = cloning.fit(
      [&](const EpochReport& epoch) { return goes_on = !observer.epoch || observer.epoch(report.iteration, epoch); });
  if (!goes_on) return false;
  learner_ = copy_of(cloning.policy());
  return true;
}

void Dagger::evaluate(DaggerReport& report) {
  if (options_.evaluation_episodes == 0) return;
  RolloutOptions rollout;
  rollout.episodes = options_.evaluation_episodes;
  rollout.seed = options_.cloning.seed;
  rollout.first_episode = evaluation_begin;
  PolicyActor actor(*learner_, *task_);
  report.evaluation = mynah::evaluate(learner_->stream(), *task_, actor, rollout);
  report.best = !best_evaluation_ || report.evaluation->return_mean > best_evaluation_->return_mean;
  if (!report.best) return;
  best_ = copy_of(*learner_);
  best_evaluation_ = report.evaluation;
  best_iteration_ = report.iteration;
}

/// What follows D. Returns false when the observer wants no more.
bool Dagger::finish_iteration(DaggerReport& report, const Observer& observer) {
  report.queries = queries_;
  report.rows = data_.rows();
  if (!train(report, observer)) return false;
  evaluate(report);
  done_ = report.iteration;
  return !observer.iteration || observer.iteration(report);
}

Dagger::Result Dagger::fit(const Demonstrations* initial, const Observer& observer) {
  Result result;
  bool goes_on = true;
  if (done_ < 0) {
    if (!next_ && initial != nullptr && observer.labelled) observer.labelled(0, *initial);
    if (next_ || initial != nullptr) {
      aggregate(next_ ? *next_ : *initial);
      next_.reset();
      has_initial_ = true;
      DaggerReport report;
      goes_on = finish_iteration(report, observer);
    } else {
      done_ = 0;
    }
  }
  while (goes_on && done_ < options_.iterations && !spent()) {
    DaggerReport report;
    report.iteration = next_iteration();
    report.beta = beta_now();
    const std::optional<Demonstrations> labelled = labelled_states(observer);
    if (!labelled) {
      goes_on = false;
      break;
    }
    aggregate(*labelled);
    queries_ += labelled->rows();
    episodes_ += labelled->episodes();
    report.rollout_return = mean_return(*labelled, task_->description().max_steps);
    report.disagreement = disagreement(*labelled);
    goes_on = finish_iteration(report, observer);
  }
  result.iterations = std::max<Index>(done_, 0);
  result.queries = queries_;
  result.rows = data_.rows();
  const bool best = options_.keep_best && best_;
  result.best_iteration = best ? best_iteration_ : result.iterations;
  if (best) result.evaluation = best_evaluation_;
  result.budget_spent = spent();
  result.interrupted = !goes_on;
  return result;
}

SafetensorsFile Dagger::save() {
  SafetensorsFile state;
  state.metadata["mynah.state"] = "dagger";
  state.metadata["data"] = fingerprint(data_);
  const std::array<std::int64_t, 5> counters{done_, queries_, episodes_, best_iteration_, has_initial_ ? 1 : 0};
  state.add_int64("counters", {5}, counters);
  put(learner_->to_file(), "learner/", state);
  if (best_) {
    put(best_->to_file(), "best/", state);
    const auto episodes = static_cast<Index>(best_evaluation_->returns.size());
    state.add_doubles("best_returns", {episodes}, best_evaluation_->returns);
    state.add_int64("best_lengths", {episodes}, best_evaluation_->lengths);
  }
  return state;
}

void Dagger::load(const SafetensorsFile* state, std::vector<Demonstrations> labelled, Demonstrations unfinished) {
  const TaskDescription& d = task_->description();
  const bool fits = unfinished.observation_size == d.observation_size && unfinished.discrete == d.discrete &&
                    (d.discrete || unfinished.action_size == d.action_size);
  if (fits) unfinished_ = std::move(unfinished);
  const bool had_initial = labelled.front().rows() > 0;
  if (state != nullptr) {
    load_counters(*state);
  } else if (!had_initial) {
    done_ = labelled.size() > 1 ? 0 : -1;
  }
  const auto known = static_cast<std::size_t>(done_ + 1);
  if (labelled.size() > known && labelled[known].rows() > 0) next_ = std::move(labelled[known]);
  for (std::size_t i = 0; i < std::min(known, labelled.size()); ++i) {
    if (labelled[i].rows() > 0) aggregate(labelled[i]);
  }
  if (state != nullptr && state->metadata_at("data") != fingerprint(data_)) {
    throw input_error(state->origin, "the data beside it are not those it was saved with",
                      "take another copy of the run, or train again");
  }
}

void Dagger::load_counters(const SafetensorsFile& state) {
  const auto counters = (state.at("counters", {5}), state.int64s("counters"));
  learner_ = std::make_unique<Policy>(Policy::from_file(take(state, "learner/"), device_));
  done_ = counters[0];
  queries_ = counters[1];
  episodes_ = counters[2];
  best_iteration_ = counters[3];
  has_initial_ = counters[4] != 0;
  if (state.find("best_returns") == nullptr) return;
  best_ = std::make_unique<Policy>(Policy::from_file(take(state, "best/"), device_));
  EpisodeOutcomes outcomes;
  outcomes.returns = state.doubles("best_returns");
  outcomes.lengths = state.int64s("best_lengths");
  best_evaluation_ = summarize(task_->description(), std::move(outcomes), options_.cloning.seed);
}

}  // namespace mynah
