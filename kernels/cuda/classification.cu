#include "kernels/classification.h"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/partial_sums.h"
#include "kernels/cuda/softmax_row.h"

namespace mynah::kernels::cuda {
namespace {

/// Limited by memory for many classes, by the latency of the reductions for few.
template <int group>
__global__ void __launch_bounds__(sum_threads) softmax_kernel(EarlierWork earlier, SoftmaxArguments arguments,
                                                              float* gradient, Index gradient_stride, SumTarget loss) {
  earlier.wait();
  const double share = arguments.share();
  double sum = 0.0;
  for_each_row<group>(arguments.logits.rows, [&](Index row, int lane, bool valid) {
    sum += softmax_row<group>(arguments, gradient, gradient_stride, share, row, lane, valid);
  });
  // rows / D is 1 unless classes have weights or a label is ignored.
  if (arguments.divisor != nullptr) sum *= share * static_cast<double>(arguments.logits.rows);
  finish_sum(loss, sum);
}

template <int group>
__global__ void __launch_bounds__(sum_threads)
    softmax_tangent_kernel(SoftmaxArguments arguments, ConstMatrix direction, Matrix out) {
  const double share = arguments.share();
  for_each_row<group>(arguments.logits.rows, [&](Index row, int lane, bool valid) {
    const Index classes = valid ? arguments.logits.columns : 0;
    const float* logits = arguments.logits.data + (valid ? row * arguments.logits.stride : 0);
    const float* tangent = direction.data + (valid ? row * direction.stride : 0);
    const RowSums sums = sums_of_row<group>(arguments, logits, classes, lane);
    float mean = 0.0f;
    for (Index c = lane; c < classes; c += group) mean += expf(logits[c] - sums.largest) * tangent[c];
    mean = group_sum<group>(mean) / sums.partition;
    if (!valid) return;
    const Index label = arguments.labels[row];
    const bool is_class = arguments.is_class(label);
    const bool counts = arguments.counts(row);
    const Comparison comparison(arguments, sums, is_class ? label : 0);
    const auto scale = static_cast<float>(static_cast<double>(arguments.weight(row)) * share) * comparison.sum;
    for (Index c = lane; c < classes; c += group) {
      const float probability = expf(logits[c] - sums.largest) / sums.partition;
      const float product = scale * probability * (tangent[c] - mean);
      out.data[row * out.stride + c] = !counts ? 0.0f : is_class ? product : NAN;
    }
  });
}

/// D = Σ_m u_label(m). Limited by memory: 4 bytes a row, and a class weight that lies in L1.
__global__ void __launch_bounds__(sum_threads) divisor_kernel(SoftmaxArguments arguments, SumTarget target) {
  const Index step = Index{gridDim.x} * sum_threads;
  double sum = 0.0;
  for (Index m = Index{blockIdx.x} * sum_threads + threadIdx.x; m < arguments.logits.rows; m += step) {
    const Index label = arguments.labels[m];
    if (!arguments.counts(m) || !arguments.is_class(label)) continue;
    sum += static_cast<double>(arguments.class_weight(label));
  }
  finish_sum(target, sum);
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

int group_for(Index classes) {
  return is_narrow(classes) ? 4 : classes <= 1024 ? 32 : sum_threads;
}

SoftmaxArguments arguments_of(ConstMatrix logits, ConstLabels labels, const CrossEntropyOptions<float>& options) {
  return {logits,
          labels.data,
          options.class_weights.empty() ? nullptr : options.class_weights.data,
          options.weights.empty() ? nullptr : options.weights.data,
          options.label_smoothing,
          options.ignored_label.has_value(),
          options.ignored_label.value_or(0),
          nullptr};
}

bool needs_divisor(const CrossEntropyOptions<float>& options) {
  return !options.class_weights.empty() || options.ignored_label.has_value();
}

/// D in the first double of scratch memory; behind it, room for the partial sums of `blocks` blocks.
double* queue_divisor(Stream& stream, const char* operation, const SoftmaxArguments& arguments, Index blocks) {
  const Index own = std::clamp<Index>(ceil_divide(arguments.logits.rows, Index{sum_threads} * 4), 1, grid_limit / 4);
  const auto doubles = static_cast<std::size_t>(1 + std::max(own, blocks));
  auto* const scratch = static_cast<double*>(stream.scratch(doubles * sizeof(double)));
  const SumTarget target{scratch, 1.0, false, scratch + 1};
  launch(stream, operation, {dim3(static_cast<unsigned>(own)), dim3(sum_threads)}, divisor_kernel, arguments, target);
  add_partial_sums(stream, operation, target, own);
  return scratch;
}

}  // namespace

void softmax_cross_entropy_loss(Stream& stream, ConstMatrix logits, ConstLabels labels, VectorView<double> loss_sum,
                                Matrix gradient, CrossEntropyOptions<float> options) {
  const char* const name = "softmax_cross_entropy_loss";
  const int group = group_for(logits.columns);
  const Index blocks = row_blocks(logits.rows, group);
  SumTarget loss{loss_sum.empty() ? nullptr : loss_sum.data, 1.0, true, nullptr};
  SoftmaxArguments arguments = arguments_of(logits, labels, options);
  if (needs_divisor(options)) {
    double* const scratch = queue_divisor(stream, name, arguments, blocks);
    arguments.divisor = scratch;
    loss.partial = scratch + 1;
  } else {
    prepare_sum(stream, loss, blocks);
  }
  const auto kernel = group == 4 ? softmax_kernel<4> : group == 32 ? softmax_kernel<32> : softmax_kernel<sum_threads>;
  launch(stream, name, row_shape(blocks), kernel, arguments, gradient.data, gradient.stride, loss);
  add_partial_sums(stream, name, loss, blocks);
}

void softmax_cross_entropy_loss_tangent(Stream& stream, ConstMatrix logits, ConstLabels labels,
                                        ConstMatrix logits_tangent, Matrix gradient_tangent,
                                        CrossEntropyOptions<float> options) {
  const char* const name = "softmax_cross_entropy_loss_tangent";
  const int group = group_for(logits.columns);
  SoftmaxArguments arguments = arguments_of(logits, labels, options);
  if (needs_divisor(options)) arguments.divisor = queue_divisor(stream, name, arguments, 0);
  const auto kernel = group == 4    ? softmax_tangent_kernel<4>
                      : group == 32 ? softmax_tangent_kernel<32>
                                    : softmax_tangent_kernel<sum_threads>;
  launch(stream, name, row_shape(row_blocks(logits.rows, group)), kernel, arguments, logits_tangent, gradient_tangent);
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
