#include "kernels/cuda/partial_sums.h"

#include "kernels/cuda/launch.h"

namespace mynah::kernels::cuda {
namespace {

/// At most a few thousand numbers: one block, limited by the latency of one round trip to L2.
__global__ void __launch_bounds__(sum_threads)
    add_partial_sums_kernel(EarlierWork earlier, SumTarget target, Index count) {
  earlier.wait();
  double sum = 0.0;
  for (Index i = threadIdx.x; i < count; i += sum_threads) sum += target.partial[i];
  finish_sum(target, sum);
}

}  // namespace

void prepare_sum(Stream& stream, SumTarget& target, Index blocks) {
  if (target.out == nullptr || blocks == 1) return;
  const std::size_t bytes = static_cast<std::size_t>(blocks) * sizeof(double);
  target.partial = static_cast<double*>(stream.scratch(bytes));
  count_scratch(bytes);
}

void add_partial_sums(Stream& stream, const char* operation, const SumTarget& target, Index blocks) {
  if (target.out == nullptr || blocks == 1) return;
  launch(stream, operation, {dim3(1), dim3(sum_threads)}, add_partial_sums_kernel, target, blocks);
}

}  // namespace mynah::kernels::cuda
