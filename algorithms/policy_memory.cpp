#include "algorithms/policy_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "algorithms/policy.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// On the CPU a policy takes so many rows as it takes one: to the bit.
constexpr Index rows_at_a_time = 64;
/// A recurrent one always takes as many: the sums of its products have another order for other numbers of rows, on CUDA
/// by other kernels. On the CPU one, as a control loop has it.
constexpr Index recurrent_rows_on_cpu = 1, recurrent_rows_on_cuda = 256;

constexpr Index most_steps = 1024;
constexpr Index widest_state = 65536;

void require_option(bool holds, const char* option, const std::string& value, const std::string& remedy) {
  if (!holds) throw input_error(fmt::format("--{} {}", option, value), "is not possible", remedy);
}

}  // namespace

PolicyMemory::ChunkExecution parse_chunk_execution(const std::string& name) {
  for (const auto execution : {PolicyMemory::ChunkExecution::ensemble, PolicyMemory::ChunkExecution::open_loop}) {
    if (name == chunk_execution_name(execution)) return execution;
  }
  throw input_error("--chunk-execution " + name, "is not a way to carry out chunks", "give ensemble or open-loop");
}

std::string chunk_execution_name(PolicyMemory::ChunkExecution execution) {
  return execution == PolicyMemory::ChunkExecution::ensemble ? "ensemble" : "open-loop";
}

std::string PolicyMemory::describe() const {
  std::vector<std::string> parts;
  if (history > 1) {
    parts.push_back(
        fmt::format("sees the last {} observations{}", history, actions ? ", each with its action before" : ""));
  } else if (actions) {
    parts.emplace_back("sees its last action");
  }
  if (chunk > 1) {
    parts.push_back(fmt::format("predicts {} actions, executed as {}", chunk, chunk_execution_name(chunk_execution)));
  }
  if (recurrent > 0) parts.push_back(fmt::format("has a recurrent state of {}", recurrent));
  return fmt::format("{}", fmt::join(parts, " and "));
}

void PolicyMemory::validate() const {
  const auto text = [](auto value) { return fmt::format("{}", value); };
  require_option(history >= 1 && history <= most_steps, "history", text(history),
                 "give 1 (the observation alone) to 1024");
  require_option(chunk >= 1 && chunk <= most_steps, "chunk", text(chunk), "give 1 (one action) to 1024");
  require_option(std::isfinite(chunk_decay) && chunk_decay >= 0, "chunk-decay", text(chunk_decay),
                 "give 0 (all predictions alike) or a positive number, such as 0.01");
  require_option(recurrent >= 0 && recurrent <= widest_state, "recurrent", text(recurrent),
                 "give 0 (none) or a width up to 65536, such as 64");
  require_option(sequence_length >= 4 && sequence_length <= most_steps && sequence_length % 4 == 0, "sequence-length",
                 text(sequence_length), "give a multiple of 4, up to 1024");
  require_option(recurrent == 0 || (history == 1 && chunk == 1), "recurrent", text(recurrent),
                 "a recurrent policy sees one observation and predicts one action a step: leave out --history and "
                 "--chunk, or --recurrent");
}

void PolicyMemory::check_distribution(const std::string& head) const {
  require_option(chunk == 1 && recurrent == 0, "head", head,
                 "chunks and recurrent policies give actions, not distributions: leave out --head, or take --history");
}

EpisodeMemory::EpisodeMemory(Policy& policy, Index rows) : policy_(&policy), rows_(rows) {
  const PolicyMemory& memory = policy.description().memory;
  const DeviceId device = policy.stream().device();
  const Index chunk = memory.chunk * policy.output_size();
  if (memory.history > 1) history_ = Buffer<float>(device, rows * policy.input_size());
  if (memory.actions) {
    seen_ = Buffer<float>(device, rows * policy.seen_size());
    last_ = Buffer<float>(device, rows * policy.output_size());
    const PolicyDescription& description = policy.description();
    low_ = Buffer<float>(policy.stream(), std::span<const float>(description.action_low));
    high_ = Buffer<float>(policy.stream(), std::span<const float>(description.action_high));
  }
  if (memory.chunk > 1) {
    chunks_ = Buffer<float>(device, rows * chunk);
    earlier_ = Buffer<float>(device, rows * memory.chunk * chunk);
  }
  if (memory.recurrent > 0) {
    state_ = Buffer<float>(device, rows * memory.recurrent);
    const auto& step = policy.recurrent_step();
    const bool on_cuda = device.backend == Backend::cuda;
    const Execution::Options options{on_cuda ? recurrent_rows_on_cuda : recurrent_rows_on_cpu};
    step_ = std::make_unique<Execution>(policy.network(), std::vector<Value>{step.next_state, step.output}, options);
    for (const Value input : {step.observation, step.state}) kernels::zero(policy.stream(), step_->value(input));
  }
}

ConstMatrix EpisodeMemory::with_last_actions(ConstMatrix observations, ConstLabels elapsed) {
  if (last_.size() == 0) return observations;
  if (!told_) {
    throw Error(Error::Cause::internal, "EpisodeMemory", "chosen() was not called after the last step");
  }
  told_ = false;
  const Index columns = observations.columns;
  const Matrix seen{seen_.data(), rows_, policy_->seen_size()}, last{last_.data(), rows_, policy_->output_size()};
  kernels::forget_states(policy_->stream(), elapsed, last);
  kernels::copy(policy_->stream(), observations, seen.middle_columns(0, columns));
  kernels::copy(policy_->stream(), last, seen.middle_columns(columns, last.columns));
  return seen;
}

void EpisodeMemory::chosen(ConstMatrix actions) {
  if (last_.size() == 0) return;
  kernels::remember_actions(policy_->stream(), actions, low_.view(), high_.view(),
                            {last_.data(), rows_, policy_->output_size()});
  told_ = true;
}

void EpisodeMemory::chosen(ConstLabels choices) {
  if (last_.size() == 0) return;
  kernels::remember_choices(policy_->stream(), choices, {last_.data(), rows_, policy_->output_size()});
  told_ = true;
}

void EpisodeMemory::run_recurrent(ConstMatrix seen, ConstLabels elapsed, Matrix results) {
  Stream& stream = policy_->stream();
  const auto& step = policy_->recurrent_step();
  const Matrix state{state_.data(), rows_, policy_->description().memory.recurrent};
  kernels::forget_states(stream, elapsed, state);
  for (Index first = 0; first < rows_; first += step_->rows()) {
    const Index count = std::min(step_->rows(), rows_ - first);
    const auto place = [&](Value value) { return step_->value(value).middle_rows(0, count); };
    kernels::copy(stream, seen.middle_rows(first, count), place(step.observation));
    kernels::copy(stream, state.middle_rows(first, count), place(step.state));
    step_->forward(stream);
    kernels::copy(stream, place(step.next_state), state.middle_rows(first, count));
    kernels::copy(stream, place(step.output), results.middle_rows(first, count));
  }
}

void EpisodeMemory::run_network(ConstMatrix seen, ConstLabels elapsed, Matrix results, Wanted wanted) {
  if (step_ != nullptr) return run_recurrent(seen, elapsed, results);
  if (history_.size() > 0) {
    const Matrix history{history_.data(), rows_, policy_->input_size()};
    kernels::remember_observations(policy_->stream(), seen, elapsed, history);
    seen = history;
  }
  const bool on_cpu = policy_->stream().backend() == Backend::cpu;
  const Index together = on_cpu ? rows_at_a_time : std::max(rows_, Index{1});
  for (Index first = 0; first < rows_; first += together) {
    const Index count = std::min(together, rows_ - first);
    const ConstMatrix inputs = seen.middle_rows(first, count);
    const Matrix place = results.middle_rows(first, count);
    wanted == Wanted::outputs ? policy_->outputs(inputs, place) : policy_->parameters(inputs, place);
  }
}

void EpisodeMemory::parameters(ConstMatrix observations, ConstLabels elapsed, Matrix parameters) {
  run_network(with_last_actions(observations, elapsed), elapsed, parameters, Wanted::parameters);
}

void EpisodeMemory::outputs(ConstMatrix observations, ConstLabels elapsed, Matrix results) {
  outputs_of_seen(with_last_actions(observations, elapsed), elapsed, results);
}

void EpisodeMemory::outputs_of_seen(ConstMatrix seen, ConstLabels elapsed, Matrix results) {
  const PolicyMemory& memory = policy_->description().memory;
  if (memory.chunk == 1) return run_network(seen, elapsed, results, Wanted::outputs);
  const Index columns = memory.chunk * policy_->output_size();
  const Matrix chunks{chunks_.data(), rows_, columns};
  run_network(seen, elapsed, chunks, Wanted::outputs);
  kernels::combine_chunks(policy_->stream(), chunks, elapsed,
                          {memory.chunk_execution, static_cast<float>(std::exp(-memory.chunk_decay))},
                          {earlier_.data(), rows_, memory.chunk * columns}, results);
}

}  // namespace mynah
