#include "kernels/gradient_penalty.h"

#include "kernels/cuda/row_group.h"

namespace mynah::kernels::cuda {
namespace {

struct PenaltyArguments {
  ConstMatrix gradient;
  Matrix direction;
  double target_norm;
  bool one_sided;
  double scale;  ///< 2 weight / rows
};

/// One row: its norm, then its direction. Limited by memory: a row is read twice, the second time from L1. Returns the
/// squared excess in the group's first thread, else 0.
template <int group>
__device__ __forceinline__ double penalize_row(const PenaltyArguments& arguments, Index row, int lane, bool valid) {
  const Index columns = valid ? arguments.gradient.columns : 0;
  const float* from = arguments.gradient.data + (valid ? row * arguments.gradient.stride : 0);
  float* to = arguments.direction.data + (valid ? row * arguments.direction.stride : 0);
  double squares = 0.0;
  for (Index c = lane; c < columns; c += group) {
    squares += static_cast<double>(from[c]) * static_cast<double>(from[c]);
  }
  const double norm = sqrt(group_sum<group>(squares));
  double excess = norm - arguments.target_norm;
  if (arguments.one_sided && excess < 0.0) excess = 0.0;
  const auto factor = static_cast<float>(norm == 0.0 ? 0.0 : arguments.scale * excess / norm);
  for (Index c = lane; c < columns; c += group) to[c] = factor * from[c];
  return valid && lane == 0 ? excess * excess : 0.0;
}

template <int group>
__global__ void __launch_bounds__(sum_threads) gradient_penalty_kernel(PenaltyArguments arguments, SumTarget loss) {
  double sum = 0.0;
  for_each_row<group>(arguments.gradient.rows, [&](Index row, int lane, bool valid) {
    sum += penalize_row<group>(arguments, row, lane, valid);
  });
  finish_sum(loss, sum);
}

}  // namespace

void gradient_penalty_loss(Stream& stream, const GradientPenaltyOptions& options, ConstMatrix gradient,
                           VectorView<double> loss_sum, Matrix direction) {
  const int group = gradient.columns <= 16 ? 4 : gradient.columns <= 1024 ? 32 : sum_threads;
  const Index blocks = row_blocks(gradient.rows, group);
  const PenaltyArguments arguments{gradient, direction, options.target_norm, options.one_sided,
                                   2.0 * options.weight / static_cast<double>(gradient.rows)};
  SumTarget loss{loss_sum.empty() ? nullptr : loss_sum.data, options.weight, true, nullptr};
  prepare_sum(stream, loss, blocks);
  const auto kernel = group == 4    ? gradient_penalty_kernel<4>
                      : group == 32 ? gradient_penalty_kernel<32>
                                    : gradient_penalty_kernel<sum_threads>;
  launch(stream, "gradient_penalty_loss", row_shape(blocks), kernel, arguments, loss);
  add_partial_sums(stream, "gradient_penalty_loss", loss, blocks);
}

}  // namespace mynah::kernels::cuda
