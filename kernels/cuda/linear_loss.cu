#include "kernels/linear_loss.h"

#include "kernels/cuda/dot_product.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/linear_selection.h"
#include "kernels/cuda/partial_sums.h"
#include "kernels/cuda/softmax_row.h"
#include "kernels/loss_functions.h"

namespace mynah::kernels::cuda {
namespace {

struct LinearLossArguments {
  ConstMatrix x;
  ConstMatrix w;
  const float* bias;  ///< null: none
  Matrix y;
  ElementwiseLoss loss = ElementwiseLoss::mse;
  ConstMatrix values;          ///< null: labels
  const std::int32_t* labels;  ///< null: values
  float share;                 ///< 1 / elements, of values
  Matrix gradient;
  Index rows_of_block;
  SumTarget sum;
  std::uint32_t* ticket;
  PassingCount counts[2];
};

/// This block's rows of y, a warp for each element in turn.
template <bool packs, Precision precision>
__device__ __forceinline__ void multiply(const LinearLossArguments& arguments, Index first_row, Index rows) {
  const Index outputs = arguments.y.columns;
  const Index lane = threadIdx.x % 32;
  for (Index element = threadIdx.x / 32; element < rows * outputs; element += sum_threads / 32) {
    const Index m = first_row + element / outputs;
    const Index n = element % outputs;
    float value = dot_product<packs, precision>(arguments.x.data + m * arguments.x.stride,
                                                arguments.w.data + n * arguments.w.stride, arguments.x.columns, lane);
    if (arguments.bias != nullptr) value += arguments.bias[n];
    if (lane == 0) arguments.y.data[m * arguments.y.stride + n] = value;
  }
}

/// Gradient and, for this thread, Σ f of the rows whose y the block has just written.
__device__ __forceinline__ double compare_values(const LinearLossArguments& arguments, Index first_row, Index rows) {
  const Index outputs = arguments.y.columns;
  double sum = 0.0;
  for (Index element = threadIdx.x; element < rows * outputs; element += sum_threads) {
    const Index m = first_row + element / outputs;
    const Index n = element % outputs;
    const float prediction = arguments.y.data[m * arguments.y.stride + n];
    const float target = arguments.values.data[m * arguments.values.stride + n];
    const float parameter = arguments.loss.parameter();
    float* const gradient = arguments.gradient.data + m * arguments.gradient.stride + n;
    switch (arguments.loss.kind()) {
#define MYNAH_CASE(name, type)                                                                   \
  case ElementwiseLoss::name:                                                                    \
    sum += loss_functions::type::value(prediction, target, parameter);                           \
    *gradient = arguments.share * loss_functions::type::gradient(prediction, target, parameter); \
    break;
      MYNAH_ELEMENTWISE_LOSSES(MYNAH_CASE)
#undef MYNAH_CASE
    }
  }
  return sum;
}

template <int group>
__device__ __forceinline__ double compare_labels(const LinearLossArguments& arguments, Index first_row, Index rows) {
  const SoftmaxArguments softmax{arguments.y, arguments.labels, nullptr, nullptr, 0.0f, false, 0, nullptr};
  const int lane = static_cast<int>(threadIdx.x) % group;
  const int place = static_cast<int>(threadIdx.x) / group;
  double sum = 0.0;
  for (Index first = 0; first < rows; first += sum_threads / group) {
    const bool valid = first + place < rows;
    sum += softmax_row<group>(softmax, arguments.gradient.data, arguments.gradient.stride, softmax.share(),
                              first_row + first + place, lane, valid);
  }
  return sum;
}

/// The block's sum; the last block to come here adds up those of all, in their order, so that no second launch need.
/// Which block that is decides nothing but who does the work.
__device__ __forceinline__ void finish_sum_of_blocks(const LinearLossArguments& arguments, double value) {
  if (gridDim.x == 1) return finish_sum(arguments.sum, value);
  __shared__ bool is_last;
  const double total = block_sum<sum_threads>(value);
  if (threadIdx.x == 0) {
    arguments.sum.partial[blockIdx.x] = total;
    __threadfence();
    is_last = atomicAdd(arguments.ticket, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!is_last) return;  // the whole block
  __threadfence();
  double sum = 0.0;
  for (Index i = threadIdx.x; i < gridDim.x; i += sum_threads) sum += __ldcg(arguments.sum.partial + i);
  sum = block_sum<sum_threads>(sum);
  if (threadIdx.x != 0) return;
  arguments.sum.out[0] += arguments.sum.scale * sum;
  *arguments.ticket = 0;
}

/// Limited by latency: a policy's head over a batch is a hundred kilobytes of work for a whole GPU. A block has so many
/// rows as give each of its warps an element of y, hence many blocks; y, the loss and its gradient are all done by
/// whoever has the row, where three launches would write y, read it, and wait for each other.
template <bool packs, Precision precision>
__global__ void __launch_bounds__(sum_threads) linear_loss_kernel(EarlierWork earlier, LinearLossArguments arguments) {
  earlier.wait();
  const Index first_row = Index{blockIdx.x} * arguments.rows_of_block;
  const Index left = arguments.y.rows - first_row;
  const Index rows = left < arguments.rows_of_block ? left : arguments.rows_of_block;
  multiply<packs, precision>(arguments, first_row, rows);
  __syncthreads();
  const bool narrow = arguments.y.columns <= 16;  // as softmax_cross_entropy_loss has it
  const double sum = arguments.labels == nullptr ? compare_values(arguments, first_row, rows)
                     : narrow                    ? compare_labels<4>(arguments, first_row, rows)
                                                 : compare_labels<32>(arguments, first_row, rows);
  finish_sum_of_blocks(arguments, sum);
  if (blockIdx.x != 0 || threadIdx.x != 0) return;
  for (const PassingCount& count : arguments.counts) {
    if (count.counter != nullptr) count.counter[0] += count.amount;
  }
}

template <Precision precision>
void launch_precision(Stream& stream, const LaunchShape& shape, bool packs, const LinearLossArguments& arguments) {
  launch(stream, "linear_loss", shape,
         packs ? linear_loss_kernel<true, precision> : linear_loss_kernel<false, precision>, arguments);
}

}  // namespace

/// By the rule alone: measured choices do not change it (not_allowed in kernels/linear_tuning.h).
bool linear_loss_fits(Index rows, Index inputs, Index outputs) {
  return choose_linear(LinearProduct::forward, rows, outputs, inputs).kernel == LinearKernel::dot;
}

void linear_loss(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y, const LinearLoss& loss) {
  LinearLossArguments arguments{};
  arguments.x = x;
  arguments.w = w;
  arguments.bias = b.empty() ? nullptr : b.data;
  arguments.y = y;
  arguments.loss = loss.loss;
  arguments.values = loss.values;
  arguments.labels = loss.labels.data;
  arguments.share = static_cast<float>(1.0 / (static_cast<double>(y.rows) * static_cast<double>(y.columns)));
  arguments.gradient = loss.gradient;
  arguments.rows_of_block = ceil_divide(sum_threads / 32, y.columns);
  arguments.ticket = loss.ticket;
  for (std::size_t i = 0; i < loss.counts.size(); ++i) arguments.counts[i] = loss.counts[i];
  const Index blocks = ceil_divide(y.rows, arguments.rows_of_block);
  arguments.sum = {loss.loss_sum.data, loss.labels.empty() ? 1.0 / static_cast<double>(y.columns) : 1.0, true, nullptr};
  prepare_sum(stream, arguments.sum, blocks);
  const bool packs = allows_packs(x) && allows_packs(w);
  const LaunchShape shape{dim3(static_cast<unsigned>(blocks)), dim3(sum_threads)};
  if (loss.precision == Precision::tf32) {
    launch_precision<Precision::tf32>(stream, shape, packs, arguments);
  } else if (loss.precision == Precision::bfloat16) {
    launch_precision<Precision::bfloat16>(stream, shape, packs, arguments);
  } else {
    launch_precision<Precision::float32>(stream, shape, packs, arguments);
  }
}

}  // namespace mynah::kernels::cuda
