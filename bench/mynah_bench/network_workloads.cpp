// Training and inference of perceptrons, one network or many.
//
// A training step is what mynah trains with: rows gathered by the epoch's permutation, forward, loss, backward and
// optimizer, all through the plan. Inference of one observation goes through Policy::outputs, the public interface,
// unless a path is named.

#include <algorithm>
#include <memory>

#include "algorithms/policy.h"
#include "bench/mynah_bench/timed.h"
#include "engine/adam.h"
#include "engine/population_plan.h"
#include "engine/rmsprop.h"
#include "engine/sgd.h"
#include "engine/training_plan.h"
#include "kernels/error.h"
#include "kernels/random.h"

namespace mynah::bench {
namespace {

std::vector<float> random_values(Index count, std::uint32_t instance) {
  std::vector<float> values(static_cast<std::size_t>(count));
  Stream cpu({});
  kernels::normal(cpu, random_key(1, RandomStream::test, instance), nullptr, 0.0f, 1.0f, {values.data(), count});
  return values;
}

MlpOptions mlp_of(const Workload& workload) {
  MlpOptions mlp;
  mlp.inputs = workload.layers.front();
  mlp.hidden = {workload.layers.begin() + 1, workload.layers.end() - 1};
  mlp.outputs = workload.layers.back();
  mlp.activation = parse_activation(workload.activation);
  return mlp;
}

double weights_of(const Workload& workload) {
  double weights = 0.0;
  for (std::size_t i = 1; i < workload.layers.size(); ++i) {
    weights += static_cast<double>(workload.layers[i - 1] * workload.layers[i]);
  }
  return weights;
}

/// Batches of an epoch: on the CPU few, so that the data stay in the cache, but for members that take turns an epoch at
/// a time; on CUDA as many as make the launch of a resident epoch small, up to 64 MB.
Index batches_of(const Workload& workload, DeviceId device) {
  if (device.backend == Backend::cpu) return workload.members > 1 ? 64 : 4;
  const Index bytes = 4 * workload.batch * (workload.layers.front() + workload.layers.back());
  return std::clamp<Index>((Index{64} << 20) / bytes, 4, 64);
}

Demonstrations random_demonstrations(const Workload& workload, Index rows) {
  Demonstrations data;
  data.observation_size = workload.layers.front();
  data.observations = random_values(rows * data.observation_size, 0);
  data.episode_ends = {rows};
  if (takes_labels(workload.loss)) {
    data.discrete = true;
    data.action_count = workload.layers.back();
    for (Index row = 0; row < rows; ++row)
      data.labels.push_back(static_cast<std::int32_t>(row * 7 % data.action_count));
    return data;
  }
  data.action_size = workload.layers.back();
  if (workload.loss == Loss::gaussian_likelihood) {
    if (data.action_size % 2 != 0) {
      throw input_error("--shape", "gaussian_likelihood needs an even number of outputs: means and variances");
    }
    data.action_size /= 2;
  }
  data.actions = random_values(rows * data.action_size, 1);
  const bool zero_or_one = workload.loss == Loss::binary_cross_entropy;
  if (zero_or_one || workload.loss == Loss::hinge || workload.loss == Loss::wasserstein) {
    for (float& action : data.actions) action = action > 0.0f ? 1.0f : zero_or_one ? 0.0f : -1.0f;
  }
  return data;
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, Stream& stream, const Parameters& parameters) {
  if (name == "sgd") return std::make_unique<Sgd>(stream, parameters, Sgd::Options{});
  if (name == "rmsprop") return std::make_unique<RmsProp>(stream, parameters, RmsProp::Options{});
  Adam::Options options;
  if (name == "adamw") {
    options.constants.weight_decay = 0.01;
    options.constants.decoupled = true;
  }
  return std::make_unique<Adam>(stream, parameters, options);
}

struct Member {
  Member(Stream& stream, const Workload& workload, const ResidentData& data, Path path, std::uint64_t seed) {
    Graph graph;
    const Value input = graph.input(workload.layers.front());
    const Value output = add_mlp(graph, input, mlp_of(workload));
    network = std::make_unique<Network>(stream, std::move(graph));
    network->parameters.initialize(stream, seed);
    optimizer = make_optimizer(workload.optimizer, stream, network->parameters);
    TrainingPlan::Options options;
    options.batch_size = workload.batch;
    options.loss = workload.loss;
    options.seed = seed;
    options.precision = workload.precision;
    options.path = path == Path::direct     ? TrainingPlan::Path::direct
                   : path == Path::recorded ? TrainingPlan::Path::recorded
                   : path == Path::resident ? TrainingPlan::Path::resident
                                            : TrainingPlan::Path::automatic;
    plan = std::make_unique<TrainingPlan>(stream, *network, input, output, *optimizer, data, options);
  }
  std::unique_ptr<Network> network;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<TrainingPlan> plan;
};

struct Training {
  Training(const Workload& workload, DeviceId device, Path path) : stream(open_stream(workload, device)) {
    const Demonstrations demonstrations =
        random_demonstrations(workload, batches_of(workload, device) * workload.batch);
    std::vector<std::int32_t> rows(static_cast<std::size_t>(demonstrations.rows()));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int32_t>(i);
    data = ResidentData(stream, demonstrations, rows);
    std::vector<TrainingPlan*> plans;
    for (Index member = 0; member < workload.members; ++member) {
      members.push_back(std::make_unique<Member>(stream, workload, data, path, static_cast<std::uint64_t>(member) + 1));
      plans.push_back(members.back()->plan.get());
    }
    if (workload.members > 1) population = std::make_unique<PopulationPlan>(stream, plans);
  }

  void run_steps(Index count) {
    TrainingPlan& plan = *members.front()->plan;
    while (count > 0) {
      const Index at = step % plan.steps_per_epoch();
      if (at == 0) plan.begin_epoch(stream, step);
      const Index steps = std::min(count, plan.steps_per_epoch() - at);
      plan.run_steps(stream, steps);
      step += steps;
      count -= steps;
    }
    stream.synchronize();
  }
  void run_epochs(Index count) {
    for (; count > 0; --count) population->run_epoch(stream, step++);
  }

  Stream stream;
  ResidentData data;
  std::vector<std::unique_ptr<Member>> members;
  std::unique_ptr<PopulationPlan> population;
  Index step = 0;
};

/// The network's output for a batch, by single operations.
struct Forward {
  Forward(const Workload& workload, DeviceId device) : stream(open_stream(workload, device)) {
    Graph graph;
    const Value input = graph.input(workload.layers.front());
    const Value output = add_mlp(graph, input, mlp_of(workload));
    network = std::make_unique<Network>(stream, std::move(graph));
    network->parameters.initialize(stream, 1);
    Execution::Options options;
    options.rows = workload.batch;
    options.precision = workload.precision;
    execution = std::make_unique<Execution>(*network, std::vector{output}, options);
    const Matrix x = execution->value(input);
    kernels::normal(stream, random_key(1, RandomStream::test, 0), nullptr, 0.0f, 1.0f, {x.data, x.rows * x.stride});
  }
  Stream stream;
  std::unique_ptr<Network> network;
  std::unique_ptr<Execution> execution;
};

/// Of one observation, as a program that acts asks for it: from host memory to host memory.
Timed prepare_policy(const Workload& workload, DeviceId device) {
  PolicyDescription description;
  description.mlp = mlp_of(workload);
  description.normalize_observations = false;
  struct State {
    Policy policy;
    std::vector<float> observation, output;
  };
  const auto state = std::make_shared<State>(
      State{Policy(device, description, 1), std::vector<float>(static_cast<std::size_t>(workload.layers.front()), 0.5f),
            std::vector<float>(static_cast<std::size_t>(workload.layers.back()))});
  if (workload.threads > 1 && device.backend == Backend::cpu) {
    state->policy.stream().use_threads(workload.threads, Stream::Binding::bound);
  }
  Timed timed;
  timed.run = [state](Index count) {
    for (; count > 0; --count) {
      state->policy.outputs(state->observation, state->output);
      state->observation[0] = state->output[0];  // one call after the other
    }
  };
  timed.description = "Policy::outputs";
  timed.work.launches = 1.0;
  return timed;
}

}  // namespace

Timed prepare_training(const Workload& workload, DeviceId device, Path path) {
  const auto state = std::make_shared<Training>(workload, device, path);
  const TrainingPlan& plan = *state->members.front()->plan;
  Timed timed;
  timed.members = workload.members;
  if (state->population) {
    timed.at_once = plan.steps_per_epoch();
    timed.description = state->population->describe();
    timed.run = [state, steps = timed.at_once](Index count) { state->run_epochs(count / steps); };
  } else {
    timed.description = plan.describe();
    timed.run = [state](Index count) { state->run_steps(count); };
  }
  const double weights = weights_of(workload), first = static_cast<double>(workload.layers[0] * workload.layers[1]);
  const auto batch = static_cast<double>(workload.batch), members = static_cast<double>(workload.members);
  // Outputs, weight gradients, and input gradients of all layers but the first.
  timed.work.flops = members * 2.0 * batch * (3.0 * weights - first);
  // The optimizer reads the gradient, and reads and writes weights and moments.
  const double vectors = workload.optimizer == "sgd" ? 3.0 : workload.optimizer == "rmsprop" ? 5.0 : 7.0;
  timed.work.bytes = members * 4.0 * vectors * weights;
  timed.work.launches = plan.resident() != nullptr ? 1.0 / static_cast<double>(plan.steps_per_epoch()) : 1.0;
  if (plan.resident() == nullptr) timed.work.launches *= members;
  return timed;
}

Timed prepare_inference(const Workload& workload, DeviceId device, Path path) {
  refuse_resident(path, "inference");
  Timed timed;
  const bool single = workload.batch == 1 && workload.precision == kernels::Precision::float32;
  if (path == Path::automatic && single) {
    timed = prepare_policy(workload, device);
  } else {
    const auto state = std::make_shared<Forward>(workload, device);
    timed = repeat(state->stream, path, [state] { state->execution->forward(state->stream); });
  }
  const double weights = weights_of(workload);
  const auto batch = static_cast<double>(workload.batch);
  timed.work.flops = 2.0 * batch * weights;
  timed.work.bytes = 4.0 * (weights + batch * static_cast<double>(workload.layers.front() + workload.layers.back()));
  return timed;
}

}  // namespace mynah::bench
