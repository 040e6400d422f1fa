#include "kernels/loss.h"

#include "kernels/cuda/map.h"
#include "kernels/cuda/partial_sums.h"
#include "kernels/loss_functions.h"

namespace mynah::kernels::cuda {
namespace {

struct Terms {
  float parameter;
  ConstMatrix prediction;
  ConstMatrix target;  ///< null: constant
  float constant;
  const float* weights;  ///< null: all 1
  float share;           ///< 1 / elements

  template <int width>
  __device__ Pack<width> targets(Index row, Index column) const {
    if (target.data != nullptr) return load<width>(target.data + row * target.stride + column);
    Pack<width> pack;
    for (float& value : pack.value) value = constant;
    return pack;
  }
};

struct LossArguments {
  Terms terms;
  float* gradient;  ///< null: not wanted
  Index gradient_stride;
};

template <class Function, int width>
__device__ __forceinline__ double loss_pack(const LossArguments& arguments, Index row, Index column, bool wants_value) {
  const Terms& terms = arguments.terms;
  const Pack<width> target = terms.targets<width>(row, column);
  Pack<width> pack = load<width>(terms.prediction.data + row * terms.prediction.stride + column);
  const float weight = terms.weights == nullptr ? 1.0f : terms.weights[row];
  double sum = 0.0;
  if (wants_value) {
    for (int i = 0; i < width; ++i) sum += Function::value(pack.value[i], target.value[i], terms.parameter);
  }
  if (arguments.gradient != nullptr) {
    const float scale = weight * terms.share;
    for (int i = 0; i < width; ++i) {
      pack.value[i] = scale * Function::gradient(pack.value[i], target.value[i], terms.parameter);
    }
    store<width>(arguments.gradient + row * arguments.gradient_stride + column, pack);
  }
  return static_cast<double>(weight) * sum;
}

/// Limited by memory: 8 bytes read and 4 written an element, each once, value and gradient together. Packs are counted
/// through the whole matrix, so that a block of a narrow matrix is full; a matrix without gaps comes as one row and
/// needs no division.
template <class Function, bool packs>
__global__ void __launch_bounds__(sum_threads)
    loss_kernel(EarlierWork earlier, LossArguments arguments, SumTarget loss) {
  earlier.wait();
  constexpr Index width = packs ? 4 : 1;
  const Index rows = arguments.terms.prediction.rows;
  const Index columns = arguments.terms.prediction.columns;
  const Index packs_of_row = (columns + width - 1) / width;
  const Index count = rows * packs_of_row;
  const Index step = Index{gridDim.x} * sum_threads;
  const bool wants_value = loss.out != nullptr;
  double sum = 0.0;
  for (Index i = Index{blockIdx.x} * sum_threads + threadIdx.x; i < count; i += step) {
    const Index row = rows == 1 ? 0 : i / packs_of_row;
    const Index column = (i - row * packs_of_row) * width;
    if (column + width <= columns) {
      sum += loss_pack<Function, width>(arguments, row, column, wants_value);
    } else {
      for (Index rest = column; rest < columns; ++rest) {
        sum += loss_pack<Function, 1>(arguments, row, rest, wants_value);
      }
    }
  }
  finish_sum(loss, sum);
}

/// Limited by memory: 16 bytes an element.
template <class Function>
struct Tangent {
  Terms terms;
  ConstMatrix direction;
  Matrix out;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Pack<width> prediction = load<width>(terms.prediction.data + row * terms.prediction.stride + column);
    const Pack<width> target = terms.targets<width>(row, column);
    Pack<width> pack = load<width>(direction.data + row * direction.stride + column);
    const float scale = (terms.weights == nullptr ? 1.0f : terms.weights[row]) * terms.share;
    for (int i = 0; i < width; ++i) {
      pack.value[i] *= scale * Function::second_derivative(prediction.value[i], target.value[i], terms.parameter);
    }
    store<width>(out.data + row * out.stride + column, pack);
  }
};

template <class T>
MatrixView<T> as_one_row(MatrixView<T> x) {
  return x.data == nullptr ? x : MatrixView<T>{x.data, 1, x.rows * x.columns};
}

Terms terms_of(ElementwiseLoss loss, ConstMatrix prediction, const LossTargetOf<float>& target, ConstVector weights) {
  const double elements = static_cast<double>(prediction.rows) * static_cast<double>(prediction.columns);
  return {loss.parameter(),
          prediction,
          target.values,
          target.constant,
          weights.empty() ? nullptr : weights.data,
          static_cast<float>(1.0 / elements)};
}

/// Without weights, it does not matter which row an element is in: what has no gaps is one long row.
template <class... Matrices>
void take_as_one_row(const Terms& terms, Matrices&... matrices) {
  if (terms.weights != nullptr || !((matrices.data == nullptr || is_contiguous(matrices)) && ...)) return;
  ((matrices = as_one_row(matrices)), ...);
}

template <class... Matrices>
bool allow_packs(Matrices... matrices) {
  return ((matrices.data == nullptr || allows_packs(matrices)) && ...);
}

}  // namespace

void elementwise_loss(Stream& stream, ElementwiseLoss loss, ConstMatrix prediction, LossTarget<float> target,
                      VectorView<double> loss_sum, Matrix gradient, ConstVector weights) {
  const auto columns = static_cast<double>(prediction.columns);
  Terms terms = terms_of(loss, prediction, target, weights);
  take_as_one_row(terms, terms.prediction, terms.target, gradient);
  const bool packs = allow_packs(terms.prediction, terms.target, gradient);
  const Index count = terms.prediction.rows * ceil_divide(terms.prediction.columns, packs ? 4 : 1);
  const Index blocks = std::clamp<Index>(ceil_divide(count, Index{sum_threads} * 4), 1, grid_limit / 4);
  // rows * L = Σ weight f / columns
  SumTarget sum{loss_sum.empty() ? nullptr : loss_sum.data, 1.0 / columns, true, nullptr};
  prepare_sum(stream, sum, blocks);
  visit_elementwise_loss(loss.kind(), [&](auto function) {
    using Function = decltype(function);
    launch(stream, "elementwise_loss", {dim3(static_cast<unsigned>(blocks)), dim3(sum_threads)},
           packs ? loss_kernel<Function, true> : loss_kernel<Function, false>,
           LossArguments{terms, gradient.data, gradient.stride}, sum);
  });
  add_partial_sums(stream, "elementwise_loss", sum, blocks);
}

void elementwise_loss_tangent(Stream& stream, ElementwiseLoss loss, ConstMatrix prediction, LossTarget<float> target,
                              ConstMatrix prediction_tangent, Matrix gradient_tangent, ConstVector weights) {
  Terms terms = terms_of(loss, prediction, target, weights);
  take_as_one_row(terms, terms.prediction, terms.target, prediction_tangent, gradient_tangent);
  const bool packs = allow_packs(terms.prediction, terms.target, prediction_tangent, gradient_tangent);
  visit_elementwise_loss(loss.kind(), [&](auto function) {
    map(stream, "elementwise_loss_tangent", terms.prediction.rows, terms.prediction.columns, packs,
        Tangent<decltype(function)>{terms, prediction_tangent, gradient_tangent});
  });
}

}  // namespace mynah::kernels::cuda
