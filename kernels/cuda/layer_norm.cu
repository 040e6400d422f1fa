#include "kernels/layer_norm.h"

#include "kernels/cuda/channel_sums.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/row_group.h"
#include "kernels/normalized_tangent.h"

namespace mynah::kernels::cuda {
namespace {

// Limited by memory. A set (the columns of a group) is shared by a part of a warp, a warp or a block; each thread reads
// its elements from memory once and then, for the deviation and the result, from L1 (8 sets of 1024 floats are 32 KB).
// The parameters' gradients are sums over rows and come from a second walk in two passes of fixed order.

/// Where sets lie.
struct Sets {
  Index count = 0, groups = 0, size = 0;
};

Sets sets_of(ConstMatrix x, Index size) {
  const Index groups = x.columns / size;
  return {x.rows * groups, groups, size};
}

__device__ __forceinline__ Index offset_of(const Sets& sets, Index set, Index stride) {
  if (sets.groups == 1) return set * stride;
  const Index row = set / sets.groups;
  return row * stride + (set - row * sets.groups) * sets.size;
}

template <class T>
__device__ __forceinline__ T* set_of(const Sets& sets, Index set, MatrixView<T> matrix) {
  return matrix.data == nullptr ? nullptr : matrix.data + offset_of(sets, set, matrix.stride);
}

/// at(i) for the first element of each pack of this thread.
template <int group, int width, class At>
__device__ __forceinline__ void walk(Index size, int lane, const At& at) {
  for (Index i = Index{lane} * width; i < size; i += Index{group} * width) at(i);
}

template <int width>
__device__ __forceinline__ Pack<width> load_or_zero(const float* from, Index i) {
  if (from == nullptr) return {};
  return load<width>(from + i);
}

struct Forward {
  Sets sets;
  ConstMatrix x;
  const float *w, *b;
  float epsilon;
  Matrix y;
  float *mean, *reciprocal_deviation;

  template <int group, int width>
  __device__ void at(Index set, int lane, bool valid) const {
    const Index size = valid ? sets.size : 0;
    const float* from = set_of(sets, valid ? set : 0, x);
    const float share = 1.0f / static_cast<float>(sets.size), first = from[0];
    float sum = 0.0f;
    walk<group, width>(size, lane, [&](Index i) {
      for (const float value : load<width>(from + i).value) sum += value - first;
    });
    const float mu = first + group_sum<group>(sum) * share;
    float squares = 0.0f;
    walk<group, width>(size, lane, [&](Index i) {
      for (const float value : load<width>(from + i).value) squares += (value - mu) * (value - mu);
    });
    const float r = 1.0f / sqrtf(group_sum<group>(squares) * share + epsilon);
    float* to = set_of(sets, valid ? set : 0, y);
    walk<group, width>(size, lane, [&](Index i) {
      Pack<width> pack = load<width>(from + i);
      const Pack<width> scale = load<width>(w + i), shift = load<width>(b + i);
      for (int k = 0; k < width; ++k) pack.value[k] = (pack.value[k] - mu) * r * scale.value[k] + shift.value[k];
      store<width>(to + i, pack);
    });
    if (!valid || lane != 0) return;
    mean[set] = mu;
    reciprocal_deviation[set] = r;
  }
};

struct Backward {
  Sets sets;
  ConstMatrix x;
  const float *w, *mean, *reciprocal_deviation;
  ConstMatrix dy;
  Matrix dx;

  template <int group, int width>
  __device__ void at(Index set, int lane, bool valid) const {
    const Index size = valid ? sets.size : 0;
    const Index here = valid ? set : 0;
    const float *from = set_of(sets, here, x), *gradient = set_of(sets, here, dy);
    const float share = 1.0f / static_cast<float>(sets.size), mu = mean[here], r = reciprocal_deviation[here];
    float sum = 0.0f, x_sum = 0.0f;
    walk<group, width>(size, lane, [&](Index i) {
      const Pack<width> value = load<width>(from + i), scale = load<width>(w + i), g = load<width>(gradient + i);
      for (int k = 0; k < width; ++k) {
        const float scaled = scale.value[k] * g.value[k];
        sum += scaled;
        x_sum += scaled * ((value.value[k] - mu) * r);
      }
    });
    const float mean_g = group_sum<group>(sum) * share, mean_xg = group_sum<group>(x_sum) * share;
    float* to = set_of(sets, here, dx);
    walk<group, width>(size, lane, [&](Index i) {
      const Pack<width> value = load<width>(from + i), scale = load<width>(w + i);
      Pack<width> g = load<width>(gradient + i);
      for (int k = 0; k < width; ++k) {
        g.value[k] = r * centred(scale.value[k] * g.value[k], (value.value[k] - mu) * r, mean_g, mean_xg);
      }
      store<width>(to + i, g);
    });
  }
};

struct Tangent {
  Sets sets;
  ConstMatrix x;
  const float *w, *mean, *reciprocal_deviation;
  ConstMatrix x_tangent;
  const float *w_tangent, *b_tangent;
  Matrix y_tangent;

  template <int group, int width>
  __device__ void at(Index set, int lane, bool valid) const {
    const Index size = valid ? sets.size : 0;
    const Index here = valid ? set : 0;
    const float *from = set_of(sets, here, x), *direction = set_of(sets, here, x_tangent);
    const float share = 1.0f / static_cast<float>(sets.size), mu = mean[here], r = reciprocal_deviation[here];
    float sum = 0.0f, x_sum = 0.0f;
    walk<group, width>(size, lane, [&](Index i) {
      const Pack<width> value = load<width>(from + i), tangent = load_or_zero<width>(direction, i);
      for (int k = 0; k < width; ++k) {
        sum += tangent.value[k];
        x_sum += tangent.value[k] * ((value.value[k] - mu) * r);
      }
    });
    const float mean_t = group_sum<group>(sum) * share, mean_xt = group_sum<group>(x_sum) * share;
    float* to = set_of(sets, here, y_tangent);
    walk<group, width>(size, lane, [&](Index i) {
      const Pack<width> value = load<width>(from + i), scale = load<width>(w + i);
      const Pack<width> of_w = load_or_zero<width>(w_tangent, i), of_b = load_or_zero<width>(b_tangent, i);
      Pack<width> tangent = load_or_zero<width>(direction, i);
      for (int k = 0; k < width; ++k) {
        const float x_hat = (value.value[k] - mu) * r;
        const float q = r * centred(tangent.value[k], x_hat, mean_t, mean_xt);
        tangent.value[k] = scale.value[k] * q + of_w.value[k] * x_hat + of_b.value[k];
      }
      store<width>(to + i, tangent);
    });
  }
};

struct TangentBackward {
  LayerNormTangentBackward<float> pass;
  Sets sets;
  float* tangent_means;  ///< mean(ẋ) and mean(x̂ ẋ) of each set, for the parameters' gradients

  template <int width>
  struct Places {
    NormalizedPlace<float> value[width];
  };
  template <int width>
  __device__ __forceinline__ Places<width> places(Index set, Index i, float mu, float r) const {
    const Pack<width> x = load<width>(set_of(sets, set, pass.x) + i), w = load<width>(pass.w.data + i);
    const Pack<width> tangent = load_or_zero<width>(set_of(sets, set, pass.x_tangent), i);
    const Pack<width> of_w = load_or_zero<width>(pass.w_tangent.data, i);
    const Pack<width> g = load<width>(set_of(sets, set, pass.y_gradient) + i);
    const Pack<width> u = load<width>(set_of(sets, set, pass.y_tangent_gradient) + i);
    Places<width> result;
    for (int k = 0; k < width; ++k) {
      result.value[k] = {(x.value[k] - mu) * r, tangent.value[k], w.value[k] * u.value[k],
                         w.value[k] * g.value[k] + of_w.value[k] * u.value[k]};
    }
    return result;
  }

  template <int group, int width>
  __device__ void at(Index set, int lane, bool valid) const {
    const Index size = valid ? sets.size : 0;
    const Index here = valid ? set : 0;
    const float mu = pass.mean.data[here], r = pass.reciprocal_deviation.data[here];
    float sums[normalized_sums] = {};
    walk<group, width>(size, lane, [&](Index i) {
      for (const NormalizedPlace<float>& place : places<width>(here, i, mu, r).value) place.add_to(sums);
    });
    for (float& sum : sums) sum = group_sum<group>(sum);
    const auto means = NormalizedMeans<float>::of(sums, 1.0f / static_cast<float>(sets.size), r);
    float *dx = set_of(sets, here, pass.dx), *dx_tangent = set_of(sets, here, pass.dx_tangent);
    walk<group, width>(size, lane, [&](Index i) {
      const Places<width> place = places<width>(here, i, mu, r);
      Pack<width> of_x, of_tangent;
      for (int k = 0; k < width; ++k) {
        of_x.value[k] = place.value[k].gradient(means, r);
        of_tangent.value[k] = place.value[k].tangent_gradient(means, r);
      }
      if (dx != nullptr) store<width>(dx + i, of_x);
      if (dx_tangent != nullptr) store<width>(dx_tangent + i, of_tangent);
    });
    if (!valid || lane != 0 || tangent_means == nullptr) return;
    tangent_means[2 * set] = means.tangent;
    tangent_means[2 * set + 1] = means.x_tangent;
  }
};

template <int group, int width, class Operation>
__global__ void __launch_bounds__(sum_threads) sets_kernel(Operation operation) {
  for_each_row<group>(operation.sets.count,
                      [&](Index set, int lane, bool valid) { operation.template at<group, width>(set, lane, valid); });
}

/// packs: whether every operand allows_packs().
template <class Operation>
void run_sets(Stream& stream, const char* name, const Operation& operation, bool packs) {
  const auto run = [&](auto group, auto kernel_of_packs, auto kernel) {
    const LaunchShape shape = row_shape(row_blocks(operation.sets.count, group));
    launch(stream, name, shape, packs ? kernel_of_packs : kernel, operation);
  };
  packs = packs && operation.sets.size % 4 == 0;
  if (operation.sets.size <= 16) {
    run(4, sets_kernel<4, 4, Operation>, sets_kernel<4, 1, Operation>);
  } else if (operation.sets.size <= 1024) {
    run(32, sets_kernel<32, 4, Operation>, sets_kernel<32, 1, Operation>);
  } else {
    run(sum_threads, sets_kernel<sum_threads, 4, Operation>, sets_kernel<sum_threads, 1, Operation>);
  }
}

/// The terms of dw and db: ȳ x̂ + u q, and ȳ. Without tangents, u and the means are null.
struct ParameterTerms {
  Sets sets;
  ConstMatrix x;
  const float *mean, *reciprocal_deviation;
  ConstMatrix y_gradient, y_tangent_gradient, x_tangent;
  const float* tangent_means;

  __device__ void operator()(Index set, Index i, Index, double* sums) const {
    const float r = reciprocal_deviation[set];
    const float x_hat = (set_of(sets, set, x)[i] - mean[set]) * r;
    const float g = set_of(sets, set, y_gradient)[i];
    sums[0] += static_cast<double>(g * x_hat);
    sums[1] += static_cast<double>(g);
    if (tangent_means == nullptr) return;
    const float tangent = set_of(sets, set, x_tangent)[i];
    const float q = r * centred(tangent, x_hat, tangent_means[2 * set], tangent_means[2 * set + 1]);
    sums[0] += static_cast<double>(set_of(sets, set, y_tangent_gradient)[i] * q);
  }
};

struct AddToParameters {
  float *dw, *db;
  __device__ void operator()(Index i, const double* sums) const {
    if (dw != nullptr) dw[i] += static_cast<float>(sums[0]);
    if (db != nullptr) db[i] += static_cast<float>(sums[1]);
  }
};

ChannelExtent parameter_extent(const Sets& sets) {
  return {sets.count, sets.size, 1};
}

}  // namespace

void layer_norm_forward(Stream& stream, ConstMatrix x, ConstVector w, ConstVector b, float epsilon, Matrix y,
                        Vector mean, Vector reciprocal_deviation) {
  const Forward forward{sets_of(x, w.size), x, w.data, b.data, epsilon, y, mean.data, reciprocal_deviation.data};
  run_sets(stream, "layer_norm_forward", forward,
           allows_packs(x) && allows_packs(w) && allows_packs(b) && allows_packs(y));
}

void layer_norm_backward(Stream& stream, ConstMatrix x, ConstVector w, ConstVector mean,
                         ConstVector reciprocal_deviation, ConstMatrix dy, Matrix dx, Vector dw, Vector db) {
  const char* const name = "layer_norm_backward";
  const Sets sets = sets_of(x, w.size);
  if (dx.data != nullptr) {
    const Backward backward{sets, x, w.data, mean.data, reciprocal_deviation.data, dy, dx};
    run_sets(stream, name, backward, allows_packs(x) && allows_packs(w) && allows_packs(dy) && allows_packs(dx));
  }
  if (dw.data == nullptr && db.data == nullptr) return;
  const ChannelExtent extent = parameter_extent(sets);
  auto* partial = static_cast<double*>(stream.scratch(extent.partial_size(2) * sizeof(double)));
  const ParameterTerms terms{sets, x, mean.data, reciprocal_deviation.data, dy, {}, {}, nullptr};
  channel_sums<2>(stream, name, extent, terms, AddToParameters{dw.data, db.data}, partial);
}

void layer_norm_tangent(Stream& stream, ConstMatrix x, ConstVector w, ConstVector mean,
                        ConstVector reciprocal_deviation, ConstMatrix x_tangent, ConstVector w_tangent,
                        ConstVector b_tangent, Matrix y_tangent) {
  const Tangent tangent{
      sets_of(x, w.size), x,        w.data, mean.data, reciprocal_deviation.data, x_tangent, w_tangent.data,
      b_tangent.data,     y_tangent};
  run_sets(stream, "layer_norm_tangent", tangent,
           allows_packs(x) && allows_packs(w) && allows_packs(x_tangent) && allows_packs(w_tangent) &&
               allows_packs(b_tangent) && allows_packs(y_tangent));
}

void layer_norm_tangent_backward(Stream& stream, const LayerNormTangentBackward<float>& pass) {
  const char* const name = "layer_norm_tangent_backward";
  const Sets sets = sets_of(pass.x, pass.w.size);
  const ChannelExtent extent = parameter_extent(sets);
  const bool parameters = pass.dw.data != nullptr || pass.db.data != nullptr;
  const bool moves = pass.x_tangent.data != nullptr && pass.dw.data != nullptr;  // dw has terms of q
  double* partial = nullptr;
  float* tangent_means = nullptr;
  if (parameters) {
    const std::size_t doubles = extent.partial_size(2);
    partial = static_cast<double*>(
        stream.scratch(doubles * sizeof(double) + 2 * static_cast<std::size_t>(sets.count) * sizeof(float)));
    if (moves) tangent_means = reinterpret_cast<float*>(partial + doubles);
  }
  if (pass.dx.data != nullptr || pass.dx_tangent.data != nullptr || moves) {
    run_sets(stream, name, TangentBackward{pass, sets, tangent_means},
             allows_packs(pass.x) && allows_packs(pass.w) && allows_packs(pass.x_tangent) &&
                 allows_packs(pass.w_tangent) && allows_packs(pass.y_gradient) &&
                 allows_packs(pass.y_tangent_gradient) && allows_packs(pass.dx) && allows_packs(pass.dx_tangent));
  }
  if (!parameters) return;
  const ParameterTerms terms{sets,
                             pass.x,
                             pass.mean.data,
                             pass.reciprocal_deviation.data,
                             pass.y_gradient,
                             pass.y_tangent_gradient,
                             pass.x_tangent,
                             tangent_means};
  channel_sums<2>(stream, name, extent, terms, AddToParameters{pass.dw.data, pass.db.data}, partial);
}

}  // namespace mynah::kernels::cuda
