// A task of one's own, DAgger in it, and what the policy reaches: task [POLICY]. The task itself is 30 lines.

#include <cmath>
#include <cstdio>
#include <memory>

#include "algorithms/dagger.h"
#include "algorithms/evaluation.h"
#include "algorithms/host_actor.h"
#include "algorithms/policy_actor.h"
#include "algorithms/tasks/custom_task.h"
#include "kernels/error.h"

/// A body on a line is to come to rest at 0: x'' = 4 a.
class Docking : public mynah::Environment {
 public:
  void reset(mynah::EpisodeRandom random) override {
    position_ = random.uniform(-1.0, 1.0);
    velocity_ = 0.1 * random.normal();
  }
  mynah::StepOutcome step(const mynah::EpisodeAction& action) override {
    velocity_ += 0.2 * static_cast<double>(action.values[0]);
    position_ += 0.05 * velocity_;
    if (std::abs(position_) < 0.05 && std::abs(velocity_) < 0.2) return {1.0, true};
    return {-0.01, std::abs(position_) > 2.0};
  }
  void observe(std::span<float> observation) const override {
    observation[0] = static_cast<float>(position_);
    observation[1] = static_cast<float>(velocity_);
  }

 private:
  double position_ = 0.0, velocity_ = 0.0;
};

int main(int argc, char** argv) try {
  mynah::TaskDescription description;
  description.name = "Docking-v0";
  description.observation_size = 2;
  description.action_size = 1;
  description.action_low = -1.0f, description.action_high = 1.0f;
  description.max_steps = 200;
  const mynah::CustomTask task(description, [] { return std::make_unique<Docking>(); });

  mynah::FunctionActor expert(task, [](std::span<const float> observation, std::span<float> action) {
    action[0] = -observation[0] - observation[1];
  });
  mynah::DaggerOptions options;
  options.iterations = 3;
  options.cloning.hidden = {32};
  mynah::Dagger dagger({}, task, {&expert, nullptr}, options);
  const mynah::Dagger::Result learned = dagger.fit(nullptr);
  if (argc > 1) dagger.policy().save(argv[1]);

  mynah::PolicyActor actor(dagger.policy(), task);
  const auto result = mynah::evaluate(dagger.policy().stream(), task, actor, mynah::RolloutOptions());
  std::printf("%lld queries, return %.3f\n", static_cast<long long>(learned.queries), result.return_mean);
  return result.return_mean > 0.3 ? 0 : 1;
} catch (const mynah::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
