// Times whole training steps, or inference at batch 1, and prints one line of JSON. bench/peers/compare runs it in turn
// with PyTorch; it is also a quick look at one network.
//
// A training step is what mynah trains with: rows gathered by the epoch's permutation, forward, mean squared error,
// backward, Adam, all through the plan. Inference goes through Policy::outputs, the public interface.

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "algorithms/policy.h"
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
  std::vector<Index> layers = {17, 256, 6};
  Index batch = 32;
  double seconds = 1.0;
  bool inference = false;
  int core = -1;
  std::string device = "cpu";
};

constexpr const char* usage =
    "mynah_step_timer [--layers 17,256,6] [--batch 32] [--seconds 1] [--inference] [--core N] [--device "
    "cpu]\n"
    "Prints {\"median_us\": .., \"best_us\": .., \"rounds\": ..}: microseconds of one training step, or of one\n"
    "inference at batch 1. --core pins the thread.\n";

std::vector<Index> parse_layers(const std::string& text) {
  std::vector<Index> layers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    layers.push_back(std::stoll(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  if (layers.size() < 2) throw std::invalid_argument(text);
  return layers;
}

Request parse(int count, char** arguments) {
  Request request;
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--inference") {
      request.inference = true;
      continue;
    }
    if (name == "--help" || i + 1 >= count) throw std::invalid_argument(name);
    const std::string value = arguments[++i];
    if (name == "--layers")
      request.layers = parse_layers(value);
    else if (name == "--batch")
      request.batch = std::stoll(value);
    else if (name == "--seconds")
      request.seconds = std::stod(value);
    else if (name == "--core")
      request.core = std::stoi(value);
    else if (name == "--device")
      request.device = value;
    else
      throw std::invalid_argument(name);
  }
  return request;
}

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

int main(int count, char** arguments) {
  try {
    const Request request = parse(count, arguments);
    bench::pin(request.core);
    const DeviceId device = choose_device(request.device);
    const auto samples = request.inference ? time_inference(request, device) : time_training(request, device);
    bench::print_line(samples);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "mynah_step_timer: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mynah_step_timer: bad option '%s'\n%s", error.what(), usage);
    return 2;
  }
}
