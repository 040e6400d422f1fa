#pragma once

#include "kernels/cuda/map.h"
#include "kernels/cuda/row_group.h"
#include "kernels/gaussian_terms.h"

namespace mynah::kernels::cuda {

/// A policy has a few actions and a batch of thousands of rows at most, so these kernels are limited by the latency of
/// their launch and of the exponentials, not by memory: hence no 128-bit accesses, and few launches, one for most
/// operations.

template <class Draw>
struct SingleElements {
  Draw draw;
  template <int width>
  __device__ void at(Index row, Index column) const {
    draw(row, column);
  }
};

/// draw(m, c) for every element.
template <class Draw>
void for_each_element(Stream& stream, const char* operation, Index rows, Index columns, const Draw& draw) {
  map(stream, operation, rows, columns, false, SingleElements<Draw>{draw});
}

template <int group, class Term>
__global__ void __launch_bounds__(sum_threads) row_terms_kernel(Index columns, Term term, Vector out) {
  for_each_row<group>(out.size, [&](Index row, int lane, bool valid) {
    double sum = 0.0;
    if (valid) {
      for (Index c = lane; c < columns; c += group) sum += static_cast<double>(term(row, c));
    }
    sum = group_sum<group>(sum);
    if (valid && lane == 0) out.data[row] = static_cast<float>(sum);
  });
}

/// out_m = Σ_c term(m, c), in double: 4 threads a row where there are few columns, else a warp.
template <class Term>
void add_up_rows(Stream& stream, const char* operation, Index columns, const Term& term, Vector out) {
  const bool narrow = columns <= 16;
  launch(stream, operation, row_shape(row_blocks(out.size, narrow ? 4 : 32)),
         narrow ? row_terms_kernel<4, Term> : row_terms_kernel<32, Term>, columns, term, out);
}

/// Where no target is shared.
template <int count, class Term>
struct AddDerivatives {
  Term term;
  gaussian_terms::Targets<float, count> targets;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const auto derivatives = term(row, column);
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const Matrix& target = targets.of[i];
      if (target.data != nullptr) target.data[row * target.stride + column] += derivatives.of[i];
    }
  }
};

constexpr int derivative_columns = 32;  // of one block
constexpr int derivative_rows = 8;      // that a block takes at a time
constexpr Index derivative_rows_of_part = 64;
constexpr Index most_derivative_parts = 128;

/// The same where some are shared: a column's rows are cut into parts, each part is summed by 8 threads in double, and
/// their sums are added in order. One part is added to its target at once, several are left in partial [count, parts,
/// columns].
template <int count, class Term>
__global__ void __launch_bounds__(derivative_columns* derivative_rows)
    column_derivatives_kernel(Index rows, Index columns, Term term, gaussian_terms::Targets<float, count> targets,
                              double* partial) {
  __shared__ double sums[count][derivative_rows][derivative_columns];
  const Index column = Index{blockIdx.x} * derivative_columns + threadIdx.x;
  double sum[count] = {};
  if (column < columns) {
    const Index step = Index{gridDim.y} * derivative_rows;
    for (Index row = Index{blockIdx.y} * derivative_rows + threadIdx.y; row < rows; row += step) {
      const auto derivatives = term(row, column);
#pragma unroll
      for (int i = 0; i < count; ++i) {
        const Matrix& target = targets.of[i];
        if (gaussian_terms::is_shared(target, rows)) {
          sum[i] += static_cast<double>(derivatives.of[i]);
        } else if (target.data != nullptr) {
          target.data[row * target.stride + column] += derivatives.of[i];
        }
      }
    }
  }
  for (int i = 0; i < count; ++i) sums[i][threadIdx.y][threadIdx.x] = sum[i];
  __syncthreads();
  if (threadIdx.y != 0 || column >= columns) return;
#pragma unroll
  for (int i = 0; i < count; ++i) {
    const Matrix& target = targets.of[i];
    if (!gaussian_terms::is_shared(target, rows)) continue;
    double total = sum[i];
    for (int r = 1; r < derivative_rows; ++r) total += sums[i][r][threadIdx.x];
    if (gridDim.y == 1) {
      target.data[column] = static_cast<float>(static_cast<double>(target.data[column]) + total);
    } else {
      partial[(i * Index{gridDim.y} + blockIdx.y) * columns + column] = total;
    }
  }
}

template <int count>
struct AddPartialDerivatives {
  const double* partial;
  Index parts;
  Index rows;
  Index columns;
  gaussian_terms::Targets<float, count> targets;
  template <int width>
  __device__ void at(Index, Index column) const {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const Matrix& target = targets.of[i];
      if (!gaussian_terms::is_shared(target, rows)) continue;
      double sum = static_cast<double>(target.data[column]);
      for (Index part = 0; part < parts; ++part) sum += partial[(i * parts + part) * columns + column];
      target.data[column] = static_cast<float>(sum);
    }
  }
};

/// target_i(m, c) += term(m, c).of[i]; over all rows, in double, where rows share a target. Empty targets are left out.
template <int count, class Term>
void add_derivatives(Stream& stream, const char* operation, Index rows, Index columns, const Term& term,
                     const gaussian_terms::Targets<float, count>& targets) {
  bool any_shared = false;
  for (const Matrix& target : targets.of) any_shared = any_shared || gaussian_terms::is_shared(target, rows);
  if (!any_shared) return map(stream, operation, rows, columns, false, AddDerivatives<count, Term>{term, targets});
  const Index parts = std::clamp<Index>(rows / derivative_rows_of_part, 1, most_derivative_parts);
  auto* const partial =
      parts == 1
          ? nullptr
          : static_cast<double*>(stream.scratch(static_cast<std::size_t>(count * parts * columns) * sizeof(double)));
  launch(stream, operation,
         {dim3(static_cast<unsigned>(ceil_divide(columns, derivative_columns)), static_cast<unsigned>(parts)),
          dim3(derivative_columns, derivative_rows)},
         column_derivatives_kernel<count, Term>, rows, columns, term, targets, partial);
  if (parts == 1) return;
  map(stream, operation, 1, columns, false, AddPartialDerivatives<count>{partial, parts, rows, columns, targets});
}

}  // namespace mynah::kernels::cuda
