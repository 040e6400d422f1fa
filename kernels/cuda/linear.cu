#include "kernels/linear.h"

#include <limits>
#include <string>

#include "kernels/cuda/dot_product.h"
#include "kernels/cuda/linear_mma.h"
#include "kernels/cuda/linear_override.h"
#include "kernels/cuda/linear_packed.h"
#include "kernels/cuda/linear_parts.h"
#include "kernels/cuda/map.h"
#include "kernels/cuda/mma_tile.h"
#include "kernels/linear_tuning.h"

namespace mynah::kernels::cuda {
namespace {

constexpr int dot_warps = 8;

/// y_mo = x_m · w_o, a warp for each element. For layers with few elements (batch 1, a policy's head, hidden layers of
/// small networks) it is limited by latency: every lane has its share of the row in flight at once and five shuffles
/// end the sum, where a tile would go through k step by step. For one row or one output it reads the matrix once and is
/// limited by memory. Neighbouring warps share a row of x, which they find in L1. Tensor cores would not help: in
/// reduced precision the factors are rounded here and multiplied in float32.
template <bool packs, Precision precision>
__global__ void __launch_bounds__(dot_warps * 32) linear_dot_kernel(EarlierWork earlier, LinearArguments arguments) {
  earlier.wait();
  const Index element = Index{blockIdx.x} * dot_warps + threadIdx.x / 32;
  const Index lane = threadIdx.x % 32;
  if (element >= arguments.a.extent * arguments.b.extent) return;  // the whole warp
  const Index m = element / arguments.b.extent;
  const Index n = element % arguments.b.extent;
  const float* a = arguments.a.data + m * arguments.a.stride;
  const float* b = arguments.b.data + n * arguments.b.stride;
  const float sum = dot_product<packs, precision>(a, b, arguments.depth, lane);
  if (lane == 0) store_finished<1>(arguments.target, m, n, {{sum}});
}

template <Precision precision>
void launch_dots(Stream& stream, const char* operation, const LinearArguments& arguments, bool packs) {
  const Index blocks = ceil_divide(arguments.a.extent * arguments.b.extent, dot_warps);
  launch(stream, operation, {dim3(static_cast<unsigned>(blocks)), dim3(dot_warps * 32)},
         packs ? linear_dot_kernel<true, precision> : linear_dot_kernel<false, precision>, arguments);
}

void launch_dots(Stream& stream, const char* operation, Precision precision, const LinearArguments& arguments,
                 bool packs) {
  if (precision == Precision::tf32) {
    launch_dots<Precision::tf32>(stream, operation, arguments, packs);
  } else if (precision == Precision::bfloat16) {
    launch_dots<Precision::bfloat16>(stream, operation, arguments, packs);
  } else {
    launch_dots<Precision::float32>(stream, operation, arguments, packs);
  }
}

/// Scratch for the parts, if there are several, whose depth is a multiple of `step`; returns how many there are.
Index prepare_parts(Stream& stream, LinearArguments& arguments, Index parts, Index step) {
  arguments.part_depth = arguments.depth;
  if (parts <= 1) return 1;
  arguments.part_depth = ceil_divide(ceil_divide(arguments.depth, parts), step) * step;
  parts = ceil_divide(arguments.depth, arguments.part_depth);
  if (parts <= 1) return 1;  // less deep than a step
  const Index elements = arguments.a.extent * arguments.b.extent;
  const Index sums = arguments.target.row_sums == nullptr ? 0 : arguments.a.extent;
  const std::size_t bytes = static_cast<std::size_t>(parts * (elements + sums)) * sizeof(float);
  arguments.partial = static_cast<float*>(stream.scratch(bytes));
  count_scratch(bytes);
  if (sums > 0) arguments.partial_row_sums = arguments.partial + parts * elements;
  return parts;
}

void add_parts(Stream& stream, const char* operation, const LinearArguments& arguments, Index parts) {
  const Index m = arguments.a.extent;
  const Index n = arguments.b.extent;
  const bool packs = arguments.target.packs && n % 4 == 0;
  map(stream, operation, m, n, packs, AddParts{arguments.target, arguments.partial, parts, m, n});
  if (arguments.partial_row_sums == nullptr) return;
  map_singly(stream, operation, m,
             AddPartRowSums{arguments.partial_row_sums, parts, m, arguments.target.row_sums, arguments.target.add});
}

/// The product of float32 by the tile that was chosen.
template <LinearProduct product>
void launch_tiles(Stream& stream, const char* operation, LinearKernel kernel, const LinearArguments& arguments,
                  Index parts, bool packs) {
  switch (kernel) {
    case LinearKernel::small:
      return launch_linear<TileBlocks<SmallTile>::template Block, product>(stream, operation, arguments, parts, packs);
    case LinearKernel::medium:
      return launch_linear<TileBlocks<MediumTile>::template Block, product>(stream, operation, arguments, parts, packs);
    case LinearKernel::large:
      return launch_linear<TileBlocks<LargeTile>::template Block, product>(stream, operation, arguments, parts, packs);
    case LinearKernel::pipelined:
    case LinearKernel::packed:
    case LinearKernel::warpgroup:
    case LinearKernel::dot:
      break;
  }
  throw_no_tile(operation, kernel);
}

/// The launch common to the three products. packs: both operands may be read four floats at a time.
template <LinearProduct product>
void multiply(Stream& stream, const char* operation, Precision precision, LinearArguments arguments, bool packs) {
  require(arguments.depth < std::numeric_limits<int>::max() - deepest_mma_tile, operation,
          "a sum of fewer than two thousand million products");
  const LinearChoice choice = overridden_linear().value_or(kernels::choose_linear(
      stream, {product, precision, arguments.a.extent, arguments.b.extent, arguments.depth, packs}));
  if (packs_operands(choice.kernel)) {
    return launch_linear_packed(stream, operation, product, choice.kernel, precision, arguments, choice.parts, packs);
  }
  if (choice.kernel == LinearKernel::dot) return launch_dots(stream, operation, precision, arguments, packs);
  const bool strict = precision == Precision::float32;
  const Index deepest_tile = strict ? SmallTile::tile_k : deepest_mma_tile;  // the others' depths divide it
  const Index parts = prepare_parts(stream, arguments, choice.parts, deepest_tile);
  if (!strict) {
    launch_linear_mma(stream, operation, product, choice.kernel, precision, arguments, parts, packs);
  } else {
    launch_tiles<product>(stream, operation, choice.kernel, arguments, parts, packs);
  }
  if (parts > 1) add_parts(stream, operation, arguments, parts);
}

LinearTarget target_of(Matrix c) {
  LinearTarget target{};
  target.data = c.data;
  target.stride = c.stride;
  target.packs = allows_packs(c);
  return target;
}

}  // namespace

void throw_no_tile(const char* operation, LinearKernel kernel) {
  throw Error(Error::Cause::internal, operation,
              std::string("the kernel '") + traits_of(kernel).name + "' has no tile for this product");
}

Index queue_weight_parts(Stream& stream, const char* operation, LinearArguments& arguments, const LinearChoice& choice,
                         bool packs) {
  const Index parts = prepare_parts(stream, arguments, choice.parts, SmallTile::tile_k);
  launch_tiles<LinearProduct::weight_gradient>(stream, operation, choice.kernel, arguments, parts, packs);
  return parts;
}

void linear_forward(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Activation activation, Matrix y,
                    Matrix z, ProductOptions options) {
  LinearArguments arguments{};
  arguments.a = {x.data, x.stride, x.rows};
  arguments.b = {w.data, w.stride, w.rows};
  arguments.depth = x.columns;
  arguments.target = target_of(y);
  arguments.target.add = options.add;
  arguments.target.bias = b.empty() ? nullptr : b.data;
  arguments.target.activation = activation;
  arguments.target.before = z.data;
  arguments.target.before_stride = z.stride;
  multiply<LinearProduct::forward>(stream, "linear_forward", options.precision, arguments,
                                   allows_packs(x) && allows_packs(w));
}

void linear_backward(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dz, Matrix dx, Matrix dw, Vector db,
                     InputActivation<float> input_activation, ProductOptions options) {
  if (dx.data != nullptr && !dx.empty()) {
    LinearArguments arguments{};
    arguments.a = {dz.data, dz.stride, dz.rows};
    arguments.b = {w.data, w.stride, w.columns};
    arguments.depth = dz.columns;
    arguments.target = target_of(dx);
    arguments.target.add = options.add;
    if (input_activation.activation != Activation::none) {
      arguments.target.activation = input_activation.activation;
      arguments.target.operand = input_activation.operand.data;
      arguments.target.operand_stride = input_activation.operand.stride;
    }
    const bool packs = allows_packs(dz) && allows_packs(w);
    multiply<LinearProduct::input_gradient>(stream, "linear_backward (input)", options.precision, arguments, packs);
  }
  const bool wants_dw = dw.data != nullptr && !dw.empty();
  const bool wants_db = db.data != nullptr && !db.empty();
  if (wants_dw || wants_db) {
    LinearArguments arguments{};
    arguments.a = {dz.data, dz.stride, dz.columns};
    // Without dw there are no columns, and the sums of dz are left.
    arguments.b = {x.data, x.stride, wants_dw ? x.columns : 0};
    arguments.depth = dz.rows;
    arguments.target = target_of(dw);
    arguments.target.add = !options.overwrite_weights;
    arguments.target.row_sums = wants_db ? db.data : nullptr;
    const bool packs = allows_packs(dz) && allows_packs(x);
    const Precision precision = wants_dw ? options.precision : Precision::float32;  // no products, no rounding
    multiply<LinearProduct::weight_gradient>(stream, "linear_backward (weight)", precision, arguments, packs);
  }
}

}  // namespace mynah::kernels::cuda
