#include "kernels/cuda/linear_packed.h"

#include <array>
#include <atomic>
#include <type_traits>

#include "kernels/cuda/map.h"
#include "kernels/cuda/packed_operand.h"
#include "kernels/cuda/packed_tile.h"
#include "kernels/cuda/warpgroup_tile.h"

namespace mynah::kernels::cuda {
namespace {

int attribute(int ordinal, cudaDeviceAttr which) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, ordinal), "linear");
  return value;
}

/// The kernel's code may be that of another architecture, which allows no block of its size, or missing.
bool can_run(int ordinal) {
  if (attribute(ordinal, cudaDevAttrComputeCapabilityMajor) != 9) return false;
  if (attribute(ordinal, cudaDevAttrComputeCapabilityMinor) != 0) return false;
  const CurrentDevice current(ordinal, "linear");
  cudaFuncAttributes attributes{};
  if (cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(linear_warpgroup_kernel<Precision::bfloat16>)) ==
      cudaSuccess) {
    return attributes.maxThreadsPerBlock >= WarpgroupTile::threads;
  }
  cudaGetLastError();  // it was not an error of anybody's
  return false;
}

/// Where everything lies in scratch memory, for blocks with tiles of tile_m x tile_n sums. Parts are as deep as those
/// of the kernels that do not pack.
struct Layout {
  Index rows_a, rows_b;
  Index k_tiles, part_k_tiles, parts;
  std::size_t a_bytes, b_bytes, partial_bytes, row_sum_bytes;

  Layout(const LinearArguments& arguments, int tile_m, int tile_n, Precision precision, Index wanted_parts)
      : rows_a(ceil_divide(arguments.a.extent, tile_m) * tile_m),
        rows_b(ceil_divide(arguments.b.extent, tile_n) * tile_n),
        k_tiles(ceil_divide(arguments.depth, wgmma_row_factors(precision))),
        part_k_tiles(ceil_divide(ceil_divide(arguments.depth, wanted_parts), deepest_mma_tile) *
                     (deepest_mma_tile / wgmma_row_factors(precision))),
        parts(ceil_divide(k_tiles, part_k_tiles)) {
    const Index elements = arguments.a.extent * arguments.b.extent;
    a_bytes = static_cast<std::size_t>(k_tiles * rows_a * wgmma_row_bytes);
    b_bytes = static_cast<std::size_t>(k_tiles * rows_b * wgmma_row_bytes);
    partial_bytes = parts > 1 ? static_cast<std::size_t>(parts * elements) * sizeof(float) : 0;
    row_sum_bytes = arguments.target.row_sums == nullptr
                        ? 0
                        : static_cast<std::size_t>(k_tiles * arguments.a.extent) * sizeof(float);
  }
  std::size_t bytes() const { return a_bytes + b_bytes + partial_bytes + row_sum_bytes; }
};

LinearTarget plain_target(float* data, Index stride) {
  LinearTarget target{};
  target.data = data;
  target.stride = stride;
  target.packs = stride % 4 == 0;
  target.activation = Activation::none;
  return target;
}

template <Precision precision, LinearProduct product>
void pack(Stream& stream, const char* operation, const PackArguments& arguments, unsigned blocks, bool packs) {
  launch(stream, operation, {dim3(blocks), dim3(pack_threads)},
         packs ? pack_operands_kernel<precision, product, true> : pack_operands_kernel<precision, product, false>,
         arguments);
}

template <Precision precision>
void pack(Stream& stream, const char* operation, LinearProduct product, const PackArguments& arguments, unsigned blocks,
          bool packs) {
  switch (product) {
    case LinearProduct::forward:
      return pack<precision, LinearProduct::forward>(stream, operation, arguments, blocks, packs);
    case LinearProduct::input_gradient:
      return pack<precision, LinearProduct::input_gradient>(stream, operation, arguments, blocks, packs);
    case LinearProduct::weight_gradient:
      return pack<precision, LinearProduct::weight_gradient>(stream, operation, arguments, blocks, packs);
  }
}

/// `blocks` blocks, each of which works on one tile or on several in turn.
template <class Tile>
void launch_tiles(Stream& stream, const char* operation, void (*kernel)(EarlierWork, PackedArguments), int blocks,
                  const PackedArguments& arguments) {
  const CurrentDevice current(stream.device().ordinal, operation);
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(Tile::shared_bytes)),
        operation);
  launch(stream, operation, {dim3(static_cast<unsigned>(blocks)), dim3(Tile::threads), Tile::shared_bytes}, kernel,
         arguments);
}

template <class Tile, Precision precision>
void multiply(Stream& stream, const char* operation, LinearProduct product, const LinearArguments& arguments,
              Index parts, bool packs) {
  const Layout layout(arguments, Tile::m, Tile::n, precision, parts);
  auto* const scratch = static_cast<unsigned char*>(stream.scratch(layout.bytes()));
  count_scratch(layout.bytes());
  PackArguments operands{};
  operands.a = {arguments.a, scratch, layout.rows_a};
  operands.b = {arguments.b, scratch + layout.a_bytes, layout.rows_b};
  operands.depth = arguments.depth;
  operands.blocks_of_a = pack_blocks(operands.a, layout.k_tiles);
  auto* const partial = reinterpret_cast<float*>(scratch + layout.a_bytes + layout.b_bytes);
  if (layout.row_sum_bytes > 0) operands.row_sums = partial + layout.partial_bytes / sizeof(float);
  const auto blocks = static_cast<unsigned>(operands.blocks_of_a + pack_blocks(operands.b, layout.k_tiles));
  pack<precision>(stream, operation, product, operands, blocks, packs);

  PackedArguments tiles{};
  tiles.a = operands.a.to;
  tiles.b = operands.b.to;
  tiles.rows_a = layout.rows_a;
  tiles.rows_b = layout.rows_b;
  tiles.m = arguments.a.extent;
  tiles.n = arguments.b.extent;
  tiles.k_tiles = static_cast<int>(layout.k_tiles);
  tiles.part_k_tiles = static_cast<int>(layout.part_k_tiles);
  tiles.tiles_m = static_cast<int>(layout.rows_a / Tile::m);
  tiles.tiles = tiles.tiles_m * static_cast<int>(layout.rows_b / Tile::n);
  tiles.work = tiles.tiles * static_cast<int>(layout.parts);
  tiles.target = layout.parts > 1 ? plain_target(partial, tiles.n) : arguments.target;
  if constexpr (std::is_same_v<Tile, WarpgroupTile>) {
    const int multiprocessors = attribute(stream.device().ordinal, cudaDevAttrMultiProcessorCount);
    launch_tiles<Tile>(stream, operation, linear_warpgroup_kernel<precision>, std::min(tiles.work, multiprocessors),
                       tiles);
  } else {
    launch_tiles<Tile>(stream, operation, linear_packed_kernel<precision>, tiles.work, tiles);
  }

  if (layout.parts > 1) {
    map(stream, operation, tiles.m, tiles.n, arguments.target.packs && tiles.n % 4 == 0,
        AddParts{arguments.target, partial, layout.parts, tiles.m, tiles.n});
  }
  if (operands.row_sums != nullptr) {
    map_singly(
        stream, operation, tiles.m,
        AddPartRowSums{operands.row_sums, layout.k_tiles, tiles.m, arguments.target.row_sums, arguments.target.add});
  }
}

template <class Tile>
void multiply(Stream& stream, const char* operation, LinearProduct product, Precision precision,
              const LinearArguments& arguments, Index parts, bool packs) {
  if (precision == Precision::tf32) {
    multiply<Tile, Precision::tf32>(stream, operation, product, arguments, parts, packs);
  } else {
    multiply<Tile, Precision::bfloat16>(stream, operation, product, arguments, parts, packs);
  }
}

}  // namespace

bool has_warpgroups(const Stream& stream) {
  // Devices are few and do not change.
  constexpr int known_devices = 64;
  static std::array<std::atomic<signed char>, known_devices> known{};  // 0: not asked yet
  const int ordinal = stream.device().ordinal;
  if (ordinal < 0 || ordinal >= known_devices) return false;
  auto& answer = known[static_cast<std::size_t>(ordinal)];
  if (answer.load(std::memory_order_relaxed) == 0) {
    answer.store(can_run(ordinal) ? 1 : -1, std::memory_order_relaxed);
  }
  return answer.load(std::memory_order_relaxed) > 0;
}

LinearChoice choose_warpgroup(const Stream& stream, Precision precision, Index m, Index n, Index k,
                              LinearChoice otherwise) {
  if (precision == Precision::float32) return otherwise;
  const Index parts = warpgroup_parts(m, n, k);
  return parts > 0 && has_warpgroups(stream) ? LinearChoice{LinearKernel::warpgroup, parts} : otherwise;
}

void launch_linear_packed(Stream& stream, const char* operation, LinearProduct product, LinearKernel kernel,
                          Precision precision, const LinearArguments& arguments, Index parts, bool packs) {
  if (precision == Precision::float32) throw_no_tile(operation, kernel);
  if (kernel == LinearKernel::warpgroup) {
    multiply<WarpgroupTile>(stream, operation, product, precision, arguments, parts, packs);
  } else {
    multiply<PackedTile>(stream, operation, product, precision, arguments, parts, packs);
  }
}

}  // namespace mynah::kernels::cuda
