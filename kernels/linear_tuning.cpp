#include "kernels/linear_tuning.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "kernels/cuda/warpgroup_selection.h"
#include "kernels/operation.h"

namespace mynah::kernels {
namespace {

using cuda::LinearChoice;
using cuda::LinearKernel;
using cuda::LinearProduct;

struct DeviceChoices {
  DeviceId device;
  std::vector<TunedLinear> choices;  // in the order of keys
  std::string origin;
};
using Table = std::vector<DeviceChoices>;

/// What readers see; null: no choices.
std::atomic<const Table*> current{nullptr};

/// Writers, one at a time, and every table there was: nobody knows when its last reader has left it.
struct Tables {
  std::mutex mutex;
  std::vector<std::unique_ptr<const Table>> all;
};
Tables& tables() {
  static Tables instance;
  return instance;
}

thread_local LinearChoiceLog* log = nullptr;

const DeviceChoices* choices_of(DeviceId device) {
  const Table* const table = current.load(std::memory_order_acquire);
  if (table == nullptr) return nullptr;
  const auto found = std::find_if(table->begin(), table->end(), [&](const auto& one) { return one.device == device; });
  return found == table->end() ? nullptr : &*found;
}

const LinearChoice* find_choice(DeviceId device, const LinearKey& key) {
  const DeviceChoices* const choices = choices_of(device);
  if (choices == nullptr) return nullptr;
  const auto found = std::lower_bound(choices->choices.begin(), choices->choices.end(), key,
                                      [](const TunedLinear& one, const LinearKey& wanted) { return one.key < wanted; });
  return found == choices->choices.end() || found->key != key ? nullptr : &found->choice;
}

LinearChoice rule(const LinearKey& key) {
  return cuda::choose_linear(key.product, key.m, key.n, key.k, key.precision);
}

/// With what the device has beside what all have.
LinearChoice rule_on([[maybe_unused]] const Stream& stream, const LinearKey& key) {
#if MYNAH_WITH_CUDA
  if (stream.backend() == Backend::cuda) {
    return cuda::choose_warpgroup(stream, key.precision, key.m, key.n, key.k, rule(key));
  }
#endif
  return rule(key);
}

/// A part is not shallower, and there are not more of them; a rule's choice is far from both.
constexpr Index shallowest_tuned_part = 32;
constexpr Index most_tuned_parts = 128;

Index most_parts(Index k) {
  return std::clamp<Index>(k / shallowest_tuned_part, 1, most_tuned_parts);
}

}  // namespace

std::string not_allowed(const LinearKey& key, const LinearChoice& choice) {
  if (key.m < 1 || key.n < 1 || key.k < 1) return "m, n and k have to be 1 or more";
  if (choice.kernel == LinearKernel::dot) {
    if (key.product != LinearProduct::forward) return "the dot kernel is for forward products only";
    if (choice.parts != 1) return "the dot kernel takes k in one part";
  }
  const bool in_reduced_precision = choice.kernel == LinearKernel::pipelined || cuda::packs_operands(choice.kernel);
  if (in_reduced_precision && key.precision == Precision::float32) {
    return std::string("the ") + cuda::traits_of(choice.kernel).name + " kernel is for tf32 and bfloat16 only";
  }
  if (choice.parts < 1 || choice.parts > most_parts(key.k)) {
    return "k = " + std::to_string(key.k) + " may be cut into 1 to " + std::to_string(most_parts(key.k)) + " parts";
  }
  const bool dot = choice.kernel == LinearKernel::dot, dot_by_rule = rule(key).kernel == LinearKernel::dot;
  if (key.product == LinearProduct::forward && key.n <= cuda::widest_linear_loss && dot != dot_by_rule) {
    return std::string("a forward product of so few outputs ") + (dot ? "cannot be" : "has to be") +
           " by the dot kernel, as the loss that may be fused with it expects";
  }
  return {};
}

bool runs_on([[maybe_unused]] const Stream& stream, LinearKernel kernel) {
  if (kernel != LinearKernel::warpgroup) return true;
#if MYNAH_WITH_CUDA
  return stream.backend() == Backend::cuda && cuda::has_warpgroups(stream);
#else
  return false;
#endif
}

std::vector<LinearChoice> linear_candidates(const Stream& stream, const LinearKey& key) {
  constexpr Index most_scratch = Index{1} << 28;  // floats
  std::vector<LinearChoice> candidates{rule_on(stream, key)};
  const auto add = [&](LinearKernel kernel, Index parts) {
    const bool known = std::any_of(candidates.begin(), candidates.end(),
                                   [&](const LinearChoice& one) { return one.kernel == kernel && one.parts == parts; });
    if (!known && not_allowed(key, {kernel, parts}).empty()) candidates.push_back({kernel, parts});
  };
  for (const cuda::LinearKernelTraits& kernel : cuda::linear_kernels) {
    if (!runs_on(stream, kernel.kernel)) continue;
    const Index extent = kernel.tile_extent;
    // Where half the tile holds the whole matrix, a smaller one does the same with fewer threads idle.
    const bool oversized = extent > 32 && key.m <= extent / 2 && key.n <= extent / 2;
    if (oversized) continue;
    const Index blocks = ((key.m + extent - 1) / extent) * ((key.n + extent - 1) / extent);
    for (Index parts = 1; parts <= most_parts(key.k); parts *= 2) {
      const bool full_before = blocks * (parts / 2) >= 4 * cuda::blocks_to_fill;
      if (parts > 1 && (full_before || parts * key.m * key.n > most_scratch)) break;
      add(kernel.kernel, parts);
    }
  }
  return candidates;
}

void use_linear_choices(DeviceId device, std::vector<TunedLinear> choices, std::string origin) {
  constexpr const char* operation = "choices of kernels for linear layers";
  for (const TunedLinear& one : choices) {
    const std::string reason = not_allowed(one.key, one.choice);
    if (!reason.empty()) throw Error(Error::Cause::internal, operation, reason);
  }
  std::sort(choices.begin(), choices.end(), [](const TunedLinear& a, const TunedLinear& b) { return a.key < b.key; });
  const auto same = std::adjacent_find(choices.begin(), choices.end(),
                                       [](const TunedLinear& a, const TunedLinear& b) { return a.key == b.key; });
  require(same == choices.end(), operation, "one choice for a product");
  const std::scoped_lock lock(tables().mutex);
  const Table* const former = current.load(std::memory_order_relaxed);
  Table table = former == nullptr ? Table{} : *former;
  std::erase_if(table, [&](const DeviceChoices& one) { return one.device == device; });
  table.push_back({device, std::move(choices), std::move(origin)});
  tables().all.push_back(std::make_unique<const Table>(std::move(table)));
  current.store(tables().all.back().get(), std::memory_order_release);
}

void forget_linear_choices() {
  const std::scoped_lock lock(tables().mutex);
  current.store(nullptr, std::memory_order_release);
}

std::string linear_choices_origin(DeviceId device) {
  const DeviceChoices* const choices = choices_of(device);
  return choices == nullptr ? "" : choices->origin;
}

LinearChoice choose_linear(const Stream& stream, const LinearKey& key) {
  const LinearChoice* tuned = find_choice(stream.device(), key);
  if (tuned != nullptr && !runs_on(stream, tuned->kernel)) tuned = nullptr;
  const LinearChoice choice = tuned == nullptr ? rule_on(stream, key) : *tuned;
  const bool is_product = key.n > 0;  // else only the rows of A are summed
  if (log != nullptr && is_product) log->add({key, choice, tuned != nullptr});
  return choice;
}

LinearChoiceLog::LinearChoiceLog() : outer_(log) {
  log = this;
}

LinearChoiceLog::~LinearChoiceLog() {
  log = outer_;
}

void LinearChoiceLog::add(const Entry& entry) {
  entries_.push_back(entry);
  if (outer_ != nullptr) outer_->add(entry);
}

}  // namespace mynah::kernels
