// Measured choices of kernels: that every one of them computes the same products, and who is asked when.

#include "kernels/linear_tuning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "engine/adam.h"
#include "engine/mlp.h"
#include "engine/training_plan.h"
#include "kernels/error.h"
#include "kernels/linear.h"
#include "kernels/linear_loss.h"
#include "kernels/linear_update.h"
#include "kernels/random.h"
#include "tests/operations/parity.h"

namespace mynah::tests {
namespace {

using kernels::LinearKey;
using kernels::Precision;
using kernels::TunedLinear;
using kernels::cuda::LinearChoice;
using kernels::cuda::LinearKernel;
using kernels::cuda::LinearProduct;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::array products{LinearProduct::forward, LinearProduct::input_gradient, LinearProduct::weight_gradient};

/// Leaves no choices behind.
class LinearTuning : public testing::Test {
 protected:
  ~LinearTuning() override { kernels::forget_linear_choices(); }
};

LinearChoice rule(const LinearKey& key) {
  return kernels::cuda::choose_linear(key.product, key.m, key.n, key.k, key.precision);
}

bool same(const LinearChoice& a, const LinearChoice& b) {
  return a.kernel == b.kernel && a.parts == b.parts;
}

TEST_F(LinearTuning, KernelsAreListedInTheirOrder) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kernels::cuda::linear_kernels.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(kernels::cuda::linear_kernels.at(i).kernel), i);
    names.insert(kernels::cuda::linear_kernels.at(i).name);
  }
  EXPECT_EQ(names.size(), kernels::cuda::linear_kernels.size());
}

TEST_F(LinearTuning, WithoutChoicesTheRuleDecides) {
  const DeviceId device{Backend::cpu, 0};
  const Stream stream(device);
  const auto expect_rules = [&] {
    const kernels::LinearChoiceLog log;
    for (const LinearProduct product : products) {
      for (const auto& [m, n, k] : {std::array<Index, 3>{1, 1, 1}, {32, 256, 17}, {33, 65, 1030}, {1400, 1500, 3}}) {
        const LinearKey key{product, Precision::float32, m, n, k, true};
        EXPECT_TRUE(same(kernels::choose_linear(stream, key), rule(key)));
        EXPECT_FALSE(log.entries().back().tuned);
      }
    }
  };
  expect_rules();
  kernels::use_linear_choices(device, {}, "nothing");
  EXPECT_EQ(kernels::linear_choices_origin(device), "nothing");
  expect_rules();
  kernels::use_linear_choices(device, {{{LinearProduct::forward, Precision::float32, 32, 256, 17, true}, {}}}, "one");
  kernels::forget_linear_choices();
  EXPECT_THAT(kernels::linear_choices_origin(device), IsEmpty());
  expect_rules();
}

TEST_F(LinearTuning, AChoiceIsForItsProductAndDeviceAlone) {
  const DeviceId device{Backend::cpu, 0};
  const Stream stream(device);
  const LinearKey key{LinearProduct::input_gradient, Precision::tf32, 300, 200, 128, true};
  const LinearChoice choice{LinearKernel::large, 3};
  ASSERT_FALSE(same(choice, rule(key)));
  std::vector<LinearKey> others(6, key);
  others[0].product = LinearProduct::weight_gradient;
  others[1].precision = Precision::float32;
  others[2].m = 301;
  others[3].n = 201;
  others[4].k = 129;
  others[5].packs = false;
  kernels::use_linear_choices({Backend::cuda, 7}, {{key, choice}}, "another device");
  EXPECT_TRUE(same(kernels::choose_linear(stream, key), rule(key)));
  // Between others, since a table is searched.
  kernels::use_linear_choices(
      device, {{others[2], {LinearKernel::small, 1}}, {key, choice}, {others[1], {LinearKernel::small, 1}}},
      "this one");
  EXPECT_TRUE(same(kernels::choose_linear(stream, key), choice));
  EXPECT_EQ(kernels::linear_choices_origin(device), "this one");
  kernels::use_linear_choices(device, {{key, choice}}, "this one");
  for (const LinearKey& other : others) EXPECT_TRUE(same(kernels::choose_linear(stream, other), rule(other)));
  EXPECT_TRUE(same(kernels::choose_linear(stream, key), choice));
}

TEST_F(LinearTuning, RefusesWhatNoKernelComputes) {
  const LinearKey forward{LinearProduct::forward, Precision::float32, 100, 200, 320, true};
  LinearKey gradient = forward, head = forward, tall = forward, empty = forward;
  gradient.product = LinearProduct::weight_gradient;
  head.n = 6;                  // by the dot kernel
  tall.n = 9, tall.m = 10000;  // a few outputs that the rule takes in tiles
  empty.m = 0;
  ASSERT_EQ(rule(head).kernel, LinearKernel::dot);
  ASSERT_NE(rule(tall).kernel, LinearKernel::dot);
  const std::vector<std::pair<TunedLinear, std::string>> cases = {
      {{forward, {LinearKernel::large, 10}}, ""},
      {{forward, {LinearKernel::dot, 1}}, ""},
      {{head, {LinearKernel::dot, 1}}, ""},
      {{tall, {LinearKernel::medium, 2}}, ""},
      {{forward, {LinearKernel::large, 11}}, "k = 320 may be cut into 1 to 10 parts"},
      {{forward, {LinearKernel::large, 0}}, "1 to 10 parts"},
      {{forward, {LinearKernel::dot, 2}}, "the dot kernel takes k in one part"},
      {{gradient, {LinearKernel::dot, 1}}, "for forward products only"},
      {{head, {LinearKernel::small, 1}}, "has to be by the dot kernel"},
      {{tall, {LinearKernel::dot, 1}}, "cannot be by the dot kernel"},
      {{empty, {LinearKernel::small, 1}}, "1 or more"},
      {{forward, {LinearKernel::pipelined, 1}}, "the pipelined kernel is for tf32 and bfloat16 only"},
      {{forward, {LinearKernel::packed, 1}}, "the packed kernel is for tf32 and bfloat16 only"},
      {{forward, {LinearKernel::warpgroup, 1}}, "the warpgroup kernel is for tf32 and bfloat16 only"},
  };
  for (const auto& [one, reason] : cases) {
    SCOPED_TRACE(reason);
    const std::string found = kernels::not_allowed(one.key, one.choice);
    if (reason.empty()) {
      EXPECT_EQ(found, "");
      EXPECT_NO_THROW(kernels::use_linear_choices({}, {one}, "test"));
    } else {
      EXPECT_THAT(found, HasSubstr(reason));
      EXPECT_THROW(kernels::use_linear_choices({}, {one}, "test"), Error);
    }
  }
  const TunedLinear good = cases.front().first;
  EXPECT_THROW(kernels::use_linear_choices({}, {good, good}, "twice"), Error);
}

TEST_F(LinearTuning, CandidatesAreAllowedAndReachEveryKernel) {
  for (const DeviceDescription& device : list_devices()) {
    const Stream stream(device.id);
    std::set<LinearKernel> reached, of_device;
    std::size_t most = 0;
    for (const Precision precision : {Precision::float32, Precision::tf32}) {
      for (const LinearProduct product : products) {
        for (const auto& [m, n, k] :
             {std::array<Index, 3>{32, 6, 256}, {32, 256, 17}, {256, 256, 4096}, {1024, 1024, 1024}}) {
          const LinearKey key{product, precision, m, n, k, true};
          const auto candidates = kernels::linear_candidates(stream, key);
          ASSERT_FALSE(candidates.empty());
          EXPECT_TRUE(same(candidates.front(), kernels::choose_linear(stream, key)));
          std::set<std::pair<LinearKernel, Index>> different;
          for (const LinearChoice& one : candidates) {
            EXPECT_EQ(kernels::not_allowed(key, one), "");
            different.insert({one.kernel, one.parts});
            reached.insert(one.kernel);
          }
          EXPECT_EQ(different.size(), candidates.size());
          most = std::max(most, candidates.size());
        }
      }
    }
    for (const auto& kernel : kernels::cuda::linear_kernels) {
      if (kernels::runs_on(stream, kernel.kernel)) of_device.insert(kernel.kernel);
    }
    EXPECT_EQ(reached, of_device) << device.name;
    EXPECT_LE(most, 48U);
    EXPECT_GE(most, 8U);
  }
}

/// A file may come from a build that had code for warpgroups.
TEST_F(LinearTuning, WhatTheDeviceCannotRunIsByTheRule) {
  const Stream stream(DeviceId{});
  const LinearKey key{LinearProduct::forward, Precision::tf32, 300, 200, 128, true};
  ASSERT_FALSE(kernels::runs_on(stream, LinearKernel::warpgroup));
  kernels::use_linear_choices({}, {{key, {LinearKernel::warpgroup, 1}}}, "another build");
  EXPECT_TRUE(same(kernels::choose_linear(stream, key), rule(key)));
}

TEST_F(LinearTuning, IsSafeToChangeWhileOthersAsk) {
  const DeviceId device{Backend::cpu, 0};
  const LinearKey key{LinearProduct::input_gradient, Precision::float32, 300, 200, 128, true};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0}, asked{0};
  std::thread reader([&] {
    const Stream stream(device);
    while (!done) {
      const LinearChoice found = kernels::choose_linear(stream, key);
      const bool known =
          same(found, rule(key)) || same(found, {LinearKernel::large, 2}) || same(found, {LinearKernel::medium, 4});
      wrong += known ? 0 : 1;
      ++asked;
    }
  });
  for (int i = 0; i < 200 || asked == 0; ++i) {
    kernels::use_linear_choices(device, {{key, {LinearKernel::large, 2}}}, "a");
    kernels::use_linear_choices(device, {{key, {LinearKernel::medium, 4}}}, "b");
    kernels::forget_linear_choices();
  }
  done = true;
  reader.join();
  EXPECT_EQ(wrong, 0);
}

/// A layer's three products, each computed by a choice that is forced on it.
class ForcedChoice : public CudaParity {
 protected:
  void SetUp() override {
    CudaParity::SetUp();
    for (const DeviceDescription& one : list_devices()) {
      if (one.id.backend == Backend::cuda) device_ = one.id;
    }
  }
  void TearDown() override { kernels::forget_linear_choices(); }

  bool runs(LinearKernel kernel) const { return kernels::runs_on(Stream(device_), kernel); }

  /// Every kernel with several numbers of parts, wherever it may compute `key`; key.packs is what it should be.
  template <class Call>
  void for_every_choice(LinearKey key, const Call& call) {
    for (const auto& kernel : kernels::cuda::linear_kernels) {
      for (const Index parts : {1, 2, 3, 7}) {
        const LinearChoice choice{kernel.kernel, parts};
        if (!runs(kernel.kernel) || !kernels::not_allowed(key, choice).empty()) continue;
        SCOPED_TRACE(std::string(kernel.name) + " in " + std::to_string(parts) + " parts");
        LinearKey packed = key, plain = key;
        packed.packs = true;
        plain.packs = false;
        kernels::use_linear_choices(device_, {{packed, choice}, {plain, choice}}, "forced");
        const kernels::LinearChoiceLog log;
        call();
        std::size_t forced = 0;
        for (const auto& entry : log.entries()) {
          if (entry.key.product != key.product) continue;
          EXPECT_TRUE(entry.tuned && same(entry.choice, choice));
          EXPECT_EQ(entry.key.packs, key.packs);
          ++forced;
        }
        EXPECT_GE(forced, 1U) << "the product was computed by another way";
        ++computed_[kernel.kernel];
      }
    }
  }
  void expect_every_kernel(bool with_dot, bool in_reduced_precision = true) {
    for (const auto& kernel : kernels::cuda::linear_kernels) {
      if (!runs(kernel.kernel) || (kernel.kernel == LinearKernel::dot && !with_dot)) continue;
      if (kernel.kernel >= LinearKernel::pipelined && !in_reduced_precision) continue;
      EXPECT_GE(computed_[kernel.kernel], 1) << kernel.name;
    }
  }

  DeviceId device_;
  std::map<LinearKernel, int> computed_;
};

constexpr std::array<Layout, 3> forced_layouts{{{0, 0}, {4, 0}, {1, 1}}};

/// Rows of operands are multiples of four long below, and their summed edges enough for seven parts.
bool packs_in(const Layout& layout) {
  return layout.offset == 0;
}

TEST_F(ForcedChoice, ComputesTheForwardProduct) {
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16}) {
    for (const Layout layout : forced_layouts) {
      const Index rows = 35, inputs = 232, outputs = 67;
      for_every_choice({LinearProduct::forward, precision, rows, outputs, inputs, packs_in(layout)}, [&] {
        Parity run;
        const auto x = run.input(rows, inputs, layout);
        const auto w = run.input(outputs, inputs, layout);
        const auto b = run.input(1, outputs, layout);
        const auto y = run.output(rows, outputs, layout);
        const auto z = run.output(rows, outputs, layout);
        run.expect_same([=](const Place& at) {
          kernels::linear_forward(at.stream, at.matrix(x), at.matrix(w), at.vector(b), kernels::Activation::tanh,
                                  at.matrix(y), at.matrix(z), {precision});
        });
      });
      if (precision != Precision::float32) break;
    }
  }
  expect_every_kernel(true);
}

TEST_F(ForcedChoice, ComputesTheGradientOfTheInput) {
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16}) {
    for (const Layout layout : forced_layouts) {
      const Index rows = 37, inputs = 68, outputs = 232;
      for_every_choice({LinearProduct::input_gradient, precision, rows, inputs, outputs, packs_in(layout)}, [&] {
        Parity run;
        const auto x = run.input(rows, inputs, layout);
        const auto w = run.input(outputs, inputs, layout);
        const auto dz = run.input(rows, outputs, layout);
        const auto dx = run.output(rows, inputs, layout);
        run.expect_same([=](const Place& at) {
          kernels::linear_backward(at.stream, at.matrix(x), at.matrix(w), at.matrix(dz), at.matrix(dx), {}, {},
                                   {kernels::Activation::tanh, at.matrix(x)}, {precision});
        });
      });
      if (precision != Precision::float32) break;
    }
  }
  expect_every_kernel(false);
}

TEST_F(ForcedChoice, ComputesTheGradientOfTheWeightsWithRowSums) {
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16}) {
    for (const Layout layout : forced_layouts) {
      const Index rows = 231, inputs = 44, outputs = 68;
      for_every_choice({LinearProduct::weight_gradient, precision, outputs, inputs, rows, packs_in(layout)}, [&] {
        Parity run;
        const auto x = run.input(rows, inputs, layout);
        const auto w = run.input(outputs, inputs, layout);
        const auto dz = run.input(rows, outputs, layout);
        const auto dw = run.changed(outputs, inputs, layout);
        const auto db = run.changed(1, outputs, layout);
        run.expect_same([=](const Place& at) {
          kernels::linear_backward(at.stream, at.matrix(x), at.matrix(w), at.matrix(dz), {}, at.matrix(dw),
                                   at.vector(db), {}, {precision});
        });
      });
      if (precision != Precision::float32) break;
    }
  }
  expect_every_kernel(false);
}

TEST_F(ForcedChoice, TakesTheOptimizersStepWithTheGradient) {
  for (const Layout layout : forced_layouts) {
    const Index rows = 231, inputs = 44, outputs = 68;
    for_every_choice(
        {LinearProduct::weight_gradient, Precision::float32, outputs, inputs, rows, packs_in(layout)}, [&] {
          Parity run;
          const auto x = run.input(rows, inputs, layout);
          const auto dz = run.input(rows, outputs, layout);
          const auto w = run.changed(outputs, inputs, layout);
          const auto b = run.changed(1, outputs, layout);
          const auto w_first = run.changed(outputs, inputs, layout);
          const auto b_first = run.changed(1, outputs, layout);
          const auto rate = run.given<float>({0.01f}, 1, 1);
          const auto steps = run.given<Index>({6}, 1, 1);
          run.expect_same([=](const Place& at) {
            Buffer<float> scratch(at.stream.device(), outputs * inputs + outputs);  // where a gradient may be left
            kernels::StepRule rule;
            rule.descends = true;
            rule.sgd.momentum = 0.9;
            rule.learning_rate = at.pointer(rate);
            rule.steps = at.pointer(steps);
            const kernels::LinearStep step{&rule, at.matrix(w_first), {}, at.vector(b_first), {}};
            kernels::linear_backward_and_step(at.stream, at.matrix(x), at.matrix(w), at.vector(b), at.matrix(dz), {},
                                              {scratch.data(), outputs, inputs},
                                              {scratch.data() + outputs * inputs, outputs}, step);
            at.stream.synchronize();
          });
        });
  }
  expect_every_kernel(false, false);
}

/// 5-40-3 with Adam, recorded, in batches of 70.
struct Training {
  static constexpr Index inputs = 5, hidden = 40, outputs = 3, rows = 70;

  Training(DeviceId device, bool fuse)
      : stream(device), network(stream, make_graph()), data(stream, demonstrations(), all_rows()) {
    network.parameters.initialize(stream, 5);
    optimizer = std::make_unique<Adam>(stream, network.parameters, Adam::Options{});
    TrainingPlan::Options options;
    options.batch_size = rows;
    options.path = TrainingPlan::Path::recorded;
    options.fuse = fuse;
    plan = std::make_unique<TrainingPlan>(stream, network, input, output, *optimizer, data, options);
  }
  Graph make_graph() {
    Graph graph;
    input = graph.input(inputs);
    MlpOptions options;
    options.inputs = inputs;
    options.hidden = {hidden};
    options.outputs = outputs;
    options.activation = kernels::Activation::tanh;
    output = add_mlp(graph, input, options);
    return graph;
  }
  static Demonstrations demonstrations() {
    Demonstrations all;
    all.observation_size = inputs;
    all.action_size = outputs;
    all.observations.resize(rows * inputs);
    all.actions.resize(rows * outputs);
    Stream cpu({});
    kernels::normal(cpu, random_key(3, RandomStream::test), nullptr, 0.0f, 1.0f,
                    {all.observations.data(), rows * inputs});
    kernels::normal(cpu, random_key(4, RandomStream::test), nullptr, 0.0f, 1.0f, {all.actions.data(), rows * outputs});
    all.episode_ends = {rows};
    all.source = "toy";
    return all;
  }
  static std::vector<std::int32_t> all_rows() {
    std::vector<std::int32_t> numbers(rows);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int32_t>(i);
    return numbers;
  }
  /// After so many steps.
  std::vector<float> train(Index steps) {
    for (Index epoch = 0; epoch < steps; ++epoch) plan->run_epoch(stream, epoch);
    const Vector trained = network.parameters.trained();
    std::vector<float> result(static_cast<std::size_t>(trained.size));
    kernels::copy_to_host(stream, result.data(), trained.data, result.size() * sizeof(float));
    return result;
  }

  Stream stream;
  Value input, output;
  Network network;
  ResidentData data;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<TrainingPlan> plan;
};

/// Another choice than the rule's for every product of a plan.
std::vector<TunedLinear> other_choices(const TrainingPlan& plan) {
  std::vector<TunedLinear> choices;
  const Stream any(DeviceId{});
  const kernels::LinearChoiceLog log;
  static_cast<void>(plan.count_step());
  for (const auto& entry : log.entries()) {
    const auto candidates = kernels::linear_candidates(any, entry.key);
    const bool known =
        std::any_of(choices.begin(), choices.end(), [&](const TunedLinear& one) { return one.key == entry.key; });
    if (candidates.size() > 1 && !known) choices.push_back({entry.key, candidates.back()});
  }
  return choices;
}

TEST_F(ForcedChoice, TrainsAsThePlainPathAndThePlanSaysSo) {
  const Training by_rule(device_, true);
  EXPECT_THAT(by_rule.plan->describe(), Not(HasSubstr("measured")));
  const std::vector<float> expected = Training(device_, false).train(1);
  const auto choices = other_choices(*by_rule.plan);
  ASSERT_GE(choices.size(), 3U);
  kernels::use_linear_choices(device_, choices, "choices.json");
  for (const bool fuse : {false, true}) {
    Training tuned(device_, fuse);
    const TrainingPlan::StepCost cost = tuned.plan->count_step();
    EXPECT_GE(cost.tuned_products, 3);
    EXPECT_GE(cost.products, cost.tuned_products);
    EXPECT_THAT(tuned.plan->describe(),
                HasSubstr("products of linear layers by kernels measured for them (choices.json)"));
    const std::vector<float> found = tuned.train(1);
    for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-6f) << "weight " << i;
    EXPECT_EQ(Training(device_, fuse).train(3), Training(device_, fuse).train(3)) << "the same choices, the same bits";
  }
  kernels::forget_linear_choices();
  EXPECT_EQ(Training(device_, false).train(1), expected);
}

/// Whether the loss is fused with the last layer, and what y is then, must not hang on what was measured.
TEST_F(ForcedChoice, DoesNotDecideWhetherTheLossIsFused) {
  const Stream stream(device_);
  for (const Index outputs : {1, 6, 9, 32}) {
    for (const Index rows : {1, 32, 300, 10000}) {
      const LinearKey key{LinearProduct::forward, Precision::float32, rows, outputs, 64, true};
      const bool fits = kernels::linear_loss_fits(stream, rows, 64, outputs);
      for (const LinearChoice& one : kernels::linear_candidates(stream, key)) {
        EXPECT_EQ(one.kernel == LinearKernel::dot, fits) << rows << " x " << outputs;
      }
    }
  }
}

}  // namespace
}  // namespace mynah::tests
