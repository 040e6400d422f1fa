#include "kernels/mixture_likelihood.h"

#include <algorithm>
#include <array>

#include "kernels/mixture_terms.h"

namespace mynah::kernels::eigen {
namespace {

using Values = std::array<double, most_mixture_components>;

/// values = softmax of the first `count`; returns ln Σ exp.
double to_softmax(Values& values, Index count) {
  const auto end = values.begin() + count;
  // Not max_element: a NaN has to come through.
  double largest = values[0];
  for (auto it = values.begin(); it != end; ++it) largest = *it > largest ? *it : largest;
  double sum = 0.0;
  for (auto it = values.begin(); it != end; ++it) sum += * it = std::exp(*it - largest);
  for (auto it = values.begin(); it != end; ++it) *it /= sum;
  return largest + std::log(sum);
}

/// The weights and responsibilities of a row, and its f.
template <class Scalar>
struct Row {
  Values weights, responsibilities;
  double value;

  Row(const MixtureTerms<Scalar>& terms, Index row) {
    const Index components = terms.components();
    for (Index k = 0; k < components; ++k) {
      weights[static_cast<std::size_t>(k)] = terms.logit(row, k);
      responsibilities[static_cast<std::size_t>(k)] = terms.log_joint(row, k);
    }
    value = to_softmax(weights, components);
    value -= to_softmax(responsibilities, components);
  }
  typename MixtureTerms<Scalar>::Shares of(Index k) const {
    return {weights[static_cast<std::size_t>(k)], responsibilities[static_cast<std::size_t>(k)]};
  }
};

template <class Scalar>
MixtureTerms<Scalar> terms_of(MatrixView<const Scalar> prediction, MatrixView<const Scalar> target,
                              const MixtureOptions<Scalar>& options, VectorView<const Scalar> weights) {
  return {prediction, target, weights.empty() ? nullptr : weights.data, options};
}

}  // namespace

template <class Scalar>
void mixture_likelihood_loss(Stream&, ConstMatrixOf<Scalar> prediction, ConstMatrixOf<Scalar> target,
                             VectorView<double> loss_sum, MatrixOf<Scalar> gradient, MixtureOptions<Scalar> options,
                             ConstVectorOf<Scalar> weights) {
  const MixtureTerms<Scalar> terms = terms_of<Scalar>(prediction, target, options, weights);
  double loss = 0.0;
  for (Index m = 0; m < prediction.rows; ++m) {
    const Row<Scalar> row(terms, m);
    loss += weights.empty() ? row.value : row.value * static_cast<double>(weights.data[m]);
    if (gradient.data == nullptr) continue;
    for (Index k = 0; k < terms.components(); ++k) terms.write_gradient(m, k, row.of(k), gradient);
  }
  if (!loss_sum.empty()) loss_sum.data[0] += loss;
}

template <class Scalar>
void mixture_likelihood_loss_tangent(Stream&, ConstMatrixOf<Scalar> prediction, ConstMatrixOf<Scalar> target,
                                     ConstMatrixOf<Scalar> prediction_tangent, MatrixOf<Scalar> gradient_tangent,
                                     MixtureOptions<Scalar> options, ConstVectorOf<Scalar> weights) {
  const MixtureTerms<Scalar> terms = terms_of<Scalar>(prediction, target, options, weights);
  for (Index m = 0; m < prediction.rows; ++m) {
    const Row<Scalar> row(terms, m);
    Values logit_tangents, joint_tangents;
    double of_weights = 0.0, of_responsibilities = 0.0;
    for (Index k = 0; k < terms.components(); ++k) {
      const auto at = static_cast<std::size_t>(k);
      logit_tangents[at] = terms.logit_tangent(prediction_tangent, m, k);
      joint_tangents[at] = terms.log_joint_tangent(prediction_tangent, m, k);
      of_weights += row.weights[at] * logit_tangents[at];
      of_responsibilities += row.responsibilities[at] * joint_tangents[at];
    }
    for (Index k = 0; k < terms.components(); ++k) {
      const auto at = static_cast<std::size_t>(k);
      terms.write_tangent(m, k, row.of(k),
                          {row.weights[at] * (logit_tangents[at] - of_weights),
                           row.responsibilities[at] * (joint_tangents[at] - of_responsibilities)},
                          prediction_tangent, gradient_tangent);
    }
  }
}

MYNAH_FOR_FLOAT_AND_DOUBLE(mixture_likelihood_loss)
MYNAH_FOR_FLOAT_AND_DOUBLE(mixture_likelihood_loss_tangent)

}  // namespace mynah::kernels::eigen
