#include "algorithms/cloning_population.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <numeric>
#include <sstream>

#include "engine/nearest_name.h"
#include "engine/split.h"
#include "kernels/error.h"

namespace mynah {
namespace {

constexpr const char* grammar =
    "give words such as \"seeds=8 learning-rate=1e-3,3e-4 weight-decay=0,1e-4 subset=bootstrap\" or \"folds=5\", each "
    "at most once";

[[noreturn]] void refuse(const std::string& word, const std::string& problem, const std::string& remedy = grammar) {
  throw input_error("--population", "'" + word + "' " + problem, remedy);
}

template <class Number>
Number parse_number(const std::string& text, const std::string& word) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) refuse(word, "is not " + std::string("a number: '") + text + "'");
  return value;
}

std::vector<double> parse_numbers(const std::string& text, const std::string& word, bool zero_allowed) {
  std::vector<double> values;
  std::istringstream list(text);
  for (std::string one; std::getline(list, one, ',');) {
    const double value = parse_number<double>(one, word);
    if (!std::isfinite(value) || value < 0.0 || (value == 0.0 && !zero_allowed)) {
      refuse(word, "holds " + one, zero_allowed ? "give 0 or positive numbers" : "give positive numbers");
    }
    values.push_back(value);
  }
  if (values.empty()) refuse(word, "has no value");
  return values;
}

/// Of each chosen row, the mirror image too, which stands as far behind as there are rows.
void append_mirror_images(std::vector<std::int32_t>& chosen, std::size_t rows) {
  const std::size_t count = chosen.size();
  chosen.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(chosen[i] + static_cast<std::int32_t>(rows));
}

}  // namespace

PopulationAxes PopulationAxes::parse(const std::string& text) {
  static const std::array<std::string, 5> known{"seeds", "learning-rate", "weight-decay", "subset", "folds"};
  PopulationAxes axes;
  std::vector<std::string> seen;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      const std::string meant = nearest_name(key, known);
      refuse(key, "is not something that members can differ in",
             meant.empty() ? grammar : "did you mean '" + meant + "'? " + grammar);
    }
    if (equals == std::string::npos || equals + 1 == word.size()) refuse(word, "has no value");
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) refuse(key, "is given twice");
    seen.push_back(key);
    const std::string value = word.substr(equals + 1);
    if (key == "seeds") {
      axes.seeds = parse_number<Index>(value, word);
      if (axes.seeds < 1) refuse(word, "is below 1");
    } else if (key == "learning-rate") {
      axes.learning_rates = parse_numbers(value, word, false);
    } else if (key == "weight-decay") {
      axes.weight_decays = parse_numbers(value, word, true);
    } else if (key == "folds") {
      axes.folds = parse_number<Index>(value, word);
      if (axes.folds < 2) refuse(word, "is below 2", "give the number of parts to divide the episodes into, such as 5");
    } else {
      if (value != "all" && value != "bootstrap") refuse(word, "is not a kind of subset", "give all or bootstrap");
      axes.bootstrap = value == "bootstrap";
    }
  }
  if (seen.empty()) refuse(text, "says nothing");
  if (axes.folds > 0 && axes.bootstrap) {
    refuse("folds", "does not go with subset=bootstrap", "give one of them: both say which episodes a member takes");
  }
  const auto count = [](const std::vector<double>& values) { return std::max<std::size_t>(1, values.size()); };
  const double members = static_cast<double>(axes.seeds) * static_cast<double>(std::max<Index>(1, axes.folds)) *
                         static_cast<double>(count(axes.learning_rates) * count(axes.weight_decays));
  if (members > static_cast<double>(most_members)) {
    refuse(text, fmt::format("makes {:.0f} members", members), fmt::format("give at most {}", most_members));
  }
  return axes;
}

std::vector<BehaviourCloningOptions> PopulationAxes::members(const BehaviourCloningOptions& options) const {
  const auto or_own = [](const std::vector<double>& values, double own) {
    return values.empty() ? std::vector<double>{own} : values;
  };
  std::vector<BehaviourCloningOptions> all;
  for (const double decay : or_own(weight_decays, options.weight_decay)) {
    for (const double rate : or_own(learning_rates, options.learning_rate)) {
      for (Index seed = 0; seed < seeds; ++seed) {
        BehaviourCloningOptions member = options;
        member.weight_decay = decay;
        member.learning_rate = rate;
        member.seed += static_cast<std::uint64_t>(seed);
        all.insert(all.end(), static_cast<std::size_t>(std::max<Index>(1, folds)), member);
      }
    }
  }
  return all;
}

std::vector<std::int32_t> bootstrap_rows(const Demonstrations& demonstrations, std::span<const std::int32_t> rows,
                                         std::uint64_t seed) {
  const std::vector<RowRange> episodes = episode_ranges(demonstrations, rows);
  const RandomKey key = random_key(seed, RandomStream::bootstrap);
  std::vector<std::int32_t> sample;
  sample.reserve(rows.size());
  for (std::uint32_t draw = 0; sample.size() < rows.size(); ++draw) {
    const std::uint64_t word = philox(key, 0, draw).x;
    const RowRange& chosen = episodes[static_cast<std::size_t>(word * episodes.size() >> 32)];
    for (Index row = chosen.begin; row < chosen.end && sample.size() < rows.size(); ++row) {
      sample.push_back(static_cast<std::int32_t>(row));
    }
  }
  return sample;
}

std::vector<CrossValidation> cross_validation(std::span<const BehaviourCloningResult> results, Index folds) {
  if (folds < 2) throw Error(Error::Cause::internal, "cross-validation", "the members have no folds");
  std::vector<CrossValidation> all;
  const auto size = static_cast<std::size_t>(folds);
  all.reserve(results.size() / size);
  for (std::size_t first = 0; first < results.size(); first += size) {
    CrossValidation one{static_cast<Index>(first)};
    const auto group = results.subspan(first, size);
    for (const BehaviourCloningResult& result : group) one.mean += result.validation->loss / static_cast<double>(folds);
    double squares = 0.0;
    for (const BehaviourCloningResult& result : group) squares += std::pow(result.validation->loss - one.mean, 2);
    one.deviation = std::sqrt(squares / static_cast<double>(folds));
    all.push_back(one);
  }
  return all;
}

namespace {

/// The positions below `count` that are not in `fold`, which are rising.
std::vector<std::int32_t> all_but(const std::vector<std::int32_t>& fold, std::size_t count) {
  std::vector<std::int32_t> all(count), rest;
  std::iota(all.begin(), all.end(), 0);
  rest.reserve(count - fold.size());
  std::set_difference(all.begin(), all.end(), fold.begin(), fold.end(), std::back_inserter(rest));
  return rest;
}

std::vector<std::int32_t> at_positions(std::span<const std::int32_t> rows, const std::vector<std::int32_t>& positions) {
  std::vector<std::int32_t> chosen;
  chosen.reserve(positions.size());
  for (const std::int32_t position : positions) chosen.push_back(rows[static_cast<std::size_t>(position)]);
  return chosen;
}

void check_subsets(const BehaviourCloningOptions& options, const PopulationAxes& axes) {
  if (options.memory.recurrent == 0 || !axes.bootstrap) return;
  throw input_error("--population subset=bootstrap",
                    "draws rows, and a policy that " + options.memory.describe() + " is trained on sequences",
                    "leave it out, or take --history in place of --recurrent");
}

}  // namespace

CloningPopulation::CloningPopulation(DeviceId device, const Demonstrations& demonstrations,
                                     std::span<const std::int32_t> training_rows,
                                     std::span<const std::int32_t> validation_rows,
                                     const BehaviourCloningOptions& options, const PopulationAxes& axes,
                                     const PolicyDescription& names, std::uint64_t fold_seed)
    : stream_(device), options_(axes.members(options)), folds_(axes.folds) {
  options.validate();
  check_subsets(options, axes);
  stream_.use_threads(static_cast<int>(options.threads));
  place_data(demonstrations, training_rows, validation_rows, options, static_cast<Index>(names.action_names.size()),
             fold_seed);
  members_.reserve(options_.size());
  for (std::size_t i = 0; i < options_.size(); ++i) {
    std::vector<std::int32_t> rows;
    if (axes.bootstrap) rows = bootstrap_rows(demonstrations, training_rows, options_[i].seed);
    if (!rows.empty() && !options.mirror.empty()) append_mirror_images(rows, training_rows.size());
    members_.push_back(
        std::make_unique<BehaviourCloning>(stream_, data_[i % data_.size()], demonstrations, options_[i], names, rows));
  }
}

void CloningPopulation::place_data(const Demonstrations& demonstrations, std::span<const std::int32_t> training_rows,
                                   std::span<const std::int32_t> validation_rows,
                                   const BehaviourCloningOptions& options, Index classes, std::uint64_t fold_seed) {
  if (training_rows.empty()) {
    throw input_error(demonstrations.source, "has no rows to train on", "give more demonstrations");
  }
  if (folds_ == 0) {
    data_.emplace_back(stream_, demonstrations, training_rows, validation_rows, options, classes);
    return;
  }
  const auto folds = folds_of_episodes(demonstrations, training_rows, folds_, fold_seed);
  data_.reserve(folds.size());
  for (const auto& fold : folds) {
    data_.emplace_back(stream_, demonstrations, at_positions(training_rows, all_but(fold, training_rows.size())),
                       at_positions(training_rows, fold), options, classes);
  }
}

PopulationPlan& CloningPopulation::plan_of(const std::vector<Index>& training) {
  if (plan_ == nullptr || training != planned_) {
    std::vector<TrainingPlan*> plans;
    plans.reserve(training.size());
    for (const Index index : training) plans.push_back(&member(index).plan());
    plan_ = std::make_unique<PopulationPlan>(stream_, std::move(plans));
    planned_ = training;
  }
  return *plan_;
}

Index CloningPopulation::epochs_done() const {
  Index most = 0;
  for (const auto& one : members_) most = std::max(most, one->epochs_done());
  return most;
}

void CloningPopulation::require_finite(const std::vector<double>& losses, const std::vector<Index>& training,
                                       Index epoch) {
  for (std::size_t i = 0; i < losses.size(); ++i) {
    require_finite_loss(losses[i], fmt::format("training, member {}, epoch {}", training[i], epoch + 1),
                        "give a smaller learning rate, and look at the data with `mynah inspect`");
  }
}

std::vector<EpochReport> CloningPopulation::train_by_turns(const std::vector<Index>& training, Index epoch) {
  const std::vector<double> losses = plan_of(training).run_epoch(stream_, epoch);
  require_finite(losses, training, epoch);
  std::vector<EpochReport> reports;
  reports.reserve(losses.size());
  for (std::size_t i = 0; i < losses.size(); ++i) reports.push_back(member(training[i]).finish_epoch(losses[i]));
  return reports;
}

/// Members that have stopped since the epoch was queued are in it, and take it back when they finish.
std::vector<EpochReport> CloningPopulation::train_ahead(const std::vector<Index>& training, Index epoch) {
  if (!member(training.front()).epoch_ahead()) plan_of(training).queue_epoch(stream_, epoch);
  for (const Index index : training) member(index).take_epoch();
  const bool ahead = epoch + 1 < options_.front().epochs;
  if (ahead) plan_of(training).queue_epoch(stream_, epoch + 1);
  std::vector<double> losses;
  losses.reserve(training.size());
  for (const Index index : training) losses.push_back(member(index).loss_of_taken_epoch());
  const bool finite = std::all_of(losses.begin(), losses.end(), [](double loss) { return std::isfinite(loss); });
  for (const Index index : training) {
    if (!finite && ahead) member(index).drop_epoch_ahead();
  }
  require_finite(losses, training, epoch);
  std::vector<EpochReport> reports;
  reports.reserve(training.size());
  for (const Index index : training) reports.push_back(member(index).finish_taken_epoch(ahead));
  return reports;
}

std::vector<BehaviourCloningResult> CloningPopulation::fit(const Observer& observer) {
  while (true) {
    Report report;
    for (Index i = 0; i < size(); ++i) {
      if (member(i).goes_on()) report.training.push_back(i);
    }
    if (report.training.empty()) break;
    // All that go on have done as many epochs as any.
    report.epoch = member(report.training.front()).epochs_done() + 1;
    for (const auto& one : members_) {
      report.steps = std::max(report.steps, report.epoch * one->plan().steps_per_epoch());
    }
    const bool resident = plan_of(report.training).is_resident();
    report.each =
        resident ? train_ahead(report.training, report.epoch - 1) : train_by_turns(report.training, report.epoch - 1);
    if (observer && !observer(report)) break;
  }
  std::vector<BehaviourCloningResult> results;
  for (const auto& one : members_) results.push_back(one->finish());
  return results;
}

std::string CloningPopulation::describe_plan() {
  std::vector<Index> all(members_.size());
  std::iota(all.begin(), all.end(), Index{0});
  return plan_of(all).describe();
}

SafetensorsFile CloningPopulation::save() {
  SafetensorsFile state;
  state.metadata["mynah.state"] = "behaviour_cloning_population";
  state.metadata["members"] = std::to_string(size());
  for (Index i = 0; i < size(); ++i) {
    for (NamedTensor& tensor : member(i).save().tensors) {
      tensor.name = fmt::format("member.{}.{}", i, tensor.name);
      state.tensors.push_back(std::move(tensor));
    }
  }
  return state;
}

void CloningPopulation::load(const SafetensorsFile& state) {
  if (state.metadata_at("members") != std::to_string(size())) {
    throw input_error(state.origin, "is of " + state.metadata_at("members") + " members, not " + std::to_string(size()),
                      "remove the checkpoint and train again");
  }
  std::vector<SafetensorsFile> states(members_.size());
  for (SafetensorsFile& one : states) one.origin = state.origin;
  for (const NamedTensor& tensor : state.tensors) {
    std::size_t index = 0;
    const char* const begin = tensor.name.data() + std::string_view("member.").size();
    const char* const end = tensor.name.data() + tensor.name.size();
    const bool is_members = tensor.name.starts_with("member.");
    const auto parsed = is_members ? std::from_chars(begin, end, index) : std::from_chars_result{end, std::errc{}};
    if (parsed.ptr == end || *parsed.ptr != '.' || index >= states.size()) {
      throw input_error(state.origin, "tensor '" + tensor.name + "' belongs to no member",
                        "remove the checkpoint and train again");
    }
    states[index].tensors.push_back(tensor);
    states[index].tensors.back().name = std::string(parsed.ptr + 1, end);
  }
  for (std::size_t i = 0; i < states.size(); ++i) members_[i]->load(states[i]);
}

}  // namespace mynah
