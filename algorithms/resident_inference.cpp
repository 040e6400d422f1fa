#include "algorithms/resident_inference.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "kernels/error.h"

namespace mynah {
namespace {

using kernels::MlpMailbox;
using Clock = std::chrono::steady_clock;

constexpr const char* place = "resident inference";
constexpr std::uint64_t polls_between_questions = 1024;

std::uint64_t load(std::uint64_t* word) {
  return std::atomic_ref(*word).load(std::memory_order_acquire);
}

void store(std::uint64_t* word, std::uint64_t value) {
  std::atomic_ref(*word).store(value, std::memory_order_release);
}

std::string text_of(std::chrono::nanoseconds duration) {
  return std::to_string(duration.count() / 1'000) + " microseconds";
}

}  // namespace

ResidentInference::ResidentInference(Policy& policy, const Options& options)
    : policy_(&policy),
      options_(options),
      on_cpu_(policy.stream().backend() == Backend::cpu),
      stream_(policy.stream().device()) {
  if (options.rows < 1) throw input_error(place, "rows = " + std::to_string(options.rows), "give at least 1");
  if (options.lease.count() <= 0 || options.timeout.count() <= 0) {
    throw input_error(place, "lease and timeout have to be above 0");
  }
  if (policy.description().memory.remembers()) {
    throw input_error(place, "this policy " + policy.description().memory.describe(),
                      "make a PolicySession of it (algorithms/policy_session.h)");
  }
  scores_.resize(static_cast<std::size_t>(policy.output_size()));
  if (on_cpu_) return;
  std::string reason;
  mlp_ = MlpNetwork::find(policy.network(), policy.input(), policy.decisive(), &reason);
  if (!mlp_) throw input_error(place, reason, "use Policy::act, which runs every network");
  if (kernels::mlp_service_layers(stream_, mlp_->shape, options.rows) < 0) {
    throw input_error(place,
                      "the values of " + std::to_string(options.rows) + " rows do not fit into a block's shared memory",
                      "ask for fewer rows, or use Policy::act");
  }
  MlpMailbox mailbox;
  mailbox.inputs = policy.observation_size();
  mailbox.outputs = policy.decisive_size();
  answers_.resize(static_cast<std::size_t>(options.rows * mailbox.outputs));
  mailbox.most_rows = options.rows;
  memory_ = kernels::MappedMemory(stream_.device(), static_cast<std::size_t>(mailbox.size()) * sizeof(std::uint64_t));
  mailbox_ = on_device_ = mailbox;
  mailbox_.words = static_cast<std::uint64_t*>(memory_.host());
  on_device_.words = static_cast<std::uint64_t*>(memory_.on_device());
}

ResidentInference::~ResidentInference() {
  try {
    if (failure_.empty()) stop();
  } catch (const std::exception&) {
    // Nobody is there to hear of it; the memory is freed when the kernel has left, after its lease at the latest.
    running_ = false;
  }
}

void ResidentInference::fail(const std::string& problem, const std::string& remedy) {
  failure_ = problem;
  running_ = false;
  throw Error(Error::Cause::device, place, problem, remedy);
}

void ResidentInference::launch(std::uint32_t answered) {
  const auto lease = static_cast<std::uint64_t>(options_.lease.count());
  kernels::serve_mlp(stream_, mlp_->shape, mlp_->parameters, mlp_->ends, on_device_, {++launches_, answered, lease});
  running_ = true;
}

void ResidentInference::start() {
  if (on_cpu_) return;
  if (!failure_.empty()) throw Error(Error::Cause::device, place, failure_, "make a new one");
  const std::uint64_t version = policy_->network().parameters.version();
  if (running_ && version != version_) stop();
  if (running_ && load(mailbox_.left()) == launches_) running_ = false;
  if (running_) return;
  policy_->stream().synchronize();  // the weights are there, the last ones as well
  version_ = version;
  launch(number_);
}

void ResidentInference::stop() {
  if (!running_) return;
  // All of the first row has to bear the number.
  number_ = MlpMailbox::next(number_);
  for (Index c = 0; c < mailbox_.inputs; ++c) store(mailbox_.request(0) + c, MlpMailbox::word(number_, 0));
  store(mailbox_.header(), MlpMailbox::word(number_, MlpMailbox::stop));
  const auto begin = Clock::now();
  std::uint64_t polls = 0;
  while (load(mailbox_.left()) != launches_) wait_once(&polls, begin);
  running_ = false;
}

/// A look in vain; every so often asks the device whether the kernel is still there.
void ResidentInference::wait_once(std::uint64_t* polls, Clock::time_point begin) {
  if (++*polls % polls_between_questions != 0) return;
  bool done = false;
  try {
    done = kernels::is_done(stream_);
  } catch (const Error& error) {
    fail("the kernel has failed: " + error.problem(), error.remedy());
  }
  if (done && load(mailbox_.left()) != launches_) fail("the kernel has ended without a word", "report this");
  if (Clock::now() - begin > options_.timeout) {
    fail("no answer within " + text_of(options_.timeout), "see what else the device does, or wait longer (timeout)");
  }
}

void ResidentInference::write_request(const float* observations, Index rows, std::uint32_t header) {
  // The first row, for which the kernel looks, comes last.
  for (Index row = rows - 1; row >= 0; --row) {
    for (Index c = 0; c < mailbox_.inputs; ++c) {
      const auto bits = std::bit_cast<std::uint32_t>(observations[row * mailbox_.inputs + c]);
      store(mailbox_.request(row) + c, MlpMailbox::word(number_, bits));
    }
  }
  store(mailbox_.header(), MlpMailbox::word(number_, header));
}

void ResidentInference::read_answers(Index rows, std::uint32_t before, float* results) {
  const auto begin = Clock::now();
  std::uint64_t polls = 0;
  bool left = false;
  for (Index at = 0; at < rows * mailbox_.outputs;) {
    const std::uint64_t word = load(mailbox_.answer(0) + at);
    if (MlpMailbox::number(word) == number_) {
      results[at++] = std::bit_cast<float>(MlpMailbox::value(word));
    } else if (left) {
      launch(before);  // its lease was over before it saw the request, which still lies there
      left = false;
    } else if (load(mailbox_.left()) == launches_) {
      left = true;  // what it answered before is there now
    } else {
      wait_once(&polls, begin);
    }
  }
}

void ResidentInference::outputs(std::span<const float> observations, std::span<float> results) {
  const auto given = static_cast<Index>(observations.size()), inputs = policy_->observation_size();
  const Index rows = given / inputs;
  if (given % inputs != 0 || rows < 1 || rows > options_.rows ||
      static_cast<Index>(results.size()) != rows * policy_->output_size()) {
    throw input_error("ResidentInference::outputs",
                      "got " + std::to_string(given) + " values and room for " + std::to_string(results.size()),
                      "1 to " + std::to_string(options_.rows) + " observations of " + std::to_string(inputs) +
                          " values, with " + std::to_string(policy_->output_size()) + " results each");
  }
  if (on_cpu_) {
    policy_->outputs(ConstMatrix{observations.data(), rows, inputs},
                     Matrix{results.data(), rows, policy_->output_size()});
    return;
  }
  start();
  const std::uint32_t before = number_;
  number_ = MlpMailbox::next(number_);
  write_request(observations.data(), rows, static_cast<std::uint32_t>(rows));
  read_answers(rows, before, answers_.data());
  const auto from = static_cast<std::size_t>(mailbox_.outputs), to = results.size() / static_cast<std::size_t>(rows);
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    policy_->decide(std::span(answers_).subspan(row * from, from), results.subspan(row * to, to));
  }
}

void ResidentInference::act(std::span<const float> observation, std::span<float> action) {
  policy_->check_act(observation, action);
  outputs(observation, action);
  policy_->clip(action);
}

Index ResidentInference::choose(std::span<const float> observation) {
  policy_->check_choose(observation);
  outputs(observation, scores_);
  return std::max_element(scores_.begin(), scores_.end()) - scores_.begin();
}

std::string ResidentInference::describe() {
  if (on_cpu_) return "on the calling thread";
  const int layers = kernels::mlp_service_layers(stream_, mlp_->shape, options_.rows);
  return "a kernel that stays for " + text_of(options_.lease) + ", " + std::to_string(layers) + " of " +
         std::to_string(mlp_->shape.layer_count) + " layers in shared memory";
}

}  // namespace mynah
