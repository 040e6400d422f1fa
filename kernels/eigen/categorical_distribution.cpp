#include "kernels/categorical_distribution.h"

#include <cmath>
#include <limits>

#include "kernels/categorical_terms.h"
#include "kernels/eigen/rows.h"

namespace mynah::kernels::eigen {
namespace {

/// The distribution of one row.
template <class Scalar>
class Row {
 public:
  explicit Row(VectorView<const Scalar> logits) : logits_(logits) {
    for (Index c = 0; c < logits.size; ++c) {
      if (logit(c) > largest_) largest_ = logit(c);
    }
    double sum = 0.0;
    for (Index c = 0; c < logits.size; ++c) sum += std::exp(logit(c) - largest_);
    log_sum_ = std::log(sum);
  }
  Index size() const { return logits_.size; }
  double log_probability(Index c) const { return (logit(c) - largest_) - log_sum_; }
  double probability(Index c) const { return std::exp(log_probability(c)); }

 private:
  double logit(Index c) const { return static_cast<double>(logits_.data[c]); }

  VectorView<const Scalar> logits_;
  double largest_ = -std::numeric_limits<double>::infinity();
  double log_sum_ = 0.0;
};

template <class Scalar>
double entropy(const Row<Scalar>& row) {
  double sum = 0.0;
  for (Index c = 0; c < row.size(); ++c) sum += categorical_terms::entropy_term(row, c);
  return sum;
}

template <class Scalar>
double divergence(const Row<Scalar>& p, const Row<Scalar>& q) {
  double sum = 0.0;
  for (Index c = 0; c < p.size(); ++c) sum += categorical_terms::divergence_term(p, q, c);
  return sum;
}

/// place_c += value(c)
template <class Scalar, class Value>
void add_to(VectorView<Scalar> place, const Value& value) {
  for (Index c = 0; c < place.size; ++c) place.data[c] += static_cast<Scalar>(value(c));
}

}  // namespace

template <class Scalar>
void categorical_sample(Stream&, RandomKey key, const Index* step, ConstMatrixOf<Scalar> logits, Labels labels) {
  const auto time = static_cast<std::uint64_t>(step == nullptr ? 0 : step[0]);
  for_each_row(logits.rows, [&](Index m) {
    double largest = -std::numeric_limits<double>::infinity();
    Index position = -1;
    bool valid = true;
    for (Index c = 0; c < logits.columns; ++c) {
      const auto logit = static_cast<double>(logits.row(m).data[c]);
      const auto number = static_cast<std::uint64_t>(m * logits.columns + c);
      const double score = logit + categorical_terms::gumbel(random_word(key, time, number));
      valid = valid && logit < std::numeric_limits<double>::infinity();  // false for NaN as well
      if (score > largest) {
        largest = score;
        position = c;
      }
    }
    labels.data[m] = static_cast<std::int32_t>(valid ? position : -1);
  });
}

template <class Scalar>
void categorical_log_probability(Stream&, ConstMatrixOf<Scalar> logits, ConstLabels labels, VectorOf<Scalar> out) {
  for_each_row(logits.rows, [&](Index m) {
    const Row<Scalar> row(logits.row(m));
    const Index label = labels.data[m];
    const bool exists = label >= 0 && label < row.size();
    out.data[m] = exists ? static_cast<Scalar>(row.log_probability(label)) : std::numeric_limits<Scalar>::quiet_NaN();
  });
}

template <class Scalar>
void categorical_log_probability_backward(Stream&, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                          ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> logits_gradient) {
  for_each_row(logits.rows, [&](Index m) {
    const Row<Scalar> row(logits.row(m));
    const Index label = labels.data[m];
    const bool exists = label >= 0 && label < row.size();
    const double g = exists ? static_cast<double>(gradient.data[m]) : std::numeric_limits<double>::quiet_NaN();
    add_to(logits_gradient.row(m), [&](Index c) { return g * ((c == label ? 1.0 : 0.0) - row.probability(c)); });
  });
}

template <class Scalar>
void categorical_entropy(Stream&, ConstMatrixOf<Scalar> logits, VectorOf<Scalar> out) {
  for_each_row(logits.rows, [&](Index m) { out.data[m] = static_cast<Scalar>(entropy(Row<Scalar>(logits.row(m)))); });
}

template <class Scalar>
void categorical_entropy_backward(Stream&, ConstMatrixOf<Scalar> logits, ConstVectorOf<Scalar> gradient,
                                  MatrixOf<Scalar> logits_gradient) {
  for_each_row(logits.rows, [&](Index m) {
    const Row<Scalar> row(logits.row(m));
    const double h = entropy(row);
    const auto g = static_cast<double>(gradient.data[m]);
    add_to(logits_gradient.row(m), [&](Index c) { return g * categorical_terms::entropy_derivative(row, c, h); });
  });
}

template <class Scalar>
void categorical_kl_divergence(Stream&, ConstMatrixOf<Scalar> p_logits, ConstMatrixOf<Scalar> q_logits,
                               VectorOf<Scalar> out) {
  for_each_row(p_logits.rows, [&](Index m) {
    out.data[m] = static_cast<Scalar>(divergence(Row<Scalar>(p_logits.row(m)), Row<Scalar>(q_logits.row(m))));
  });
}

template <class Scalar>
void categorical_kl_divergence_backward(Stream&, ConstMatrixOf<Scalar> p_logits, ConstMatrixOf<Scalar> q_logits,
                                        ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> p_logits_gradient,
                                        MatrixOf<Scalar> q_logits_gradient) {
  for_each_row(p_logits.rows, [&](Index m) {
    const Row<Scalar> p(p_logits.row(m)), q(q_logits.row(m));
    const double kl = divergence(p, q);
    const auto g = static_cast<double>(gradient.data[m]);
    if (p_logits_gradient.data != nullptr) {
      add_to(p_logits_gradient.row(m), [&](Index c) {
        return g * categorical_terms::weighted(p.probability(c), p.log_probability(c) - q.log_probability(c) - kl);
      });
    }
    if (q_logits_gradient.data != nullptr) {
      add_to(q_logits_gradient.row(m), [&](Index c) { return g * (q.probability(c) - p.probability(c)); });
    }
  });
}

template <class Scalar>
void categorical_fisher_product(Stream&, ConstMatrixOf<Scalar> logits, ConstMatrixOf<Scalar> tangent, float scale,
                                MatrixOf<Scalar> product) {
  for_each_row(logits.rows, [&](Index m) {
    const Row<Scalar> row(logits.row(m));
    const VectorView<const Scalar> direction = tangent.row(m);
    double mean = 0.0;
    for (Index c = 0; c < row.size(); ++c) mean += row.probability(c) * static_cast<double>(direction.data[c]);
    add_to(product.row(m), [&](Index c) {
      return static_cast<double>(scale) * row.probability(c) * (static_cast<double>(direction.data[c]) - mean);
    });
  });
}

MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_sample)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_log_probability)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_log_probability_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_entropy)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_entropy_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_kl_divergence)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_kl_divergence_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_fisher_product)

}  // namespace mynah::kernels::eigen
