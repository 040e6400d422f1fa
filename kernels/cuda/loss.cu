#include "kernels/loss.h"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/partial_sums.h"
#include "kernels/cuda/row_group.h"

namespace mynah::kernels::cuda {
namespace {

struct MseArguments {
  ConstMatrix prediction;
  ConstMatrix target;
  float* gradient;  ///< null: not wanted
  Index gradient_stride;
  float gradient_scale;
};

template <int width>
__device__ __forceinline__ double mse_pack(const MseArguments& arguments, Index row, Index column) {
  const Pack<width> target = load<width>(arguments.target.data + row * arguments.target.stride + column);
  Pack<width> difference = load<width>(arguments.prediction.data + row * arguments.prediction.stride + column);
  double sum = 0.0;
#pragma unroll
  for (int i = 0; i < width; ++i) {
    difference.value[i] -= target.value[i];
    sum += static_cast<double>(difference.value[i]) * static_cast<double>(difference.value[i]);
    difference.value[i] *= arguments.gradient_scale;
  }
  if (arguments.gradient != nullptr) {
    store<width>(arguments.gradient + row * arguments.gradient_stride + column, difference);
  }
  return sum;
}

/// Limited by memory: 8 bytes read and 4 written an element, each once, value and gradient together. Packs are counted
/// through the whole matrix, so that a block of a narrow matrix is full; a matrix without gaps comes as one row and
/// needs no division.
template <bool packs>
__global__ void __launch_bounds__(sum_threads) mse_kernel(MseArguments arguments, SumTarget loss) {
  constexpr Index width = packs ? 4 : 1;
  const Index columns = arguments.prediction.columns;
  const Index packs_of_row = (columns + width - 1) / width;
  const Index count = arguments.prediction.rows * packs_of_row;
  const Index step = Index{gridDim.x} * sum_threads;
  double sum = 0.0;
  for (Index i = Index{blockIdx.x} * sum_threads + threadIdx.x; i < count; i += step) {
    const Index row = arguments.prediction.rows == 1 ? 0 : i / packs_of_row;
    const Index column = (i - row * packs_of_row) * width;
    if (column + width <= columns) {
      sum += mse_pack<width>(arguments, row, column);
    } else {
      for (Index rest = column; rest < columns; ++rest) sum += mse_pack<1>(arguments, row, rest);
    }
  }
  finish_sum(loss, sum);
}

template <class T>
MatrixView<T> as_one_row(MatrixView<T> x) {
  return {x.data, 1, x.rows * x.columns};
}

struct SoftmaxArguments {
  ConstMatrix logits;
  const std::int32_t* labels;
  float* gradient;  ///< null: not wanted
  Index gradient_stride;
  float gradient_scale;  ///< 1/rows
};

/// One row: its maximum, the sum of its exponentials and its gradient. Each thread reads its elements three times, from
/// memory once and then from L1 (a row of 1024 classes is 4 KB). It writes only elements that it alone has read, so
/// that the gradient may take the place of the logits. Returns the row's loss, in the group's first thread; else 0.
template <int group>
__device__ __forceinline__ double softmax_row(const SoftmaxArguments& arguments, Index row, int lane, bool valid) {
  const Index classes = valid ? arguments.logits.columns : 0;
  const float* logits = arguments.logits.data + (valid ? row * arguments.logits.stride : 0);
  const Index label = valid ? arguments.labels[row] : -1;
  float largest = -INFINITY;
  float at_label = 0.0f;
  for (Index c = lane; c < classes; c += group) {
    const float logit = logits[c];
    largest = logit > largest ? logit : largest;
    if (c == label) at_label = logit;
  }
  largest = group_max<group>(largest);
  at_label = group_sum<group>(at_label);  // one thread holds it, the others 0
  float sum = 0.0f;
  for (Index c = lane; c < classes; c += group) sum += expf(logits[c] - largest);
  sum = group_sum<group>(sum);
  if (arguments.gradient != nullptr) {
    float* gradient = arguments.gradient + (valid ? row * arguments.gradient_stride : 0);
    for (Index c = lane; c < classes; c += group) {
      const float probability = expf(logits[c] - largest) / sum;
      gradient[c] = (probability - (c == label ? 1.0f : 0.0f)) * arguments.gradient_scale;
    }
  }
  if (!valid || lane != 0) return 0.0;
  return log(static_cast<double>(sum)) + static_cast<double>(largest) - static_cast<double>(at_label);
}

/// Limited by memory for many classes, by the latency of the reductions for few.
template <int group>
__global__ void __launch_bounds__(sum_threads) softmax_kernel(SoftmaxArguments arguments, SumTarget loss) {
  double sum = 0.0;
  for_each_row<group>(arguments.logits.rows,
                      [&](Index row, int lane, bool valid) { sum += softmax_row<group>(arguments, row, lane, valid); });
  finish_sum(loss, sum);
}

/// The position of the row's largest score, the first of equals, in every thread of the group (a part of a warp).
template <int group>
__device__ __forceinline__ Index largest_of_row(const ConstMatrix& scores, Index row, int lane, bool valid) {
  const Index classes = valid ? scores.columns : 0;
  const float* values = scores.data + (valid ? row * scores.stride : 0);
  float largest = -INFINITY;
  long long position = scores.columns;  // later than any
  for (Index c = lane; c < classes; c += group) {
    if (values[c] > largest || position == scores.columns) {
      largest = values[c];
      position = c;
    }
  }
#pragma unroll
  for (int offset = group / 2; offset > 0; offset /= 2) {
    const float other = __shfl_xor_sync(all_lanes, largest, offset);
    const long long other_position = __shfl_xor_sync(all_lanes, position, offset);
    if (other > largest || (other == largest && other_position < position)) {
      largest = other;
      position = other_position;
    }
  }
  return position;
}

template <int group>
__global__ void __launch_bounds__(sum_threads)
    count_correct_kernel(ConstMatrix scores, ConstLabels labels, SumTarget target) {
  double correct = 0.0;
  for_each_row<group>(scores.rows, [&](Index row, int lane, bool valid) {
    const Index position = largest_of_row<group>(scores, row, lane, valid);
    if (valid && lane == 0 && position == labels.data[row]) correct += 1.0;
  });
  finish_sum(target, correct);
}

template <int group>
__global__ void __launch_bounds__(sum_threads) argmax_kernel(ConstMatrix scores, Labels out) {
  for_each_row<group>(scores.rows, [&](Index row, int lane, bool valid) {
    const Index position = largest_of_row<group>(scores, row, lane, valid);
    if (valid && lane == 0) out.data[row] = static_cast<std::int32_t>(position);
  });
}

/// Up to 16 classes, as a policy with discrete actions has: 4 threads, each with a few.
bool is_narrow(Index classes) {
  return classes <= 16;
}

}  // namespace

void mse_loss(Stream& stream, ConstMatrix prediction, ConstMatrix target, VectorView<double> loss_sum,
              Matrix gradient) {
  const double columns = static_cast<double>(prediction.columns);
  const double elements = static_cast<double>(prediction.rows) * columns;
  const bool wants_gradient = gradient.data != nullptr;
  if (is_contiguous(prediction) && is_contiguous(target) && (!wants_gradient || is_contiguous(gradient))) {
    prediction = as_one_row(prediction);
    target = as_one_row(target);
    if (wants_gradient) gradient = as_one_row(gradient);
  }
  const bool packs = allows_packs(prediction) && allows_packs(target) && (!wants_gradient || allows_packs(gradient));
  const Index count = prediction.rows * ceil_divide(prediction.columns, packs ? 4 : 1);
  const Index blocks = std::clamp<Index>(ceil_divide(count, Index{sum_threads} * 4), 1, grid_limit / 4);
  const MseArguments arguments{prediction, target, gradient.data, gradient.stride, static_cast<float>(2.0 / elements)};
  // rows * L = Σ (p - t)² / columns
  SumTarget loss{loss_sum.empty() ? nullptr : loss_sum.data, 1.0 / columns, true, nullptr};
  prepare_sum(stream, loss, blocks);
  launch(stream, "mse_loss", {dim3(static_cast<unsigned>(blocks)), dim3(sum_threads)},
         packs ? mse_kernel<true> : mse_kernel<false>, arguments, loss);
  add_partial_sums(stream, "mse_loss", loss, blocks);
}

void softmax_cross_entropy_loss(Stream& stream, ConstMatrix logits, ConstLabels labels, VectorView<double> loss_sum,
                                Matrix gradient) {
  const int group = is_narrow(logits.columns) ? 4 : logits.columns <= 1024 ? 32 : sum_threads;
  const Index blocks = row_blocks(logits.rows, group);
  const SoftmaxArguments arguments{logits, labels.data, gradient.data, gradient.stride,
                                   static_cast<float>(1.0 / static_cast<double>(logits.rows))};
  SumTarget loss{loss_sum.empty() ? nullptr : loss_sum.data, 1.0, true, nullptr};
  prepare_sum(stream, loss, blocks);
  const auto kernel = group == 4 ? softmax_kernel<4> : group == 32 ? softmax_kernel<32> : softmax_kernel<sum_threads>;
  launch(stream, "softmax_cross_entropy_loss", row_shape(blocks), kernel, arguments, loss);
  add_partial_sums(stream, "softmax_cross_entropy_loss", loss, blocks);
}

void count_correct(Stream& stream, ConstMatrix scores, ConstLabels labels, VectorView<double> count) {
  const bool narrow = is_narrow(scores.columns);
  const Index blocks = row_blocks(scores.rows, narrow ? 4 : 32);
  SumTarget target{count.data, 1.0, true, nullptr};
  prepare_sum(stream, target, blocks);
  launch(stream, "count_correct", row_shape(blocks), narrow ? count_correct_kernel<4> : count_correct_kernel<32>,
         scores, labels, target);
  add_partial_sums(stream, "count_correct", target, blocks);
}

void argmax_rows(Stream& stream, ConstMatrix scores, Labels out) {
  const bool narrow = is_narrow(scores.columns);
  launch(stream, "argmax_rows", row_shape(row_blocks(scores.rows, narrow ? 4 : 32)),
         narrow ? argmax_kernel<4> : argmax_kernel<32>, scores, out);
}

}  // namespace mynah::kernels::cuda
