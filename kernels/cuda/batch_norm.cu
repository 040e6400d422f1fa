#include "kernels/batch_norm.h"

#include "kernels/cuda/channel_sums.h"
#include "kernels/cuda/map.h"
#include "kernels/normalized_tangent.h"

namespace mynah::kernels::cuda {
namespace {

// Limited by memory: one walk for a channel's sums, one that writes the result; a channel's few numbers come from L1.

/// An element's channel. Columns fit into 32 bits, in which a division is cheap enough to hide behind the memory.
__device__ __forceinline__ Index channel_of(Index column, Index positions) {
  if (positions == 1) return column;
  return static_cast<Index>(static_cast<unsigned>(column) / static_cast<unsigned>(positions));
}

ChannelExtent extent_of(ConstMatrix x, Index channels) {
  return {x.rows, channels, x.columns / channels};
}

__device__ __forceinline__ float element(const ConstMatrix& matrix, Index row, Index column) {
  return matrix.data[row * matrix.stride + column];
}

__device__ __forceinline__ float number_or_zero(const float* numbers, Index i) {
  return numbers == nullptr ? 0.0f : numbers[i];
}

template <int width>
__device__ __forceinline__ Pack<width> load_at(const ConstMatrix& matrix, Index row, Index column) {
  if (matrix.data == nullptr) return {};
  return load<width>(matrix.data + row * matrix.stride + column);
}

template <int width>
__device__ __forceinline__ void store_at(const Matrix& matrix, Index row, Index column, const Pack<width>& pack) {
  if (matrix.data != nullptr) store<width>(matrix.data + row * matrix.stride + column, pack);
}

/// The input of the passes after forward.
struct Input {
  ConstMatrix x;
  const float *mean, *reciprocal_deviation, *w;
  Index positions;

  explicit Input(const BatchNormInput<float>& input)
      : x(input.x),
        mean(input.mean.data),
        reciprocal_deviation(input.reciprocal_deviation.data),
        w(input.w.data),
        positions(input.x.columns / input.w.size) {}
  __device__ float standardized(float value, Index channel) const {
    return (value - mean[channel]) * reciprocal_deviation[channel];
  }
  __device__ float standardized(Index row, Index column, Index channel) const {
    return standardized(element(x, row, column), channel);
  }
};

/// Sums of x - x_0 and of its square, x_0 being the channel's first value: in double, what cancels is harmless.
struct MomentTerms {
  ConstMatrix x;
  Index positions;
  __device__ void operator()(Index row, Index column, Index channel, double* sums) const {
    const double difference =
        static_cast<double>(element(x, row, column)) - static_cast<double>(x.data[channel * positions]);
    sums[0] += difference;
    sums[1] += difference * difference;
  }
};

struct FinishMoments {
  ConstMatrix x;
  Index positions;
  double count, epsilon, momentum;
  float *mean, *reciprocal_deviation, *running_mean, *running_variance;
  __device__ void operator()(Index channel, const double* sums) const {
    const double shift = sums[0] / count, first = static_cast<double>(x.data[channel * positions]);
    double variance = sums[1] / count - shift * shift;
    if (variance < 0.0) variance = 0.0;
    mean[channel] = static_cast<float>(first + shift);
    reciprocal_deviation[channel] = static_cast<float>(1.0 / sqrt(variance + epsilon));
    move(running_mean[channel], first + shift);
    move(running_variance[channel], variance * (count / (count - 1.0)));
  }
  __device__ void move(float& running, double now) const {
    running = static_cast<float>((1.0 - momentum) * static_cast<double>(running) + momentum * now);
  }
};

struct FromRunning {
  const float *running_mean, *running_variance;
  float epsilon;
  float *mean, *reciprocal_deviation;
  template <int width>
  __device__ void at(Index, Index channel) const {
    mean[channel] = running_mean[channel];
    reciprocal_deviation[channel] = 1.0f / sqrtf(running_variance[channel] + epsilon);
  }
};

struct Forward {
  ConstMatrix x;
  const float *mean, *reciprocal_deviation, *w, *b;
  Index positions;
  Matrix y;
  template <int width>
  __device__ void at(Index row, Index column) const {
    Pack<width> pack = load_at<width>(x, row, column);
    for (int k = 0; k < width; ++k) {
      const Index c = channel_of(column + k, positions);
      pack.value[k] = w[c] * ((pack.value[k] - mean[c]) * reciprocal_deviation[c]) + b[c];
    }
    store_at<width>(y, row, column, pack);
  }
};

/// Sums of a and of a x̂.
struct PairTerms {
  Input input;
  ConstMatrix a;
  __device__ void operator()(Index row, Index column, Index channel, double* sums) const {
    const auto value = static_cast<double>(element(a, row, column));
    sums[0] += value;
    sums[1] += value * static_cast<double>(input.standardized(row, column, channel));
  }
};

/// Means of w dy and of x̂ w dy, and the parameters' gradients.
struct FinishBackward {
  double share;  ///< 0: the moments are constants
  const float* w;
  float2* means;
  float *dw, *db;
  __device__ void operator()(Index channel, const double* sums) const {
    if (db != nullptr) db[channel] += static_cast<float>(sums[0]);
    if (dw != nullptr) dw[channel] += static_cast<float>(sums[1]);
    const double weight = share * static_cast<double>(w[channel]);
    means[channel] = make_float2(static_cast<float>(weight * sums[0]), static_cast<float>(weight * sums[1]));
  }
};

struct Backward {
  Input input;
  ConstMatrix dy;
  const float2* means;  ///< null: the moments are constants
  Matrix dx;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Pack<width> x = load_at<width>(input.x, row, column);
    Pack<width> pack = load_at<width>(dy, row, column);
    for (int k = 0; k < width; ++k) {
      const Index c = channel_of(column + k, input.positions);
      float g = input.w[c] * pack.value[k];
      if (means != nullptr) g = centred(g, input.standardized(x.value[k], c), means[c].x, means[c].y);
      pack.value[k] = input.reciprocal_deviation[c] * g;
    }
    store_at<width>(dx, row, column, pack);
  }
};

struct FinishTangent {
  double share;
  float2* means;
  __device__ void operator()(Index channel, const double* sums) const {
    means[channel] = make_float2(static_cast<float>(share * sums[0]), static_cast<float>(share * sums[1]));
  }
};

struct Tangent {
  Input input;
  ConstMatrix x_tangent;
  const float2* means;  ///< null: zero
  const float *w_tangent, *b_tangent;
  Matrix y_tangent;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Pack<width> x = load_at<width>(input.x, row, column);
    Pack<width> pack = load_at<width>(x_tangent, row, column);
    for (int k = 0; k < width; ++k) {
      const Index c = channel_of(column + k, input.positions);
      const float x_hat = input.standardized(x.value[k], c);
      if (means != nullptr) pack.value[k] = centred(pack.value[k], x_hat, means[c].x, means[c].y);
      pack.value[k] = input.w[c] * input.reciprocal_deviation[c] * pack.value[k] +
                      number_or_zero(w_tangent, c) * x_hat + number_or_zero(b_tangent, c);
    }
    store_at<width>(y_tangent, row, column, pack);
  }
};

/// The seven sums of kernels/normalized_tangent.h, of places {x̂, ẋ, u, ȳ}.
struct TangentTerms {
  Input input;
  ConstMatrix x_tangent, y_gradient, y_tangent_gradient;
  __device__ void operator()(Index row, Index column, Index channel, double* sums) const {
    const float tangent = x_tangent.data == nullptr ? 0.0f : element(x_tangent, row, column);
    NormalizedPlace<float>{input.standardized(row, column, channel), tangent, element(y_tangent_gradient, row, column),
                           element(y_gradient, row, column)}
        .add_to(sums);
  }
};

struct FinishTangentBackward {
  double share;
  bool moving;
  const float *reciprocal_deviation, *w, *w_tangent;
  NormalizedMeans<float>* means;
  float *dw, *db;
  __device__ void operator()(Index channel, const double* sums) const {
    const auto result = NormalizedChannel<float>::of(sums, share, static_cast<double>(reciprocal_deviation[channel]),
                                                     static_cast<double>(w[channel]),
                                                     static_cast<double>(number_or_zero(w_tangent, channel)), moving);
    means[channel] = result.means;
    if (dw != nullptr) dw[channel] += static_cast<float>(result.dw);
    if (db != nullptr) db[channel] += static_cast<float>(result.db);
  }
};

struct TangentBackward {
  Input input;
  ConstMatrix x_tangent, y_gradient, y_tangent_gradient;
  const float* w_tangent;
  const NormalizedMeans<float>* means;
  Matrix dx, dx_tangent;
  template <int width>
  __device__ void at(Index row, Index column) const {
    const Pack<width> x = load_at<width>(input.x, row, column), tangent = load_at<width>(x_tangent, row, column);
    Pack<width> g = load_at<width>(y_gradient, row, column), u = load_at<width>(y_tangent_gradient, row, column);
    for (int k = 0; k < width; ++k) {
      const Index c = channel_of(column + k, input.positions);
      const float r = input.reciprocal_deviation[c], w = input.w[c];
      const NormalizedPlace<float> place{input.standardized(x.value[k], c), tangent.value[k], w * u.value[k],
                                         w * g.value[k] + number_or_zero(w_tangent, c) * u.value[k]};
      g.value[k] = place.gradient(means[c], r);
      u.value[k] = place.tangent_gradient(means[c], r);
    }
    store_at<width>(dx, row, column, g);
    store_at<width>(dx_tangent, row, column, u);
  }
};

/// Scratch memory: the parts of `sums` sums, and something for each channel.
template <class OfChannel>
struct Scratch {
  double* partial;
  OfChannel* channels;

  Scratch(Stream& stream, const ChannelExtent& extent, int sums) {
    static_assert(alignof(OfChannel) <= alignof(double));
    const std::size_t doubles = extent.partial_size(sums);
    partial = static_cast<double*>(
        stream.scratch(doubles * sizeof(double) + static_cast<std::size_t>(extent.channels) * sizeof(OfChannel)));
    channels = reinterpret_cast<OfChannel*>(partial + doubles);
  }
};

double share_of(const ChannelExtent& extent) {
  return 1.0 / static_cast<double>(extent.rows * extent.positions);
}

}  // namespace

void batch_norm_statistics(Stream& stream, ConstMatrix x, float epsilon, float momentum,
                           RunningStatistics<float> running, Vector mean, Vector reciprocal_deviation) {
  const ChannelExtent extent = extent_of(x, mean.size);
  auto* partial = static_cast<double*>(stream.scratch(extent.partial_size(2) * sizeof(double)));
  const FinishMoments finish{x,
                             extent.positions,
                             static_cast<double>(extent.rows * extent.positions),
                             static_cast<double>(epsilon),
                             static_cast<double>(momentum),
                             mean.data,
                             reciprocal_deviation.data,
                             running.mean.data,
                             running.variance.data};
  channel_sums<2>(stream, "batch_norm_statistics", extent, MomentTerms{x, extent.positions}, finish, partial);
}

void batch_norm_running(Stream& stream, ConstVector running_mean, ConstVector running_variance, float epsilon,
                        Vector mean, Vector reciprocal_deviation) {
  map_singly(stream, "batch_norm_running", mean.size,
             FromRunning{running_mean.data, running_variance.data, epsilon, mean.data, reciprocal_deviation.data});
}

void batch_norm_forward(Stream& stream, ConstMatrix x, ConstVector mean, ConstVector reciprocal_deviation,
                        ConstVector w, ConstVector b, Matrix y) {
  const Forward forward{x, mean.data, reciprocal_deviation.data, w.data, b.data, x.columns / w.size, y};
  map(stream, "batch_norm_forward", x.rows, x.columns, allows_packs(x) && allows_packs(y), forward);
}

void batch_norm_backward(Stream& stream, const BatchNormInput<float>& input, ConstMatrix dy, Matrix dx, Vector dw,
                         Vector db) {
  const char* const name = "batch_norm_backward";
  const ChannelExtent extent = extent_of(input.x, input.w.size);
  const bool moving = input.moments == BatchMoments::of_batch;
  const bool wants_dx = dx.data != nullptr;
  const float2* means = nullptr;
  if (dw.data != nullptr || db.data != nullptr || (moving && wants_dx)) {
    const Scratch<float2> scratch(stream, extent, 2);
    channel_sums<2>(stream, name, extent, PairTerms{Input(input), dy},
                    FinishBackward{moving ? share_of(extent) : 0.0, input.w.data, scratch.channels, dw.data, db.data},
                    scratch.partial);
    means = scratch.channels;
  }
  if (!wants_dx) return;
  map(stream, name, dx.rows, dx.columns, allows_packs(input.x) && allows_packs(dy) && allows_packs(dx),
      Backward{Input(input), dy, moving ? means : nullptr, dx});
}

void batch_norm_tangent(Stream& stream, const BatchNormInput<float>& input, ConstMatrix x_tangent,
                        ConstVector w_tangent, ConstVector b_tangent, Matrix y_tangent) {
  const char* const name = "batch_norm_tangent";
  const float2* means = nullptr;
  if (x_tangent.data != nullptr && input.moments == BatchMoments::of_batch) {
    const ChannelExtent extent = extent_of(input.x, input.w.size);
    const Scratch<float2> scratch(stream, extent, 2);
    channel_sums<2>(stream, name, extent, PairTerms{Input(input), x_tangent},
                    FinishTangent{share_of(extent), scratch.channels}, scratch.partial);
    means = scratch.channels;
  }
  map(stream, name, y_tangent.rows, y_tangent.columns,
      allows_packs(input.x) && allows_packs(x_tangent) && allows_packs(y_tangent),
      Tangent{Input(input), x_tangent, means, w_tangent.data, b_tangent.data, y_tangent});
}

void batch_norm_tangent_backward(Stream& stream, const BatchNormTangentBackward<float>& pass) {
  const char* const name = "batch_norm_tangent_backward";
  const BatchNormInput<float>& input = pass.input;
  const ChannelExtent extent = extent_of(input.x, input.w.size);
  const Scratch<NormalizedMeans<float>> scratch(stream, extent, normalized_sums);
  channel_sums<normalized_sums>(
      stream, name, extent, TangentTerms{Input(input), pass.x_tangent, pass.y_gradient, pass.y_tangent_gradient},
      FinishTangentBackward{share_of(extent), input.moments == BatchMoments::of_batch, input.reciprocal_deviation.data,
                            input.w.data, pass.w_tangent.data, scratch.channels, pass.dw.data, pass.db.data},
      scratch.partial);
  if (pass.dx.data == nullptr && pass.dx_tangent.data == nullptr) return;
  map(stream, name, input.x.rows, input.x.columns,
      allows_packs(input.x) && allows_packs(pass.x_tangent) && allows_packs(pass.y_gradient) &&
          allows_packs(pass.y_tangent_gradient) && allows_packs(pass.dx) && allows_packs(pass.dx_tangent),
      TangentBackward{Input(input), pass.x_tangent, pass.y_gradient, pass.y_tangent_gradient, pass.w_tangent.data,
                      scratch.channels, pass.dx, pass.dx_tangent});
}

}  // namespace mynah::kernels::cuda
