#include "kernels/mixture_likelihood.h"

#include "kernels/cuda/partial_sums.h"
#include "kernels/cuda/row_group.h"
#include "kernels/mixture_terms.h"

namespace mynah::kernels::cuda {
namespace {

// A policy has a few actions, a few components and a batch of some hundred rows: latency is what limits these, of the
// launch and of the exponentials. Hence one launch, and a lane for each component, so that sums over components stay in
// registers. Exponentials are taken anew where they are needed a second time: a row's do not fit in registers. Three
// blocks a multiprocessor are enough for that, and leave each thread the registers that double precision takes.

using Terms = MixtureTerms<float>;

/// Of a group of lanes: this lane's softmax, and ln Σ exp. `value` is -∞ in lanes without a component.
struct Softmax {
  double own, log_sum;
};
template <int group>
__device__ __forceinline__ Softmax softmax(double value) {
  const double largest = group_max<group>(value);
  const double exponential = exp(value - largest);
  const double sum = group_sum<group>(exponential);
  return {exponential / sum, largest + log(sum)};
}

constexpr double nothing = -HUGE_VAL;

template <int group>
__global__ void __launch_bounds__(sum_threads, 3) mixture_loss_kernel(Terms terms, Matrix gradient, SumTarget loss) {
  double sum = 0.0;
  for_each_row<group>(terms.prediction.rows, [&](Index row, int lane, bool valid) {
    const bool mine = valid && lane < terms.components();
    const Softmax weight = softmax<group>(mine ? terms.logit(row, lane) : nothing);
    const Softmax responsibility = softmax<group>(mine ? terms.log_joint(row, lane) : nothing);
    if (valid && lane == 0) {
      sum += (weight.log_sum - responsibility.log_sum) * (terms.weights == nullptr ? 1.0 : double{terms.weights[row]});
    }
    if (mine && gradient.data != nullptr) terms.write_gradient(row, lane, {weight.own, responsibility.own}, gradient);
  });
  finish_sum(loss, sum);
}

template <int group>
__global__ void __launch_bounds__(sum_threads, 3) mixture_tangent_kernel(Terms terms, ConstMatrix tangent, Matrix out) {
  for_each_row<group>(terms.prediction.rows, [&](Index row, int lane, bool valid) {
    const bool mine = valid && lane < terms.components();
    const double weight = softmax<group>(mine ? terms.logit(row, lane) : nothing).own;
    const double responsibility = softmax<group>(mine ? terms.log_joint(row, lane) : nothing).own;
    const double logit = mine ? terms.logit_tangent(tangent, row, lane) : 0.0;
    const double joint = mine ? terms.log_joint_tangent(tangent, row, lane) : 0.0;
    const double mean_logit = group_sum<group>(mine ? weight * logit : 0.0);
    const double mean_joint = group_sum<group>(mine ? responsibility * joint : 0.0);
    if (!mine) return;
    terms.write_tangent(row, lane, {weight, responsibility},
                        {weight * (logit - mean_logit), responsibility * (joint - mean_joint)}, tangent, out);
  });
}

/// The smallest group that has a lane for each component.
template <class Launch>
void with_group(Index components, const Launch& launch_with) {
  if (components <= 4) return launch_with(std::integral_constant<int, 4>{});
  if (components <= 8) return launch_with(std::integral_constant<int, 8>{});
  launch_with(std::integral_constant<int, 32>{});
}

Terms terms_of(ConstMatrix prediction, ConstMatrix target, const MixtureOptions<float>& options, ConstVector weights) {
  return {prediction, target, weights.empty() ? nullptr : weights.data, options};
}

}  // namespace

void mixture_likelihood_loss(Stream& stream, ConstMatrix prediction, ConstMatrix target, VectorView<double> loss_sum,
                             Matrix gradient, MixtureOptions<float> options, ConstVector weights) {
  const char* const name = "mixture_likelihood_loss";
  with_group(options.components, [&](auto group) {
    const Index blocks = row_blocks(prediction.rows, group());
    SumTarget sum{loss_sum.empty() ? nullptr : loss_sum.data, 1.0, true, nullptr};
    prepare_sum(stream, sum, blocks);
    launch(stream, name, row_shape(blocks), mixture_loss_kernel<group()>,
           terms_of(prediction, target, options, weights), gradient, sum);
    add_partial_sums(stream, name, sum, blocks);
  });
}

void mixture_likelihood_loss_tangent(Stream& stream, ConstMatrix prediction, ConstMatrix target,
                                     ConstMatrix prediction_tangent, Matrix gradient_tangent,
                                     MixtureOptions<float> options, ConstVector weights) {
  with_group(options.components, [&](auto group) {
    launch(stream, "mixture_likelihood_loss_tangent", row_shape(row_blocks(prediction.rows, group())),
           mixture_tangent_kernel<group()>, terms_of(prediction, target, options, weights), prediction_tangent,
           gradient_tangent);
  });
}

}  // namespace mynah::kernels::cuda
