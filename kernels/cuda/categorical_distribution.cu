#include "kernels/categorical_distribution.h"

#include "kernels/categorical_terms.h"
#include "kernels/cuda/row_group.h"

namespace mynah::kernels::cuda {
namespace {

// A row of actions has a few classes: 4 threads share it, or a warp. Limited by the latency of the reductions, and, on
// GPUs with few units for doubles, by the exponentials; logits are read from memory once and then from L1.

/// The distribution of one row, in every thread of its group. A group without a row has no classes.
struct Row {
  const float* logits;
  Index classes;
  double largest;
  double log_sum;

  __device__ double log_probability(Index c) const { return (static_cast<double>(logits[c]) - largest) - log_sum; }
  __device__ double probability(Index c) const { return exp(log_probability(c)); }
};

template <int group>
__device__ __forceinline__ Row row_of(const ConstMatrix& logits, Index row, int lane, bool valid) {
  Row result{logits.data + (valid ? row * logits.stride : 0), valid ? logits.columns : 0, -INFINITY, 0.0};
  for (Index c = lane; c < result.classes; c += group) {
    const auto logit = static_cast<double>(result.logits[c]);
    if (logit > result.largest) result.largest = logit;
  }
  result.largest = group_max<group>(result.largest);
  double sum = 0.0;
  for (Index c = lane; c < result.classes; c += group) {
    sum += exp(static_cast<double>(result.logits[c]) - result.largest);
  }
  result.log_sum = log(group_sum<group>(sum));
  return result;
}

template <int group>
__device__ __forceinline__ double entropy(const Row& row, int lane) {
  double sum = 0.0;
  for (Index c = lane; c < row.classes; c += group) sum += categorical_terms::entropy_term(row, c);
  return group_sum<group>(sum);
}

template <int group>
__device__ __forceinline__ double divergence(const Row& p, const Row& q, int lane) {
  double sum = 0.0;
  for (Index c = lane; c < p.classes; c += group) sum += categorical_terms::divergence_term(p, q, c);
  return group_sum<group>(sum);
}

/// What an operation does with a row: work.run<group>(row, lane, valid), by all threads of the group together.
template <int group, class Work>
__global__ void __launch_bounds__(sum_threads, 2) categorical_kernel(Index rows, Work work) {
  for_each_row<group>(rows, [&](Index row, int lane, bool valid) { work.template run<group>(row, lane, valid); });
}

template <class Work>
void run_rows(Stream& stream, const char* operation, const ConstMatrix& logits, const Work& work) {
  const bool narrow = logits.columns <= 16;
  launch(stream, operation, row_shape(row_blocks(logits.rows, narrow ? 4 : 32)),
         narrow ? categorical_kernel<4, Work> : categorical_kernel<32, Work>, logits.rows, work);
}

struct Sample {
  RandomKey key;
  const Index* step;
  ConstMatrix logits;
  Labels labels;
  template <int group>
  __device__ void run(Index row, int lane, bool valid) const {
    const auto time = static_cast<std::uint64_t>(step == nullptr ? 0 : step[0]);
    const Index classes = valid ? logits.columns : 0;
    const float* values = logits.data + (valid ? row * logits.stride : 0);
    double largest = -INFINITY;
    long long position = logits.columns;  // later than any
    int invalid = 0;
    for (Index c = lane; c < classes; c += group) {
      const auto number = static_cast<std::uint64_t>(row * logits.columns + c);
      const double score = static_cast<double>(values[c]) + categorical_terms::gumbel(random_word(key, time, number));
      if (!(values[c] < INFINITY)) invalid = 1;  // NaN as well
      if (score > largest) {
        largest = score;
        position = c;
      }
    }
    invalid = group_max<group>(invalid);
#pragma unroll
    for (int offset = group / 2; offset > 0; offset /= 2) {
      const double other = __shfl_xor_sync(all_lanes, largest, offset);
      const long long other_position = __shfl_xor_sync(all_lanes, position, offset);
      if (other > largest || (other == largest && other_position < position)) {
        largest = other;
        position = other_position;
      }
    }
    if (!valid || lane != 0) return;
    labels.data[row] = invalid != 0 || position == logits.columns ? -1 : static_cast<std::int32_t>(position);
  }
};

struct LogProbability {
  ConstMatrix logits;
  const std::int32_t* labels;
  float* out;
  template <int group>
  __device__ void run(Index m, int lane, bool valid) const {
    const Row row = row_of<group>(logits, m, lane, valid);
    if (!valid || lane != 0) return;
    const Index label = labels[m];
    out[m] = label >= 0 && label < row.classes ? static_cast<float>(row.log_probability(label)) : NAN;
  }
};

struct LogProbabilityBackward {
  ConstMatrix logits;
  const std::int32_t* labels;
  const float* gradient;
  Matrix logits_gradient;
  template <int group>
  __device__ void run(Index m, int lane, bool valid) const {
    const Row row = row_of<group>(logits, m, lane, valid);
    if (!valid) return;
    const Index label = labels[m];
    const double g = label >= 0 && label < row.classes ? static_cast<double>(gradient[m]) : NAN;
    float* place = logits_gradient.data + m * logits_gradient.stride;
    for (Index c = lane; c < row.classes; c += group) {
      place[c] += static_cast<float>(g * ((c == label ? 1.0 : 0.0) - row.probability(c)));
    }
  }
};

struct Entropy {
  ConstMatrix logits;
  float* out;
  template <int group>
  __device__ void run(Index m, int lane, bool valid) const {
    const double h = entropy<group>(row_of<group>(logits, m, lane, valid), lane);
    if (valid && lane == 0) out[m] = static_cast<float>(h);
  }
};

struct EntropyBackward {
  ConstMatrix logits;
  const float* gradient;
  Matrix logits_gradient;
  template <int group>
  __device__ void run(Index m, int lane, bool valid) const {
    const Row row = row_of<group>(logits, m, lane, valid);
    const double h = entropy<group>(row, lane);
    if (!valid) return;
    const auto g = static_cast<double>(gradient[m]);
    float* place = logits_gradient.data + m * logits_gradient.stride;
    for (Index c = lane; c < row.classes; c += group) {
      place[c] += static_cast<float>(g * categorical_terms::entropy_derivative(row, c, h));
    }
  }
};

struct KlDivergence {
  ConstMatrix p_logits;
  ConstMatrix q_logits;
  float* out;
  template <int group>
  __device__ void run(Index m, int lane, bool valid) const {
    const Row p = row_of<group>(p_logits, m, lane, valid), q = row_of<group>(q_logits, m, lane, valid);
    const double kl = divergence<group>(p, q, lane);
    if (valid && lane == 0) out[m] = static_cast<float>(kl);
  }
};

struct KlDivergenceBackward {
  ConstMatrix p_logits;
  ConstMatrix q_logits;
  const float* gradient;
  Matrix p_gradient;
  Matrix q_gradient;
  template <int group>
  __device__ void run(Index m, int lane, bool valid) const {
    const Row p = row_of<group>(p_logits, m, lane, valid), q = row_of<group>(q_logits, m, lane, valid);
    const double kl = divergence<group>(p, q, lane);
    if (!valid) return;
    const auto g = static_cast<double>(gradient[m]);
    for (Index c = lane; c < p.classes; c += group) {
      const double log_p = p.log_probability(c), log_q = q.log_probability(c), probability = exp(log_p);
      if (p_gradient.data != nullptr) {
        p_gradient.data[m * p_gradient.stride + c] +=
            static_cast<float>(g * categorical_terms::weighted(probability, log_p - log_q - kl));
      }
      if (q_gradient.data != nullptr) {
        q_gradient.data[m * q_gradient.stride + c] += static_cast<float>(g * (exp(log_q) - probability));
      }
    }
  }
};

struct FisherProduct {
  ConstMatrix logits;
  ConstMatrix tangent;
  float scale;
  Matrix product;
  template <int group>
  __device__ void run(Index m, int lane, bool valid) const {
    const Row row = row_of<group>(logits, m, lane, valid);
    const float* direction = tangent.data + (valid ? m * tangent.stride : 0);
    double mean = 0.0;
    for (Index c = lane; c < row.classes; c += group) mean += row.probability(c) * static_cast<double>(direction[c]);
    mean = group_sum<group>(mean);
    if (!valid) return;
    float* place = product.data + m * product.stride;
    for (Index c = lane; c < row.classes; c += group) {
      place[c] += static_cast<float>(static_cast<double>(scale) * row.probability(c) *
                                     (static_cast<double>(direction[c]) - mean));
    }
  }
};

}  // namespace

void categorical_sample(Stream& stream, RandomKey key, const Index* step, ConstMatrix logits, Labels labels) {
  run_rows(stream, "categorical_sample", logits, Sample{key, step, logits, labels});
}

void categorical_log_probability(Stream& stream, ConstMatrix logits, ConstLabels labels, Vector out) {
  run_rows(stream, "categorical_log_probability", logits, LogProbability{logits, labels.data, out.data});
}

void categorical_log_probability_backward(Stream& stream, ConstMatrix logits, ConstLabels labels, ConstVector gradient,
                                          Matrix logits_gradient) {
  run_rows(stream, "categorical_log_probability_backward", logits,
           LogProbabilityBackward{logits, labels.data, gradient.data, logits_gradient});
}

void categorical_entropy(Stream& stream, ConstMatrix logits, Vector out) {
  run_rows(stream, "categorical_entropy", logits, Entropy{logits, out.data});
}

void categorical_entropy_backward(Stream& stream, ConstMatrix logits, ConstVector gradient, Matrix logits_gradient) {
  run_rows(stream, "categorical_entropy_backward", logits, EntropyBackward{logits, gradient.data, logits_gradient});
}

void categorical_kl_divergence(Stream& stream, ConstMatrix p_logits, ConstMatrix q_logits, Vector out) {
  run_rows(stream, "categorical_kl_divergence", p_logits, KlDivergence{p_logits, q_logits, out.data});
}

void categorical_kl_divergence_backward(Stream& stream, ConstMatrix p_logits, ConstMatrix q_logits,
                                        ConstVector gradient, Matrix p_logits_gradient, Matrix q_logits_gradient) {
  run_rows(stream, "categorical_kl_divergence_backward", p_logits,
           KlDivergenceBackward{p_logits, q_logits, gradient.data, p_logits_gradient, q_logits_gradient});
}

void categorical_fisher_product(Stream& stream, ConstMatrix logits, ConstMatrix tangent, float scale, Matrix product) {
  run_rows(stream, "categorical_fisher_product", logits, FisherProduct{logits, tangent, scale, product});
}

}  // namespace mynah::kernels::cuda
