#include "kernels/embedding.h"

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/map.h"
#include "kernels/embedding_index.h"

namespace mynah::kernels::cuda {
namespace {

// A forward pass is limited by memory, a backward pass by the scanning of indices.

/// Neighbouring threads copy neighbouring columns, so a row of the table is read in whole sectors.
struct Lookup {
  ConstMatrix indices;
  ConstMatrix table;
  Matrix y;
  Index constant_row;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Index position = column / table.columns;
    const Index t = embedding_index(indices.data[row * indices.stride + position], table.rows);
    Pack<width> pack;
    if (t < 0 || t == constant_row) {
      for (float& value : pack.value) value = t < 0 ? NAN : 0.0f;
    } else {
      pack = load<width>(table.data + t * table.stride + (column - position * table.columns));
    }
    store<width>(y.data + row * y.stride + column, pack);
  }
};

/// Rows of the table as integers, in order, -1 where there is nothing to add: so that the scan reads 4 bytes an index
/// and compares once.
struct ToIntegers {
  ConstMatrix indices;
  Index count;
  Index constant_row;
  std::int32_t* numbers;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Index t = embedding_index(indices.data[row * indices.stride + column], count);
    numbers[row * indices.columns + column] = t == constant_row ? -1 : static_cast<std::int32_t>(t);
  }
};

constexpr int scan_threads = 256;
constexpr int scan_warps = scan_threads / 32;
constexpr int columns_of_lane = 4;
constexpr Index columns_of_warp = 32 * columns_of_lane;
constexpr Index fewest_indices = 512;  // of a part
constexpr Index warps_wanted = 4096;

struct ScanArguments {
  const std::int32_t* numbers;
  Index numbers_size;
  Index positions;
  ConstMatrix dy;
  Matrix dtable;
  Index slices;  ///< warps across a row of the table
  Index parts;   ///< of the indices
  Index indices_of_part;
  double* partial;  ///< [parts, count, size]; null for one part
};

/// One warp for each row of the table, 128 of its columns and part of the indices. Lanes compare 32 indices at a time;
/// for those that name the row, in order, each lane adds its columns, in double. Nobody else adds there, so the order
/// is that of the indices.
__global__ void __launch_bounds__(scan_threads) scan_kernel(ScanArguments arguments) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const Index size = arguments.dtable.columns;
  const Index tasks = arguments.dtable.rows * arguments.slices * arguments.parts;
  const Index warps = Index{gridDim.x} * scan_warps;
  for (Index task = Index{blockIdx.x} * scan_warps + threadIdx.x / 32; task < tasks; task += warps) {
    const Index part = task / (arguments.dtable.rows * arguments.slices);
    const Index within = task - part * arguments.dtable.rows * arguments.slices;
    const Index t = within / arguments.slices;
    const Index first_column = (within - t * arguments.slices) * columns_of_warp + lane;
    const Index begin = part * arguments.indices_of_part;
    const Index end = begin + arguments.indices_of_part < arguments.numbers_size ? begin + arguments.indices_of_part
                                                                                 : arguments.numbers_size;
    double sums[columns_of_lane] = {};
    for (Index base = begin; base < end; base += 32) {
      const bool here = base + lane < end && arguments.numbers[base + lane] == t;
      for (unsigned found = __ballot_sync(all_lanes, here); found != 0; found &= found - 1) {
        const Index index = base + __ffs(static_cast<int>(found)) - 1;
        const Index row = index / arguments.positions;
        const float* dy = arguments.dy.data + row * arguments.dy.stride + (index - row * arguments.positions) * size;
#pragma unroll
        for (int i = 0; i < columns_of_lane; ++i) {
          if (first_column + 32 * i < size) sums[i] += static_cast<double>(dy[first_column + 32 * i]);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < columns_of_lane; ++i) {
      const Index column = first_column + 32 * i;
      if (column >= size) continue;
      if (arguments.partial != nullptr) {
        arguments.partial[(part * arguments.dtable.rows + t) * size + column] = sums[i];
      } else {
        float& place = arguments.dtable.data[t * arguments.dtable.stride + column];
        place = static_cast<float>(static_cast<double>(place) + sums[i]);
      }
    }
  }
}

struct AddParts {
  const double* partial;
  Index parts;
  Matrix dtable;
  template <int width>
  __device__ void at(Index row, Index column) const {
    float& place = dtable.data[row * dtable.stride + column];
    double sum = static_cast<double>(place);
    for (Index part = 0; part < parts; ++part) {
      sum += partial[(part * dtable.rows + row) * dtable.columns + column];
    }
    place = static_cast<float>(sum);
  }
};

}  // namespace

void embedding_forward(Stream& stream, ConstMatrix indices, ConstMatrix table, Matrix y, Index constant_row) {
  // Four neighbours lie in one row of the table.
  const bool packs = allows_packs(table) && allows_packs(y) && table.columns % 4 == 0;
  map(stream, "embedding_forward", y.rows, y.columns, packs, Lookup{indices, table, y, constant_row});
}

void embedding_backward(Stream& stream, ConstMatrix indices, ConstMatrix dy, Matrix dtable, Index constant_row) {
  const char* const name = "embedding_backward";
  ScanArguments arguments{};
  arguments.numbers_size = indices.rows * indices.columns;
  arguments.positions = indices.columns;
  arguments.dy = dy;
  arguments.dtable = dtable;
  arguments.slices = ceil_divide(dtable.columns, columns_of_warp);
  // Small tables cut the indices into parts, so that there are warps enough. The number depends on the shape alone.
  const Index wanted = warps_wanted / (dtable.rows * arguments.slices);
  arguments.parts = std::clamp<Index>(arguments.numbers_size / fewest_indices, 1, std::max<Index>(1, wanted));
  arguments.indices_of_part = ceil_divide(arguments.numbers_size, arguments.parts);
  const Index partial_size = arguments.parts == 1 ? 0 : arguments.parts * dtable.rows * dtable.columns;
  auto* const partial =
      static_cast<double*>(stream.scratch(static_cast<std::size_t>(partial_size) * sizeof(double) +
                                          static_cast<std::size_t>(arguments.numbers_size) * sizeof(std::int32_t)));
  auto* const numbers = reinterpret_cast<std::int32_t*>(partial + partial_size);
  arguments.partial = arguments.parts == 1 ? nullptr : partial;
  arguments.numbers = numbers;
  map(stream, name, indices.rows, indices.columns, false, ToIntegers{indices, dtable.rows, constant_row, numbers});
  const Index tasks = dtable.rows * arguments.slices * arguments.parts;
  launch(stream, name,
         {dim3(static_cast<unsigned>(std::min(ceil_divide(tasks, scan_warps), grid_limit))), dim3(scan_threads)},
         scan_kernel, arguments);
  if (arguments.parts == 1) return;
  map(stream, name, dtable.rows, dtable.columns, false, AddParts{partial, arguments.parts, dtable});
}

}  // namespace mynah::kernels::cuda
