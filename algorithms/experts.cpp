#include "algorithms/experts.h"

#include "kernels/episode_actions.h"

namespace mynah {
namespace {

class RandomPolicy : public Actor {
 public:
  RandomPolicy(const TaskDescription& task, std::uint64_t seed)
      : key_(random_key(seed, RandomStream::policy)),
        discrete_(task.discrete),
        action_count_(static_cast<std::int32_t>(task.action_count)),
        low_(task.action_low),
        high_(task.action_high) {}

  void act(Stream& stream, const ActorInput& input, const ActionBatch& actions) override {
    const kernels::EpisodeNumbers numbers{key_, input.first_episode, input.elapsed};
    if (discrete_) {
      kernels::random_labels(stream, numbers, action_count_, actions.labels);
    } else {
      kernels::random_actions(stream, numbers, low_, high_, actions.values);
    }
  }

 private:
  RandomKey key_;
  bool discrete_;
  std::int32_t action_count_;
  float low_;
  float high_;
};

}  // namespace

std::unique_ptr<Actor> make_expert(const Task& task) {
  if (std::unique_ptr<Actor> expert = task.expert()) return expert;
  throw input_error("task '" + task.description().name + "'", "it has no built-in expert",
                    "let a policy act, a command, or the random policy");
}

std::unique_ptr<Actor> make_random_policy(const Task& task, std::uint64_t seed) {
  return std::make_unique<RandomPolicy>(task.description(), seed);
}

}  // namespace mynah
