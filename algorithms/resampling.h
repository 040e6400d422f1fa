#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/evaluation_statistics.h"
#include "kernels/philox.h"

namespace mynah {

/// Scores laid out for a bootstrap: values in rising order, each with the number of its sample, so that a resample is a
/// weight for every sample and takes no sorting.
class RankedScores {
 public:
  explicit RankedScores(const Scores& scores);

  struct Value {
    double value = 0.0;
    std::uint32_t sample = 0;
  };
  const std::vector<Value>& ranked() const { return ranked_; }
  std::size_t samples() const { return sizes_.size(); }
  std::size_t strata() const { return stratum_ends_.size(); }
  /// Values of a sample.
  double size(std::size_t sample) const { return sizes_[sample]; }
  double sum(std::size_t sample) const { return sums_[sample]; }

  /// How often each sample is in resample `resample`: k draws with replacement in a stratum of k. Words of
  /// philox(key, resample, ...) are taken from number *word on.
  void draw(RandomKey key, Index resample, std::uint64_t* word, std::vector<std::uint32_t>& weights) const;
  /// Each once.
  std::vector<std::uint32_t> all() const { return std::vector<std::uint32_t>(samples(), 1); }

  /// σ² of evaluation_statistics.h, for totals t [samples] and weights [samples].
  double variance(const std::vector<double>& totals, const std::vector<std::uint32_t>& weights) const;

 private:
  std::vector<Value> ranked_;
  std::vector<double> sizes_, sums_;
  std::vector<std::size_t> stratum_ends_;
};

}  // namespace mynah
