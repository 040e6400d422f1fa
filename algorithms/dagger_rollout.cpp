#include "algorithms/dagger_rollout.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "algorithms/host_rows.h"
#include "engine/buffer.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using kernels::EpisodeStatus;

constexpr Index most_side_by_side = 256;

/// What is kept of one episode.
struct EpisodeRecord {
  std::vector<float> observations, actions, rewards;
  std::vector<std::int32_t> labels;
  std::int32_t status = static_cast<std::int32_t>(EpisodeStatus::running);
};

/// Episodes that run side by side: device memory for one step, and what is kept of each.
class Batch {
 public:
  Batch(Stream& stream, const Task& task, const Mixture& mixture, const MixtureOptions& options, Index rows)
      : stream_(&stream),
        task_(&task),
        mixture_(mixture),
        options_(&options),
        rows_(rows),
        states_(stream.device(), rows * task.description().state_size),
        returns_(stream.device(), rows),
        observations_(stream.device(), rows * task.description().observation_size),
        rewards_(stream.device(), rows),
        expert_values_(stream.device(), rows * task.description().action_size),
        learner_values_(stream.device(), rows * task.description().action_size),
        elapsed_(stream.device(), rows),
        status_(stream.device(), rows),
        expert_labels_(stream.device(), task.description().discrete ? rows : 0),
        learner_labels_(stream.device(), task.description().discrete ? rows : 0),
        records_(static_cast<std::size_t>(rows)) {}

  /// Runs until all have ended, or `left` labels have been given; counts them down. so_far: what has been labelled, by
  /// earlier batches too.
  void run(Index first_episode, Index& left, const std::function<Demonstrations()>& so_far) {
    task_->reset(*stream_, options_->seed, first_episode, batch());
    for (Index step = 0; step < task_->description().max_steps; ++step) {
      const std::vector<std::size_t> running = running_rows();
      if (running.empty() || left < static_cast<Index>(running.size())) break;
      if (options_->goes_on && !options_->goes_on(so_far)) {
        left = 0;
        break;
      }
      const Label label = decide(running, first_episode, step);
      execute(label, running, first_episode, step);
      task_->step(*stream_, acting(), batch());
      keep(running, label, first_episode, step);
      left -= static_cast<Index>(running.size());
    }
  }

  const std::vector<EpisodeRecord>& records() const { return records_; }

 private:
  /// The expert's answers of one step on the host, with the observations they are for.
  struct Label {
    std::vector<float> observations, values;
    std::vector<std::int32_t> labels;
  };

  kernels::EpisodeBatch batch() const {
    const TaskDescription& d = task_->description();
    kernels::EpisodeBatch batch;
    batch.states = {states_.data(), rows_, d.state_size};
    batch.observations = {observations_.data(), rows_, d.observation_size};
    batch.rewards = rewards_.view();
    batch.returns = returns_.view();
    batch.elapsed = elapsed_.view();
    batch.status = status_.view();
    return batch;
  }
  ActionBatch expert_actions() const { return batch_of(expert_values_, expert_labels_); }
  /// What is executed stands in the learner's place.
  ActionBatch acting() const { return batch_of(learner_values_, learner_labels_); }
  ActionBatch batch_of(const Buffer<float>& values, const Buffer<std::int32_t>& labels) const {
    if (task_->description().discrete) return {{}, labels.view()};
    return {{values.data(), rows_, task_->description().action_size}, {}};
  }

  std::vector<std::size_t> running_rows() {
    const std::vector<std::int32_t> status = status_.download(*stream_);
    std::vector<std::size_t> running;
    running.reserve(status.size());
    for (std::size_t m = 0; m < status.size(); ++m) {
      records_[m].status = status[m];
      if (status[m] == static_cast<std::int32_t>(EpisodeStatus::running)) running.push_back(m);
    }
    return running;
  }

  /// Expert and learner; the learner's action stays on the device.
  Label decide(const std::vector<std::size_t>& running, Index first_episode, Index step) {
    const ActorInput input{batch().observations, elapsed_.view(), first_episode, status_.view()};
    Label label{observations_.download(*stream_), {}, {}};
    if (!recall(running, first_episode, step, label)) {
      ask(input);
      label.values = expert_values_.download(*stream_);
      label.labels = expert_labels_.download(*stream_);
    }
    check(label, running, first_episode, step);
    if (mixture_.learner != nullptr) mixture_.learner->act(*stream_, input, acting());
    return label;
  }

  void ask(const ActorInput& input) {
    if (mixture_.expert_stream == nullptr || mixture_.expert_stream == stream_) {
      mixture_.expert->act(*stream_, input, expert_actions());
      return;
    }
    stream_->synchronize();
    mixture_.expert->act(*mixture_.expert_stream, input, expert_actions());
    mixture_.expert_stream->synchronize();
  }

  /// Takes the answers from what is known, if that has all of them.
  bool recall(const std::vector<std::size_t>& running, Index first_episode, Index step, Label& label) const {
    if (options_->known == nullptr) return false;
    const Demonstrations& known = *options_->known;
    const auto inputs = static_cast<std::size_t>(task_->description().observation_size);
    const auto columns = static_cast<std::size_t>(task_->description().action_size);
    label.values.resize(static_cast<std::size_t>(rows_) * columns);
    label.labels.resize(expert_labels_.size());
    for (const std::size_t m : running) {
      const Index episode = first_episode - options_->first_episode + static_cast<Index>(m);
      if (episode >= known.episodes() || step >= known.episode(episode).size()) return false;
      const auto row = static_cast<std::size_t>(known.episode(episode).begin + step);
      const float* const before = known.observations.data() + row * inputs;
      if (!std::equal(before, before + inputs, label.observations.data() + m * inputs)) return false;
      std::copy_n(known.actions.data() + row * columns, columns, label.values.data() + m * columns);
      if (!label.labels.empty()) label.labels[m] = known.labels[row];
    }
    return true;
  }

  /// Whose action is executed: a coin for each episode and step.
  bool expert_acts(Index episode, Index step) const {
    if (mixture_.learner == nullptr || options_->beta >= 1.0) return true;
    // Instances 0 and 1 of this stream are those of the random policy and of action noise.
    const RandomKey key = random_key(options_->seed, RandomStream::policy, 2);
    const PhiloxBlock block = philox(key, static_cast<std::uint64_t>(step), static_cast<std::uint32_t>(episode));
    return static_cast<double>(unit_uniform(block.x)) < options_->beta;
  }

  /// Puts the expert's actions in the place of the learner's where the coin says so.
  void execute(const Label& label, const std::vector<std::size_t>& running, Index first_episode, Index step) {
    std::vector<float> values = learner_values_.download(*stream_);
    std::vector<std::int32_t> labels = learner_labels_.download(*stream_);
    const auto columns = static_cast<std::size_t>(task_->description().action_size);
    for (const std::size_t m : running) {
      if (!expert_acts(first_episode + static_cast<Index>(m), step)) continue;
      std::copy_n(label.values.data() + m * columns, columns, values.data() + m * columns);
      if (!labels.empty()) labels[m] = label.labels[m];
    }
    // Ended rows are frozen whatever stands there, but it has to be a number.
    if (mixture_.learner == nullptr) values = label.values, labels = label.labels;
    learner_values_.upload(*stream_, values);
    learner_labels_.upload(*stream_, labels);
  }

  void check(const Label& label, const std::vector<std::size_t>& running, Index first_episode, Index step) const {
    const TaskDescription& d = task_->description();
    const auto columns = static_cast<std::size_t>(d.action_size);
    for (const std::size_t m : running) {
      const std::string place = "expert, " + place_of(m, first_episode, step);
      for (std::size_t c = 0; c < columns; ++c) {
        if (std::isfinite(label.values[m * columns + c])) continue;
        throw input_error(place, "its action value " + std::to_string(c) + " is not finite", "check the expert");
      }
      if (d.discrete && (label.labels[m] < 0 || label.labels[m] >= d.action_count)) {
        throw input_error(place, "its action is class " + std::to_string(label.labels[m]),
                          "the task's are 0 to " + std::to_string(d.action_count - 1));
      }
    }
  }

  std::string place_of(std::size_t row, Index first_episode, Index step) const {
    return "task '" + task_->description().name + "', episode " +
           std::to_string(first_episode + static_cast<Index>(row)) + ", step " + std::to_string(step);
  }

  void keep(const std::vector<std::size_t>& running, const Label& label, Index first_episode, Index step) {
    const TaskDescription& d = task_->description();
    const std::vector<float> rewards = rewards_.download(*stream_);
    const std::vector<std::int32_t> status = status_.download(*stream_);
    const auto append = [](std::vector<float>& to, const std::vector<float>& from, std::size_t row, Index columns) {
      const auto begin = from.begin() + static_cast<std::ptrdiff_t>(row) * columns;
      to.insert(to.end(), begin, begin + columns);
    };
    for (const std::size_t m : running) {
      if (!std::isfinite(rewards[m])) {
        throw input_error(place_of(m, first_episode, step), "the reward is not a number, because an action was not",
                          "give a smaller --learning-rate");
      }
      EpisodeRecord& record = records_[m];
      append(record.observations, label.observations, m, d.observation_size);
      append(record.actions, label.values, m, d.action_size);
      if (d.discrete) record.labels.push_back(label.labels[m]);
      record.rewards.push_back(rewards[m]);
      record.status = status[m];
    }
  }

  Stream* stream_;
  const Task* task_;
  Mixture mixture_;
  const MixtureOptions* options_;
  Index rows_;
  Buffer<double> states_, returns_;
  Buffer<float> observations_, rewards_, expert_values_, learner_values_;
  Buffer<std::int32_t> elapsed_, status_, expert_labels_, learner_labels_;
  std::vector<EpisodeRecord> records_;
};

Demonstrations empty_data(const TaskDescription& d) {
  Demonstrations data;
  data.observation_size = d.observation_size;
  data.action_size = d.action_size;
  data.action_count = d.action_count;
  data.discrete = d.discrete;
  data.observation_names = d.observation_names;
  data.action_names = d.action_names;
  data.source = "states of " + d.name + " with the expert's answers";
  return data;
}

void append(const EpisodeRecord& record, Demonstrations& data) {
  if (record.rewards.empty()) return;
  const auto extend = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  extend(data.observations, record.observations);
  extend(data.actions, record.actions);
  extend(data.labels, record.labels);
  extend(data.rewards, record.rewards);
  const std::size_t end = data.rewards.size();
  data.terminals.resize(end, 0);
  data.timeouts.resize(end, 0);
  const bool terminated = record.status == static_cast<std::int32_t>(EpisodeStatus::terminated) ||
                          record.status == static_cast<std::int32_t>(EpisodeStatus::absorbed);
  (terminated ? data.terminals : data.timeouts)[end - 1] = 1;
  data.episode_ends.push_back(static_cast<Index>(end));
}

}  // namespace

Demonstrations roll_out(Stream& stream, const Task& task, const Mixture& mixture, const MixtureOptions& options,
                        Demonstrations* partial) {
  Demonstrations labelled = empty_data(task.description());
  const bool limited = options.labels > 0;
  Index left = limited ? options.labels : std::numeric_limits<Index>::max();
  Index episodes = 0;
  while (episodes < options.episodes && left > 0) {
    // With a limit one after the other: side by side it would be met by the beginnings of episodes alone.
    const Index rows = limited ? 1 : std::min(most_side_by_side, options.episodes - episodes);
    Batch batch(stream, task, mixture, options, rows);
    const auto so_far = [&] {
      Demonstrations all = labelled;
      for (const EpisodeRecord& record : batch.records()) append(record, all);
      return all;
    };
    try {
      batch.run(options.first_episode + episodes, left, so_far);
    } catch (...) {  // also what a user's own expert throws
      if (partial != nullptr) *partial = so_far();
      throw;
    }
    for (const EpisodeRecord& record : batch.records()) append(record, labelled);
    episodes += rows;
  }
  return labelled;
}

}  // namespace mynah
