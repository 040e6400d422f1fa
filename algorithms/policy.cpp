#include "algorithms/policy.h"

#include <algorithm>
#include <cmath>

#include "algorithms/policy_metadata.h"
#include "algorithms/policy_npz.h"
#include "engine/layers/gru.h"
#include "engine/layers/parameter_columns.h"
#include "engine/layers/standardization.h"
#include "engine/layers/stepwise.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/memory.h"
#include "kernels/policy_action_rows.h"
#include "kernels/random.h"

namespace mynah {
namespace {

constexpr const char* observation_normalization = "observation_normalization";
constexpr const char* action_normalization = "action_normalization";
constexpr const char* log_deviation_name = "log_deviation";
constexpr const char* log_scale_name = "log_scale";
constexpr Index self_test_rows = 4;

/// On the CPU a plan for a few rows takes so many through the layers together, and is used for up to so many: behind
/// them the products of large matrices are as fast, and may use several threads.
constexpr Index rows_at_a_time = 16;
constexpr Index most_plan_rows = 64;

std::string text_of(ConstMatrix matrix) {
  return "[" + std::to_string(matrix.rows) + ", " + std::to_string(matrix.columns) + "]";
}

}  // namespace

Policy::Policy(DeviceId device, PolicyDescription description, std::uint64_t seed)
    : description_(std::move(description)), stream_(device) {
  Graph graph;
  if (description_.memory.recurrent > 0) {
    add_recurrent_network(graph);
  } else {
    input_ = graph.input(input_size());
    add_network(graph, input_);
  }
  network_ = std::make_unique<Network>(stream_, std::move(graph));
  network_->parameters.initialize(stream_, seed);
  if (description_.head.is_distribution()) {
    log_scale_ = Buffer<float>(stream_.device(), output_size());
    log_scale_.upload(stream_, std::vector<float>(static_cast<std::size_t>(output_size()), 0.0f));
  }
  single_output_.resize(static_cast<std::size_t>(decisive_size()));
  if (description_.memory.recurrent > 0) return;
  std::string reason;
  mlp_ = MlpNetwork::find(*network_, input_, decisive_, &reason);
  if (mlp_ && kernels::infers_mlp(stream_, mlp_->shape) == kernels::MlpInference::none) mlp_.reset();
  plan_ = InferencePlan::find(*network_, input_, decisive_, rows_at_a_time, &reason);
}

/// From `input`, observations or what is made of them, to the output.
void Policy::add_network(Graph& graph, Value input) {
  using Direction = Standardization::Direction;
  const PolicyMemory& memory = description_.memory;
  Value value = input;
  if (description_.normalize_observations) {
    value = graph.add(observation_normalization, std::make_shared<Standardization>(Direction::standardize), value);
  }
  if (memory.recurrent > 0) {
    step_.state = graph.input(memory.recurrent);
    value = step_.next_state =
        graph.add("gru", std::make_shared<Gru>(1, memory.recurrent), std::vector<Value>{value, step_.state});
  }
  MlpOptions mlp = description_.mlp;
  mlp.outputs = decisive_size();
  head_ = decisive_ = add_mlp(graph, value, mlp);
  if (description_.normalize_actions) {
    decisive_ = graph.add(action_normalization, std::make_shared<Standardization>(Direction::unstandardize), head_);
  }
  output_ = decisive_;
  if (parameter_size() != decisive_size()) {
    // Deviations that do not depend on the observation stand behind the rest, in their own units in both places.
    const auto columns = std::make_shared<ParameterColumns>(parameter_size() - decisive_size());
    head_ = output_ = graph.add(log_deviation_name, columns, head_);
    if (description_.normalize_actions) output_ = graph.share("log_deviation of actions", head_, {decisive_});
  }
}

/// One step of an episode, and behind it the same layers with the same tensors for a sequence of them.
void Policy::add_recurrent_network(Graph& graph) {
  const PolicyMemory& memory = description_.memory;
  step_.observation = graph.input(seen_size());
  add_network(graph, step_.observation);
  step_.output = output_;
  const Value step_head = head_;
  input_ = output_ = graph.input(memory.sequence_length * seen_size());
  for (Value owner{step_.observation.index + 1}; owner.index <= step_.output.index; ++owner.index) {
    const auto layer = graph.node(owner).layer;
    if (layer == nullptr) continue;  // the state
    std::shared_ptr<const Layer> over_steps = std::make_shared<Stepwise>(memory.sequence_length, layer);
    if (owner == step_.next_state) over_steps = std::make_shared<Gru>(memory.sequence_length, memory.recurrent);
    output_ = graph.share("sequence." + graph.node(owner).name, owner, over_steps, {output_});
    if (owner == step_head) head_ = output_;
  }
  decisive_ = output_;
}

namespace {

/// The values over and over, as often as the tensor has room for.
void set_repeated(Stream& stream, Parameters& parameters, const std::string& name, std::span<const float> values) {
  std::vector<float> all(parameters.get(stream, name).size());
  if (values.empty() || all.size() % values.size() != 0) return parameters.set(stream, name, values);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = values[i % values.size()];
  parameters.set(stream, name, all);
}

}  // namespace

void Policy::set_observation_normalization(std::span<const float> mean, std::span<const float> deviation) {
  set_repeated(stream_, network_->parameters, std::string(observation_normalization) + ".mean", mean);
  set_repeated(stream_, network_->parameters, std::string(observation_normalization) + ".deviation", deviation);
}

void Policy::set_action_normalization(std::span<const float> mean, std::span<const float> deviation) {
  const PolicyHead& head = description_.head;
  const std::vector<float> means(mean.begin(), mean.end()), deviations(deviation.begin(), deviation.end());
  set_repeated(stream_, network_->parameters, std::string(action_normalization) + ".mean",
               head.for_network_columns(means, 0.0f));
  set_repeated(stream_, network_->parameters, std::string(action_normalization) + ".deviation",
               head.for_network_columns(deviations, 1.0f));
}

void Policy::set_action_deviation(std::span<const float> deviation) {
  std::vector<float> logarithms(deviation.begin(), deviation.end());
  for (float& value : logarithms) value = std::log(value);
  log_scale_.upload(stream_, logarithms);
}

kernels::MixtureOptions<float> Policy::mixture() const {
  kernels::MixtureOptions<float> options;
  options.components = description_.head.components();
  options.log_scale = log_scale_.view();
  return options;
}

void Policy::prepare_single() {
  if (plan_ || single_ != nullptr || single_input_.size() > 0) return;
  if (mlp_) {
    single_input_ = Buffer<float>(stream_.device(), input_size());
    single_results_ = Buffer<float>(stream_.device(), decisive_size());
  } else {
    single_ = std::make_unique<Execution>(*network_, std::vector<Value>{decisive_}, Execution::Options{1});
  }
}

void Policy::check_recurrent(const char* call) const {
  if (description_.memory.recurrent == 0) return;
  throw input_error(std::string("Policy::") + call, "this policy " + description_.memory.describe(),
                    "make an EpisodeMemory of it (algorithms/policy_memory.h), which carries its state");
}

void Policy::check_sizes(std::span<const float> observation, std::size_t results, const char* call) const {
  if (description_.memory.remembers()) {
    throw input_error(
        std::string("Policy::") + call,
        "this policy " + description_.memory.describe() + ": it needs to know its episode",
        "make a PolicySession of it (algorithms/policy_session.h), and call its " + std::string(call) + "()");
  }
  if (static_cast<Index>(observation.size()) != observation_size() || static_cast<Index>(results) != output_size()) {
    throw input_error(
        std::string("Policy::") + call,
        "got an observation of " + std::to_string(observation.size()) + " values and room for " +
            std::to_string(results) + " outputs",
        "this policy takes " + std::to_string(observation_size()) + " and gives " + std::to_string(output_size()));
  }
}

/// Leaves the result in single_output_.
void Policy::run_single(std::span<const float> observation) {
  prepare_single();
  if (plan_) {
    plan_->run_current({observation.data(), 1, input_size()}, {single_output_.data(), 1, decisive_size()});
    return;
  }
  const Matrix input = mlp_ ? Matrix{single_input_.data(), 1, input_size()} : single_->value(input_);
  const Matrix output = mlp_ ? Matrix{single_results_.data(), 1, decisive_size()} : single_->value(decisive_);
  kernels::copy_to_device(stream_, input.data, observation.data(), observation.size_bytes());
  if (mlp_) {
    kernels::infer_mlp(stream_, mlp_->shape, mlp_->parameters, mlp_->ends, input, output);
  } else {
    single_->forward(stream_);
  }
  kernels::copy_to_host(stream_, single_output_.data(), output.data, single_output_.size() * sizeof(float));
}

void Policy::outputs(ConstMatrix observations, Matrix results) {
  check_recurrent("outputs");
  if (observations.columns != input_size() || results.columns != chunk_size() || results.rows != observations.rows) {
    throw input_error(
        "Policy::outputs", "got observations " + text_of(observations) + " and results " + text_of(results),
        "this policy takes " + std::to_string(input_size()) + " columns and gives " + std::to_string(chunk_size()));
  }
  if (!description_.head.is_distribution()) return run_batch(observations, decisive_, results);
  const Index size = observations.rows * decisive_size();
  if (batch_results_.size() < size) batch_results_ = Buffer<float>(stream_.device(), size);
  const Matrix decisive(batch_results_.data(), observations.rows, decisive_size());
  run_batch(observations, decisive_, decisive);
  kernels::mixture_mode(stream_, decisive, description_.head.components(), results);
}

void Policy::parameters(ConstMatrix observations, Matrix parameters) {
  check_recurrent("parameters");
  if (observations.columns != input_size() || parameters.columns != parameter_size() ||
      parameters.rows != observations.rows) {
    throw input_error(
        "Policy::parameters", "got observations " + text_of(observations) + " and parameters " + text_of(parameters),
        "this policy takes " + std::to_string(input_size()) + " columns and gives " + std::to_string(parameter_size()));
  }
  run_batch(observations, output_, parameters);
}

/// value: decisive_ or output_, which are mostly one.
void Policy::run_batch(ConstMatrix observations, Value value, Matrix results) {
  if (value == decisive_ && plan_ && observations.rows <= most_plan_rows) {
    return plan_->run_current(observations, results);
  }
  if (value == decisive_ && mlp_) {
    kernels::infer_mlp(stream_, mlp_->shape, mlp_->parameters, mlp_->ends, observations, results);
    return;
  }
  if (observations.rows == 0) return;
  if (batch_ == nullptr || batch_->rows() != observations.rows) {
    std::vector<Value> values{decisive_};
    if (output_ != decisive_) values.push_back(output_);
    batch_ = std::make_unique<Execution>(*network_, std::move(values), Execution::Options{observations.rows});
  }
  kernels::copy(stream_, observations, batch_->value(input_));
  batch_->forward(stream_);
  kernels::copy(stream_, batch_->value(value), results);
}

void Policy::decide(std::span<const float> decisive, std::span<float> result) const {
  const float* from = decisive.data();
  if (description_.head.is_distribution()) {
    from = kernels::mode_of(from, description_.head.components(), output_size());
  }
  std::copy_n(from, result.size(), result.data());
}

void Policy::outputs(std::span<const float> observation, std::span<float> result) {
  check_sizes(observation, result.size(), "outputs");
  run_single(observation);
  decide(single_output_, result);
}

void Policy::check_act(std::span<const float> observation, std::span<const float> action) const {
  check_sizes(observation, action.size(), "act");
  if (description_.discrete) throw input_error("Policy::act", "this policy has discrete actions", "call choose()");
}

void Policy::check_choose(std::span<const float> observation) const {
  check_sizes(observation, static_cast<std::size_t>(output_size()), "choose");
  if (!description_.discrete) throw input_error("Policy::choose", "this policy has continuous actions", "call act()");
}

void Policy::clip(std::span<float> action) const {
  if (description_.action_low.empty()) return;
  for (std::size_t i = 0; i < action.size(); ++i) {
    action[i] = std::clamp(action[i], description_.action_low[i], description_.action_high[i]);
  }
}

void Policy::act(std::span<const float> observation, std::span<float> action) {
  check_act(observation, action);
  run_single(observation);
  decide(single_output_, action);
  clip(action);
}

Index Policy::choose(std::span<const float> observation) {
  check_choose(observation);
  run_single(observation);
  return std::max_element(single_output_.begin(), single_output_.end()) - single_output_.begin();
}

/// What the network gives for observations [self_test_rows, input_size], one by one: not the actions, which may be
/// another component's where two are nearly as likely. A recurrent policy takes them for the steps of an episode.
std::vector<float> Policy::decisive_of(std::span<const float> observations) {
  const auto size = static_cast<std::size_t>(input_size());
  std::vector<float> results;
  results.reserve(static_cast<std::size_t>(self_test_rows * decisive_size()));
  std::optional<EpisodeMemory> episode;
  if (description_.memory.recurrent > 0) episode.emplace(*this, 1);
  Buffer<float> observation(stream_.device(), input_size()), result(stream_.device(), decisive_size());
  Buffer<std::int32_t> elapsed(stream_.device(), 1);
  for (std::size_t row = 0; row < static_cast<std::size_t>(self_test_rows); ++row) {
    const std::span<const float> values = observations.subspan(row * size, size);
    if (episode) {
      observation.upload(stream_, values);
      elapsed.upload(stream_, static_cast<std::int32_t>(row));
      episode->outputs_of_seen({observation.data(), 1, input_size()}, elapsed.view(),
                               {result.data(), 1, decisive_size()});
      kernels::copy_to_host(stream_, single_output_.data(), result.data(), single_output_.size() * sizeof(float));
    } else {
      run_single(values);
    }
    results.insert(results.end(), single_output_.begin(), single_output_.end());
  }
  return results;
}

SafetensorsFile Policy::to_file() {
  SafetensorsFile file;
  write_policy_metadata(description_, file);
  network_->parameters.save(stream_, file);
  // Observations as training saw them: around the mean, as wide as the deviation.
  std::vector<float> observations(static_cast<std::size_t>(self_test_rows * input_size()));
  Stream cpu({});
  kernels::normal(cpu, random_key(0, RandomStream::test), nullptr, 0.0f, 1.0f,
                  {observations.data(), static_cast<Index>(observations.size())});
  if (description_.normalize_observations) {
    const auto mean = network_->parameters.get(stream_, std::string(observation_normalization) + ".mean");
    const auto deviation = network_->parameters.get(stream_, std::string(observation_normalization) + ".deviation");
    for (std::size_t i = 0; i < observations.size(); ++i) {
      observations[i] = observations[i] * deviation[i % mean.size()] + mean[i % mean.size()];
    }
  }
  if (description_.head.is_distribution()) {
    file.add_floats(log_scale_name, {output_size()}, log_scale());
  }
  file.add_floats("self_test.observations", {self_test_rows, input_size()}, observations);
  file.add_floats("self_test.outputs", {self_test_rows, decisive_size()}, decisive_of(observations));
  return file;
}

void Policy::save(const std::filesystem::path& path) {
  save_safetensors(path, to_file());
}

Policy Policy::load(const std::filesystem::path& path, DeviceId device) {
  if (path.extension() == ".npz") return load_npz_policy(path, device);
  return from_file(load_safetensors(path), device);
}

Policy Policy::from_file(const SafetensorsFile& file, DeviceId device) {
  Policy policy(device, read_policy_metadata(file), 0);
  policy.network_->parameters.load(policy.stream_, file);
  if (policy.description_.head.is_distribution()) {
    (void)file.at(log_scale_name, {policy.output_size()});
    policy.log_scale_.upload(policy.stream_, file.floats(log_scale_name));
  }
  const Index outputs = policy.decisive_size();
  (void)file.at("self_test.observations", {self_test_rows, policy.input_size()});
  (void)file.at("self_test.outputs", {self_test_rows, outputs});
  const auto observations = file.floats("self_test.observations");
  const auto expected = file.floats("self_test.outputs");
  float scale = 1.0f;
  for (const float value : expected) scale = std::max(scale, std::fabs(value));
  const auto results = policy.decisive_of(observations);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const float difference = std::fabs(results[i] - expected[i]);
    if (!(difference <= 1e-4f * scale)) {
      const auto columns = static_cast<std::size_t>(outputs);
      throw input_error(file.origin,
                        "self-test failed: output[" + std::to_string(i / columns) + ", " + std::to_string(i % columns) +
                            "] is off by " + std::to_string(difference),
                        "the file was changed after it was written; take it from the training run again");
    }
  }
  return policy;
}

}  // namespace mynah
