// That the tuner lays out memory as the engine does: what it measures for a network's layers is what a plan asks for.

#include <gtest/gtest.h>

#include "engine/adam.h"
#include "engine/device.h"
#include "engine/mlp.h"
#include "engine/training_plan.h"
#include "tests/operations/registry.h"
#include "tests/operations/tuner.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

using kernels::cuda::LinearProduct;

constexpr Index rows = 20;
/// Ragged, and multiples of four; one layer with a single output, whose weights are a single row.
constexpr std::array<Index, 5> sizes{5, 24, 1, 7, 3};

DeviceId cuda_device() {
  return list_devices().at(1).id;  // there is one: else the check is skipped
}

Demonstrations demonstrations() {
  Demonstrations all;
  all.observation_size = sizes.front();
  all.action_size = sizes.back();
  all.observations.assign(rows * sizes.front(), 0.5f);
  all.actions.assign(rows * sizes.back(), 0.25f);
  all.episode_ends = {rows};
  all.source = "toy";
  return all;
}

/// Every product of the network, in one round of the least there are.
std::vector<TunedProduct> tuned_products() {
  std::vector<TunedProduct> all;
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    for (const LinearProduct product :
         {LinearProduct::forward, LinearProduct::input_gradient, LinearProduct::weight_gradient}) {
      const ProductContest contest = hold_contest(
          cuda_device(), {product, kernels::Precision::float32, rows, sizes.at(i - 1), sizes.at(i)}, {false, 5});
      EXPECT_FALSE(contest.wrong);
      EXPECT_GT(contest.best().microseconds, 0.0);
      EXPECT_GT(contest.rule().microseconds, 0.0);
      EXPECT_LE(contest.best().microseconds, contest.rule().microseconds);
      all.push_back(contest.tuned());
    }
  }
  return all;
}

void expect_choices_to_meet_the_plan() {
  const TemporaryFolder folder;
  update_linear_tuning(folder / "tuning.json", device_name(cuda_device()), tuned_products());

  Stream stream(cuda_device());
  Graph graph;
  const Value input = graph.input(sizes.front());
  MlpOptions shape;
  shape.inputs = sizes.front();
  shape.hidden.assign(sizes.begin() + 1, sizes.end() - 1);
  shape.outputs = sizes.back();
  const Value output = add_mlp(graph, input, shape);
  Network network(stream, graph);
  network.parameters.initialize(stream, 5);
  std::vector<std::int32_t> all_rows(rows);
  for (std::size_t i = 0; i < all_rows.size(); ++i) all_rows[i] = static_cast<std::int32_t>(i);
  const ResidentData data(stream, demonstrations(), all_rows);
  Adam optimizer(stream, network.parameters, Adam::Options{});
  for (const auto path : {TrainingPlan::Path::direct, TrainingPlan::Path::recorded}) {
    TrainingPlan::Options options;
    options.batch_size = rows;
    options.path = path;
    const TrainingPlan plan(stream, network, input, output, optimizer, data, options);
    EXPECT_EQ(plan.count_step().tuned_products, 0);
    use_linear_tuning(folder / "tuning.json");
    const TrainingPlan::StepCost cost = plan.count_step();
    EXPECT_EQ(cost.tuned_products, cost.products);
    EXPECT_GE(cost.products, 10);
    kernels::forget_linear_choices();
  }
}

const Family tuner("linear_tuning", [](Family& family) {
  family.parity("linear_forward", "choices measured for a network meet its plan",
                [](Parity&) { expect_choices_to_meet_the_plan(); });
});

}  // namespace
}  // namespace mynah::tests
