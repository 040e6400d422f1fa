#include "kernels/cuda/linear_warpgroup.h"

#include <array>
#include <atomic>

#include "kernels/cuda/map.h"
#include "kernels/cuda/warpgroup_operand.h"
#include "kernels/cuda/warpgroup_tile.h"

namespace mynah::kernels::cuda {
namespace {

int attribute(int ordinal, cudaDeviceAttr which) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, ordinal), "linear");
  return value;
}

const void* address_of(Precision precision) {
  return precision == Precision::tf32 ? reinterpret_cast<const void*>(linear_warpgroup_kernel<Precision::tf32>)
                                      : reinterpret_cast<const void*>(linear_warpgroup_kernel<Precision::bfloat16>);
}

/// The kernel's code may be that of another architecture, which allows no block of its size, or missing.
bool can_run(int ordinal) {
  if (attribute(ordinal, cudaDevAttrComputeCapabilityMajor) != 9) return false;
  if (attribute(ordinal, cudaDevAttrComputeCapabilityMinor) != 0) return false;
  const CurrentDevice current(ordinal, "linear");
  cudaFuncAttributes attributes{};
  if (cudaFuncGetAttributes(&attributes, address_of(Precision::bfloat16)) == cudaSuccess) {
    return attributes.maxThreadsPerBlock >= WarpgroupTile::threads;
  }
  cudaGetLastError();  // it was not an error of anybody's
  return false;
}

/// Where everything lies in scratch memory.
struct Layout {
  Index rows_a, rows_b;
  Index k_tiles, part_k_tiles, parts;
  std::size_t a_bytes, b_bytes, partial_bytes, row_sum_bytes;

  Layout(const LinearArguments& arguments, Precision precision, Index wanted_parts)
      : rows_a(ceil_divide(arguments.a.extent, WarpgroupTile::m) * WarpgroupTile::m),
        rows_b(ceil_divide(arguments.b.extent, WarpgroupTile::n) * WarpgroupTile::n),
        k_tiles(ceil_divide(arguments.depth, wgmma_row_factors(precision))),
        part_k_tiles(ceil_divide(k_tiles, wanted_parts)),
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
void launch_precision(Stream& stream, const char* operation, LinearProduct product, const LinearArguments& arguments,
                      const Layout& layout, bool packs) {
  auto* const scratch = static_cast<unsigned char*>(stream.scratch(layout.bytes()));
  count_scratch(layout.bytes());
  PackArguments pack_arguments{};
  pack_arguments.a = {arguments.a, scratch, layout.rows_a};
  pack_arguments.b = {arguments.b, scratch + layout.a_bytes, layout.rows_b};
  pack_arguments.depth = arguments.depth;
  pack_arguments.blocks_of_a = pack_blocks(pack_arguments.a, layout.k_tiles);
  auto* const partial = reinterpret_cast<float*>(scratch + layout.a_bytes + layout.b_bytes);
  if (layout.row_sum_bytes > 0) pack_arguments.row_sums = partial + layout.partial_bytes / sizeof(float);
  const auto blocks = static_cast<unsigned>(pack_arguments.blocks_of_a + pack_blocks(pack_arguments.b, layout.k_tiles));
  switch (product) {
    case LinearProduct::forward:
      pack<precision, LinearProduct::forward>(stream, operation, pack_arguments, blocks, packs);
      break;
    case LinearProduct::input_gradient:
      pack<precision, LinearProduct::input_gradient>(stream, operation, pack_arguments, blocks, packs);
      break;
    case LinearProduct::weight_gradient:
      pack<precision, LinearProduct::weight_gradient>(stream, operation, pack_arguments, blocks, packs);
      break;
  }

  WarpgroupArguments tile{};
  tile.a = pack_arguments.a.to;
  tile.b = pack_arguments.b.to;
  tile.rows_a = layout.rows_a;
  tile.rows_b = layout.rows_b;
  tile.m = arguments.a.extent;
  tile.n = arguments.b.extent;
  tile.k_tiles = static_cast<int>(layout.k_tiles);
  tile.part_k_tiles = static_cast<int>(layout.part_k_tiles);
  tile.tiles_m = static_cast<int>(layout.rows_a / WarpgroupTile::m);
  tile.tiles = tile.tiles_m * static_cast<int>(layout.rows_b / WarpgroupTile::n);
  tile.work = tile.tiles * static_cast<int>(layout.parts);
  tile.target = layout.parts > 1 ? plain_target(partial, tile.n) : arguments.target;
  const CurrentDevice current(stream.device().ordinal, operation);
  check(cudaFuncSetAttribute(address_of(precision), cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(WarpgroupTile::shared_bytes)),
        operation);
  const int multiprocessors = attribute(stream.device().ordinal, cudaDevAttrMultiProcessorCount);
  launch(stream, operation,
         {dim3(static_cast<unsigned>(std::min(tile.work, multiprocessors))), dim3(WarpgroupTile::threads),
          WarpgroupTile::shared_bytes},
         linear_warpgroup_kernel<precision>, tile);

  if (layout.parts > 1) {
    map(stream, operation, tile.m, tile.n, arguments.target.packs && tile.n % 4 == 0,
        AddParts{arguments.target, partial, layout.parts, tile.m, tile.n});
  }
  if (pack_arguments.row_sums != nullptr) {
    map_singly(stream, operation, tile.m,
               AddPartRowSums{pack_arguments.row_sums, layout.k_tiles, tile.m, arguments.target.row_sums,
                              arguments.target.add});
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

void launch_linear_warpgroup(Stream& stream, const char* operation, LinearProduct product, Precision precision,
                             const LinearArguments& arguments, Index parts, bool packs) {
  if (precision == Precision::float32) throw_no_tile(operation, LinearKernel::warpgroup);
  const Layout layout(arguments, precision, parts);
  if (precision == Precision::tf32) {
    launch_precision<Precision::tf32>(stream, operation, product, arguments, layout, packs);
  } else {
    launch_precision<Precision::bfloat16>(stream, operation, product, arguments, layout, packs);
  }
}

}  // namespace mynah::kernels::cuda
