#include "algorithms/resampling.h"

#include <algorithm>

#include "kernels/random_numbers.h"

namespace mynah {

RankedScores::RankedScores(const Scores& scores) {
  for (const Scores::Stratum& stratum : scores.strata) {
    for (const Scores::Sample& sample : stratum) {
      double sum = 0.0;
      for (const double value : sample) {
        ranked_.push_back({value, static_cast<std::uint32_t>(sizes_.size())});
        sum += value;
      }
      sizes_.push_back(static_cast<double>(sample.size()));
      sums_.push_back(sum);
    }
    stratum_ends_.push_back(sizes_.size());
  }
  std::stable_sort(ranked_.begin(), ranked_.end(), [](const Value& a, const Value& b) { return a.value < b.value; });
}

void RankedScores::draw(RandomKey key, Index resample, std::uint64_t* word, std::vector<std::uint32_t>& weights) const {
  weights.assign(samples(), 0);
  PhiloxBlock block{};
  std::size_t begin = 0;
  bool filled = false;
  for (const std::size_t end : stratum_ends_) {
    const std::uint64_t count = end - begin;
    for (std::uint64_t i = 0; i < count; ++i, ++*word) {
      const auto position = static_cast<std::uint32_t>(*word % 4);
      if (position == 0 || !filled) {
        block = philox(key, static_cast<std::uint64_t>(resample), static_cast<std::uint32_t>(*word / 4));
        filled = true;
      }
      ++weights[begin + ((word_of(block, position) * count) >> 32)];
    }
    begin = end;
  }
}

double RankedScores::variance(const std::vector<double>& totals, const std::vector<std::uint32_t>& weights) const {
  double variance = 0.0;
  std::size_t begin = 0;
  for (const std::size_t end : stratum_ends_) {
    const auto count = static_cast<double>(end - begin);
    if (end - begin > 1) {
      double sum = 0.0, squares = 0.0;
      for (std::size_t c = begin; c < end; ++c) sum += weights[c] * totals[c];
      const double center = sum / count;
      for (std::size_t c = begin; c < end; ++c) squares += weights[c] * (totals[c] - center) * (totals[c] - center);
      variance += count / (count - 1.0) * squares;
    }
    begin = end;
  }
  return variance;
}

}  // namespace mynah
