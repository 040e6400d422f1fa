#include "algorithms/sampled_policy_actor.h"

#include <algorithm>
#include <cmath>

#include "algorithms/policy_actor.h"
#include "kernels/error.h"
#include "kernels/memory.h"

namespace mynah {

std::int32_t draw_class(std::span<const float> scores, double u) {
  const auto largest = static_cast<double>(*std::max_element(scores.begin(), scores.end()));
  const auto weight = [&](float score) { return std::exp(static_cast<double>(score) - largest); };
  double all = 0.0;
  for (const float score : scores) all += weight(score);
  double passed = 0.0;
  for (std::size_t c = 0; c + 1 < scores.size(); ++c) {
    passed += weight(scores[c]);
    if (u * all < passed) return static_cast<std::int32_t>(c);
  }
  return static_cast<std::int32_t>(scores.size()) - 1;
}

SampledPolicyActor::SampledPolicyActor(Policy& policy, const Task& task, std::uint64_t seed)
    : policy_(&policy), key_(random_key(seed, RandomStream::policy, 2)) {  // 0: random policy, 1: noise
  const PolicyActor fits(policy, task);
  if (!policy.description().discrete) {
    throw input_error("--sampled", "the policy gives continuous actions, without a distribution to draw from",
                      "leave --sampled out, or disturb what is executed with --noise");
  }
}

void SampledPolicyActor::act(Stream& stream, const ActorInput& input, const ActionBatch& actions) {
  const Index rows = input.observations.rows, classes = policy_->output_size();
  if (scores_.size() != rows * classes) scores_ = Buffer<float>(stream.device(), rows * classes);
  policy_->outputs(input.observations, {scores_.data(), rows, classes});
  const std::vector<float> scores = scores_.download(stream);
  std::vector<std::int32_t> elapsed(static_cast<std::size_t>(rows)), drawn(elapsed.size());
  kernels::copy_to_host(stream, elapsed.data(), input.elapsed.data, elapsed.size() * sizeof(std::int32_t));
  for (std::size_t row = 0; row < elapsed.size(); ++row) {
    const std::uint64_t episode = static_cast<std::uint64_t>(input.first_episode) + row;
    const std::uint64_t step = episode << 32 | static_cast<std::uint32_t>(elapsed[row]);
    const double u = static_cast<double>(philox(key_, step, 0).x) / 4294967296.0;
    drawn[row] = draw_class(
        std::span(scores).subspan(row * static_cast<std::size_t>(classes), static_cast<std::size_t>(classes)), u);
  }
  kernels::copy_to_device(stream, actions.labels.data, drawn.data(), drawn.size() * sizeof(std::int32_t));
}

}  // namespace mynah
