#include <cmath>
#include <cstdio>
#include <vector>

#include "algorithms/behaviour_cloning.h"
#include "engine/demonstrations.h"
#include "engine/split.h"
#include "kernels/error.h"
#include "kernels/philox.h"

namespace {

/// Episodes of random observations, and a linear expert's actions: 2 x0 - x1, x2 + 0.5.
mynah::Demonstrations demonstrations_of_a_linear_expert(mynah::Index episodes, mynah::Index steps) {
  mynah::Demonstrations demonstrations;
  demonstrations.observation_size = 3;
  demonstrations.action_size = 2;
  demonstrations.source = "the linear expert";
  const mynah::RandomKey key{1, 0};
  for (mynah::Index row = 0; row < episodes * steps; ++row) {
    const mynah::PhiloxBlock words = mynah::philox(key, 0, static_cast<std::uint32_t>(row));
    const float x0 = mynah::unit_uniform(words.x), x1 = mynah::unit_uniform(words.y), x2 = mynah::unit_uniform(words.z);
    demonstrations.observations.insert(demonstrations.observations.end(), {x0, x1, x2});
    demonstrations.actions.insert(demonstrations.actions.end(), {2 * x0 - x1, x2 + 0.5f});
    demonstrations.terminals.push_back((row + 1) % steps == 0);
    if ((row + 1) % steps == 0) demonstrations.episode_ends.push_back(row + 1);
  }
  demonstrations.validate();
  return demonstrations;
}

}  // namespace

/// Trains two epochs, saves the policy in argv[1] and prints its action for an observation of 0.5 in every column.
int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  const mynah::Demonstrations demonstrations = demonstrations_of_a_linear_expert(20, 100);
  const mynah::DataSplit split = mynah::split_by_episode(demonstrations);
  mynah::BehaviourCloningOptions options;
  options.hidden = {32};
  options.epochs = 2;
  mynah::BehaviourCloning cloning({}, demonstrations, split.train, split.validation, options);
  std::vector<double> losses;
  const mynah::BehaviourCloningResult result = cloning.fit([&](const mynah::EpochReport& report) {
    losses.push_back(report.training_loss);
    std::fprintf(stderr, "epoch %lld: training loss %.6f, validation loss %.6f\n", static_cast<long long>(report.epoch),
                 report.training_loss, report.validation->loss);
    return true;
  });
  if (result.epochs != 2 || !(losses[1] < losses[0])) {
    std::fprintf(stderr, "the second epoch's loss is not below the first's\n");
    return 1;
  }
  cloning.policy().save(argv[1]);
  const std::vector<float> observation(3, 0.5f);
  std::vector<float> action(2);
  cloning.policy().act(observation, action);
  for (const float value : action) std::printf("%.9g\n", value);
} catch (const mynah::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
