#include "kernels/linear_update.h"

#include "kernels/cuda/linear_parts.h"
#include "kernels/cuda/step_rule.h"
#include "kernels/linear_tuning.h"

namespace mynah::kernels::cuda {
namespace {

/// What is stepped on: weights [m, n] and, laid out as they are, what is kept of them; bias [m].
struct UpdateTarget {
  StepRule rule;
  float* w;
  float* w_first;
  float* w_second;
  Index stride;
  bool packs;  ///< rows may be taken four at a time
  float* b;    ///< null: none
  float* b_first;
  float* b_second;
};

/// The weight gradient of linear_kernel, whose elements take their step where they are summed: it is spared a way to
/// memory and back, and the optimizer a launch. What the step needs of an element is read once, when the sums are done.
template <class Block>
__global__ void __launch_bounds__(Block::threads, 2)
    linear_update_kernel(EarlierWork earlier, LinearArguments arguments, UpdateTarget target) {
  earlier.wait();
  __shared__ StepFactors factors;
  if (threadIdx.x == 0) factors = step_factors(target.rule);
  const TileRange range = tile_range(arguments, Block::tile_m, Block::tile_n);
  Block block;
  block.template multiply<true>({arguments.a}, {arguments.b}, range);
  __syncthreads();
  block.write_unrolled([&]<int width>(int row, int column, const Pack<width>& gradient) {
    const Index m = range.first_m + row;
    const Index n = range.first_n + column;
    if (m >= arguments.a.extent) return;
    const Index at = m * target.stride + n;
    if constexpr (width == 4) {
      if (target.packs && n + width <= arguments.b.extent) {
        return step_pack<width>(target.rule, factors, gradient, target.w, target.w_first, target.w_second, at);
      }
    }
#pragma unroll
    for (int i = 0; i < width; ++i) {
      if (n + i >= arguments.b.extent) break;
      step_pack<1>(target.rule, factors, {{gradient.value[i]}}, target.w, target.w_first, target.w_second, at + i);
    }
  });
  if (target.b == nullptr || range.first_n != 0) return;  // the whole block
  block.write_row_sums([&](int row, float sum) {
    const Index m = range.first_m + row;
    if (m >= arguments.a.extent) return;
    step_pack<1>(target.rule, factors, {{sum}}, target.b, target.b_first, target.b_second, m);
  });
}

template <class Shape>
void launch_update(Stream& stream, const char* operation, LinearArguments arguments, const UpdateTarget& target,
                   bool packs) {
  using Packed = TileBlock<Shape, MatrixLoader<false, true>, MatrixLoader<false, true>>;
  using Plain = TileBlock<Shape, MatrixLoader<false, false>, MatrixLoader<false, false>>;
  LaunchShape shape = tile_grid(arguments, Plain::tile_m, Plain::tile_n, 1);
  shape.block = dim3(Plain::threads);
  shape.shared_bytes = Plain::shared_bytes;
  launch(stream, operation, shape, packs ? linear_update_kernel<Packed> : linear_update_kernel<Plain>, arguments,
         target);
}

constexpr int parts_threads = 256;

/// Σ over parts in order, and the step: the second pass where k was cut into parts, for weights and bias in one launch.
/// Limited by memory: a few parts read, and what a step reads and writes.
__global__ void __launch_bounds__(parts_threads)
    step_parts_kernel(EarlierWork earlier, LinearArguments arguments, UpdateTarget target, Index parts) {
  earlier.wait();
  __shared__ StepFactors factors;
  if (threadIdx.x == 0) factors = step_factors(target.rule);
  __syncthreads();
  const Index m = arguments.a.extent;
  const Index n = arguments.b.extent;
  const Index step = Index{gridDim.x} * parts_threads;
  for (Index i = Index{blockIdx.x} * parts_threads + threadIdx.x; i < m * n; i += step) {
    float sum = arguments.partial[i];
    for (Index part = 1; part < parts; ++part) sum += arguments.partial[part * m * n + i];
    const Index at = i / n * target.stride + i % n;
    step_pack<1>(target.rule, factors, {{sum}}, target.w, target.w_first, target.w_second, at);
  }
  if (target.b == nullptr) return;
  for (Index row = Index{blockIdx.x} * parts_threads + threadIdx.x; row < m; row += step) {
    float sum = arguments.partial_row_sums[row];
    for (Index part = 1; part < parts; ++part) sum += arguments.partial_row_sums[part * m + row];
    step_pack<1>(target.rule, factors, {{sum}}, target.b, target.b_first, target.b_second, row);
  }
}

bool all_allow_packs(const Matrix& w, const LinearStep& step) {
  const auto allows = [](const Matrix& one) { return one.data == nullptr || allows_packs(one); };
  return allows(w) && allows(step.w_first) && allows(step.w_second);
}

}  // namespace

void linear_backward_and_step(Stream& stream, ConstMatrix x, Matrix w, Vector b, ConstMatrix dz, Matrix dx, Matrix,
                              Vector, const LinearStep& step, InputActivation<float> input_activation) {
  constexpr const char* operation = "linear_backward_and_step";
  // Before the weights change.
  if (!dx.empty()) cuda::linear_backward(stream, x, w, dz, dx, {}, {}, input_activation, {});
  if (w.rows == 0) return;
  LinearArguments arguments{};
  arguments.a = {dz.data, dz.stride, dz.columns};
  arguments.b = {x.data, x.stride, x.columns};
  arguments.depth = dz.rows;
  arguments.part_depth = arguments.depth;
  // A place for row sums, if they are to be taken in parts.
  arguments.target.row_sums = b.empty() ? nullptr : b.data;
  const UpdateTarget target{*step.rule,
                            w.data,
                            step.w_first.data,
                            step.w_second.data,
                            w.stride,
                            all_allow_packs(w, step),
                            b.empty() ? nullptr : b.data,
                            step.b_first.data,
                            step.b_second.data};
  const bool packs = allows_packs(dz) && allows_packs(x);
  const LinearChoice choice = kernels::choose_linear(
      stream, {LinearProduct::weight_gradient, Precision::float32, dz.columns, x.columns, dz.rows, packs});
  if (choice.parts > 1 && arguments.depth > SmallTile::tile_k) {
    const Index parts = queue_weight_parts(stream, operation, arguments, choice, packs);
    const Index blocks = std::min(ceil_divide(std::max(w.rows * w.columns, w.rows), parts_threads), grid_limit / 4);
    return launch(stream, operation, {dim3(static_cast<unsigned>(blocks)), dim3(parts_threads)}, step_parts_kernel,
                  arguments, target, parts);
  }
  switch (choice.kernel) {
    case LinearKernel::small:
      return launch_update<SmallTile>(stream, operation, arguments, target, packs);
    case LinearKernel::medium:
      return launch_update<MediumTile>(stream, operation, arguments, target, packs);
    case LinearKernel::large:
      return launch_update<LargeTile>(stream, operation, arguments, target, packs);
    case LinearKernel::pipelined:
    case LinearKernel::packed:
    case LinearKernel::warpgroup:
    case LinearKernel::dot:
      break;
  }
  throw_no_tile(operation, choice.kernel);
}

}  // namespace mynah::kernels::cuda
