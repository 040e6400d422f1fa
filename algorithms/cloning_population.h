#pragma once

#include <memory>

#include "algorithms/behaviour_cloning.h"
#include "engine/population_plan.h"

namespace mynah {

/// What the members of a population differ in; every combination is a member.
struct PopulationAxes {
  Index seeds = 1;                     ///< The options' seed and the ones that follow it.
  std::vector<double> learning_rates;  ///< Empty: that of the options.
  std::vector<double> weight_decays;   ///< Empty: that of the options.
  /// Each member trains on a bootstrap sample of its own (Efron 1979): episodes drawn with replacement until there are
  /// as many rows as the training part has, the last one cut short.
  bool bootstrap = false;
  /// K-fold cross-validation (Stone 1974): the episodes are divided into so many folds, and a member for each trains on
  /// all but that one, with which it validates. 0: none.
  Index folds = 0;

  static constexpr Index most_members = 4096;

  /// Reads "seeds=8 learning-rate=1e-3,3e-4 weight-decay=0,1e-4 subset=bootstrap" or "folds=5 ...": words in any order,
  /// each at most once. Errors: input_error for --population with what is wrong, and what was probably meant.
  static PopulationAxes parse(const std::string& text);

  /// The options of each member: weight decays outermost, then learning rates, then seeds, folds innermost: member i
  /// is of fold i % folds.
  std::vector<BehaviourCloningOptions> members(const BehaviourCloningOptions& options) const;
};

/// Rows of a bootstrap sample of `rows` (which are rising, rows of the demonstrations), as positions in `rows`.
std::vector<std::int32_t> bootstrap_rows(const Demonstrations& demonstrations, std::span<const std::int32_t> rows,
                                         std::uint64_t seed);

/// Mean and deviation (1/K Σ) of the validation loss over the folds of members that differ in nothing else.
struct CrossValidation {
  Index first_member = 0;
  double mean = 0.0, deviation = 0.0;
};

/// Of each such group of members, in their order. results: of all members. Errors: internal without folds.
std::vector<CrossValidation> cross_validation(std::span<const BehaviourCloningResult> results, Index folds);

/// Behaviour cloning of many networks of one shape, side by side: see engine/population_plan.h. Each member gets the
/// bits that it would get if it were trained alone with its options on the same split; a bootstrap sample is normalised
/// by all training rows. Members share their rows in device memory, those of a fold with each other.
class CloningPopulation {
 public:
  /// With axes.folds, training_rows are what is divided into folds, by fold_seed (folds_of_episodes, engine/split.h),
  /// and there are no validation_rows. Errors: input_error for data and options that BehaviourCloning refuses, for
  /// fewer episodes than folds, and for bootstrap samples of recurrent policies, which are trained on sequences.
  CloningPopulation(DeviceId device, const Demonstrations& demonstrations, std::span<const std::int32_t> training_rows,
                    std::span<const std::int32_t> validation_rows, const BehaviourCloningOptions& options,
                    const PopulationAxes& axes, const PolicyDescription& names = {}, std::uint64_t fold_seed = 0);

  struct Report {
    Index epoch = 0;                ///< Counted from 1.
    Index steps = 0;                ///< So far, of a member that takes the most in an epoch.
    std::vector<Index> training;    ///< Members that trained it; the others had stopped early.
    std::vector<EpochReport> each;  ///< Theirs.
  };
  /// Called after every epoch; save() may be called from it. Training ends where it returns false.
  using Observer = std::function<bool(const Report&)>;

  /// Trains from where it stands until every member has ended. A member that stops early keeps its best weights; the
  /// others go on. Errors: input_error when a loss is no longer finite, naming the member and the epoch. As
  /// BehaviourCloning::fit, it trains the next epoch meanwhile where an epoch of all is one launch, and nobody sees it.
  std::vector<BehaviourCloningResult> fit(const Observer& observer = {});

  Index size() const { return static_cast<Index>(members_.size()); }
  BehaviourCloning& member(Index index) { return *members_[static_cast<std::size_t>(index)]; }
  Index folds() const { return folds_; }
  const BehaviourCloningOptions& options(Index index) const { return options_[static_cast<std::size_t>(index)]; }
  Index epochs_done() const;
  std::string describe_plan();

  /// As BehaviourCloning's, of all members: tensors "member.0." + ...
  SafetensorsFile save();
  void load(const SafetensorsFile& state);

 private:
  void place_data(const Demonstrations& demonstrations, std::span<const std::int32_t> training_rows,
                  std::span<const std::int32_t> validation_rows, const BehaviourCloningOptions& options, Index classes,
                  std::uint64_t fold_seed);
  /// The plan of the members that go on; made anew when one stops.
  PopulationPlan& plan_of(const std::vector<Index>& training);
  std::vector<EpochReport> train_by_turns(const std::vector<Index>& training, Index epoch);
  std::vector<EpochReport> train_ahead(const std::vector<Index>& training, Index epoch);
  static void require_finite(const std::vector<double>& losses, const std::vector<Index>& training, Index epoch);

  Stream stream_;
  std::vector<BehaviourCloningOptions> options_;
  Index folds_;                               ///< Or 0.
  std::vector<BehaviourCloning::Data> data_;  ///< Of all members, or of those of each fold.
  std::vector<std::unique_ptr<BehaviourCloning>> members_;
  std::vector<Index> planned_;
  std::unique_ptr<PopulationPlan> plan_;
};

}  // namespace mynah
