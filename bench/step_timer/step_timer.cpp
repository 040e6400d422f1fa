// Times whole training steps, or inference at batch 1, and prints one line of JSON. bench/peers/compare runs it in turn
// with PyTorch; it is also a quick look at one network.
//
// A training step is what mynah trains with: rows gathered by the epoch's permutation, forward, mean squared error,
// backward, Adam, all through the plan. Inference goes through Policy::outputs, the public interface.

#include <cstdio>
#include <exception>
#include <vector>

#include "algorithms/policy.h"
#include "bench/timer_program.h"
#include "bench/timing.h"
#include "engine/adam.h"
#include "engine/device.h"
#include "engine/training_plan.h"
#include "kernels/error.h"
#include "kernels/random.h"

namespace {

using namespace mynah;
using bench::measure;

struct Request {
  std::vector<Index> layers;
  Index batch;
  double seconds;
  int threads;
};

PolicyDescription describe(const Request& request) {
  PolicyDescription description;
  description.mlp = {
      request.layers.front(), {request.layers.begin() + 1, request.layers.end() - 1}, request.layers.back()};
  description.normalize_observations = false;
  return description;
}

/// Random observations and actions, four batches of them.
Demonstrations random_demonstrations(const Request& request) {
  Demonstrations data;
  const Index rows = 4 * request.batch;
  data.observation_size = request.layers.front();
  data.action_size = request.layers.back();
  data.observations.resize(static_cast<std::size_t>(rows * data.observation_size));
  data.actions.resize(static_cast<std::size_t>(rows * data.action_size));
  Stream cpu({});
  const auto draw = [&](std::vector<float>& values, std::uint32_t instance) {
    kernels::normal(cpu, random_key(1, RandomStream::test, instance), nullptr, 0.0f, 1.0f,
                    {values.data(), static_cast<Index>(values.size())});
  };
  draw(data.observations, 0);
  draw(data.actions, 1);
  data.episode_ends = {rows};
  return data;
}

std::vector<double> time_training(const Request& request, DeviceId device) {
  Policy policy(device, describe(request), 1);
  policy.stream().use_threads(request.threads, Stream::Binding::bound);
  const Demonstrations data = random_demonstrations(request);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(data.rows()));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int32_t>(i);
  const ResidentData resident(policy.stream(), data, rows);
  Adam adam(policy.stream(), policy.network().parameters, {});
  TrainingPlan plan(policy.stream(), policy.network(), policy.input(), policy.head(), adam, resident, {request.batch});
  Index step = 0;
  return measure(request.seconds, 1, [&] {
    if (step++ % plan.steps_per_epoch() == 0) plan.begin_epoch(policy.stream(), step);
    plan.run_steps(policy.stream());
    if (device.backend == Backend::cuda) policy.stream().synchronize();
  });
}

std::vector<double> time_inference(const Request& request, DeviceId device) {
  Policy policy(device, describe(request), 1);
  std::vector<float> observation(static_cast<std::size_t>(policy.observation_size()), 0.5f);
  std::vector<float> output(static_cast<std::size_t>(policy.output_size()));
  return measure(request.seconds, device.backend == Backend::cpu ? 100 : 1, [&] {
    policy.outputs(observation, output);
    observation[0] = output[0];  // one call after the other
  });
}

}  // namespace

int main(int count, char** arguments) try {
  bench::TimerProgram program("mynah_step_timer", "Times a training step, or the inference of one observation.");
  std::vector<Index> layers{17, 256, 6};
  bool inference = false;
  int threads = 1;
  program.options()
      .add_option("--layers", layers, "sizes of the layers, the input's first")
      ->delimiter(',')
      ->expected(2, CLI::detail::expected_max_vector_size);
  program.options().add_option("--threads", threads, "that share large operations")->capture_default_str();
  program.options().add_flag("--inference", inference, "of one observation, in place of a training step");
  return program.run(count, arguments, [&] {
    const Request request{layers, program.batch, program.seconds, threads};
    const DeviceId device = choose_device(program.device);
    return inference ? time_inference(request, device) : time_training(request, device);
  });
} catch (const std::exception& error) {
  std::fprintf(stderr, "mynah_step_timer: %s\n", error.what());
  return 2;
}
