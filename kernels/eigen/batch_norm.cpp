#include "kernels/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/normalized_tangent.h"

namespace mynah::kernels::eigen {
namespace {

/// The columns of a matrix as channels of neighbouring positions.
struct Channels {
  Index rows, count, positions;

  template <class Scalar>
  Channels(MatrixView<Scalar> x, Index channels) : rows(x.rows), count(channels), positions(x.columns / channels) {}
  double values() const { return static_cast<double>(rows * positions); }
};

/// Channels whose sums are held at once, so that rows are read along memory and a wide matrix needs no scratch.
constexpr Index channel_block = 64;

/// What one row adds to a channel's sums. Four elements at a time have sums of their own: a single one would wait for
/// each addition before the next.
template <int sums, class Terms>
void add_positions(const Channels& channels, Index row, Index channel, const Terms& terms, double* totals) {
  constexpr Index lanes = 4;
  double parts[lanes][sums] = {};
  const Index begin = channel * channels.positions, end = begin + channels.positions;
  Index i = begin;
  for (; i + lanes <= end; i += lanes) {
    for (Index lane = 0; lane < lanes; ++lane) terms(row, i + lane, channel, parts[lane]);
  }
  for (; i < end; ++i) terms(row, i, channel, parts[0]);
  for (int k = 0; k < sums; ++k) totals[k] += (parts[0][k] + parts[1][k]) + (parts[2][k] + parts[3][k]);
}

/// terms(row, column, channel, double* sums) for every element, finish(channel, const double* sums) for every channel.
template <int sums, class Terms, class Finish>
void channel_sums(const Channels& channels, const Terms& terms, const Finish& finish) {
  for (Index first = 0; first < channels.count; first += channel_block) {
    const Index last = std::min(first + channel_block, channels.count);
    double totals[channel_block][sums] = {};
    for (Index row = 0; row < channels.rows; ++row) {
      if (channels.positions == 1) {
        for (Index c = first; c < last; ++c) terms(row, c, c, totals[c - first]);
      } else {
        for (Index c = first; c < last; ++c) add_positions<sums>(channels, row, c, terms, totals[c - first]);
      }
    }
    for (Index c = first; c < last; ++c) finish(c, totals[c - first]);
  }
}

/// at(row, column, channel) for every element.
template <class At>
void for_each_element(const Channels& channels, const At& at) {
  for (Index row = 0; row < channels.rows; ++row) {
    if (channels.positions == 1) {
      for (Index c = 0; c < channels.count; ++c) at(row, c, c);
      continue;
    }
    for (Index c = 0; c < channels.count; ++c) {
      const Index begin = c * channels.positions;
      for (Index i = begin; i < begin + channels.positions; ++i) at(row, i, c);
    }
  }
}

template <class T>
T& element(MatrixView<T> matrix, Index row, Index column) {
  return matrix.data[row * matrix.stride + column];
}

template <class Scalar>
Scalar element_or_zero(MatrixView<const Scalar> matrix, Index row, Index column) {
  return matrix.data == nullptr ? Scalar(0) : element(matrix, row, column);
}

template <class Scalar>
Scalar element_or_zero(VectorView<const Scalar> vector, Index i) {
  return vector.data == nullptr ? Scalar(0) : vector.data[i];
}

template <class Scalar>
Scalar standardized(const BatchNormInput<Scalar>& input, Index row, Index column, Index channel) {
  return (element(input.x, row, column) - input.mean.data[channel]) * input.reciprocal_deviation.data[channel];
}

template <class Scalar>
void add_to(VectorView<Scalar> gradient, Index i, double share) {
  if (gradient.data != nullptr) gradient.data[i] += static_cast<Scalar>(share);
}

}  // namespace

template <class Scalar>
void batch_norm_statistics(Stream& stream, ConstMatrixOf<Scalar> x, float epsilon, float momentum,
                           RunningStatistics<Scalar> running, VectorOf<Scalar> mean,
                           VectorOf<Scalar> reciprocal_deviation) {
  const Channels channels(x, mean.size);
  const double n = channels.values();
  auto* means = static_cast<double*>(stream.scratch(static_cast<std::size_t>(mean.size) * sizeof(double)));
  const auto moved = [momentum](Scalar before, double now) {
    const auto share = static_cast<double>(momentum);
    return static_cast<Scalar>((1.0 - share) * static_cast<double>(before) + share * now);
  };
  const auto first = [&](Index c) { return static_cast<double>(x.data[c * channels.positions]); };
  channel_sums<1>(
      channels,
      [&](Index row, Index column, Index c, double* sum) {
        sum[0] += static_cast<double>(element(x, row, column)) - first(c);
      },
      [&](Index c, const double* sum) {
        means[c] = first(c) + sum[0] / n;
        mean.data[c] = static_cast<Scalar>(means[c]);
        running.mean.data[c] = moved(running.mean.data[c], means[c]);
      });
  channel_sums<1>(
      channels,
      [&](Index row, Index column, Index c, double* sum) {
        const double difference = static_cast<double>(element(x, row, column)) - means[c];
        sum[0] += difference * difference;
      },
      [&](Index c, const double* sum) {
        reciprocal_deviation.data[c] = static_cast<Scalar>(1.0 / std::sqrt(sum[0] / n + static_cast<double>(epsilon)));
        running.variance.data[c] = moved(running.variance.data[c], sum[0] / (n - 1.0));
      });
}

template <class Scalar>
void batch_norm_running(Stream&, ConstVectorOf<Scalar> running_mean, ConstVectorOf<Scalar> running_variance,
                        float epsilon, VectorOf<Scalar> mean, VectorOf<Scalar> reciprocal_deviation) {
  for (Index c = 0; c < mean.size; ++c) {
    mean.data[c] = running_mean.data[c];
    reciprocal_deviation.data[c] = Scalar(1) / std::sqrt(running_variance.data[c] + static_cast<Scalar>(epsilon));
  }
}

template <class Scalar>
void batch_norm_forward(Stream&, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> mean,
                        ConstVectorOf<Scalar> reciprocal_deviation, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> b,
                        MatrixOf<Scalar> y) {
  for_each_element(Channels(x, w.size), [&](Index row, Index column, Index c) {
    const Scalar x_hat = (element(x, row, column) - mean.data[c]) * reciprocal_deviation.data[c];
    element(y, row, column) = w.data[c] * x_hat + b.data[c];
  });
}

template <class Scalar>
void batch_norm_backward(Stream& stream, const BatchNormInput<Scalar>& input, ConstMatrixOf<Scalar> dy,
                         MatrixOf<Scalar> dx, VectorOf<Scalar> dw, VectorOf<Scalar> db) {
  const Channels channels(input.x, input.w.size);
  const bool moving = input.moments == BatchMoments::of_batch;
  struct Means {
    Scalar g, xg;
  };
  auto* means = static_cast<Means*>(stream.scratch(static_cast<std::size_t>(channels.count) * sizeof(Means)));
  channel_sums<2>(
      channels,
      [&](Index row, Index column, Index c, double* sums) {
        const auto g = static_cast<double>(element(dy, row, column));
        sums[0] += g;
        sums[1] += g * static_cast<double>(standardized(input, row, column, c));
      },
      [&](Index c, const double* sums) {
        add_to(dw, c, sums[1]);
        add_to(db, c, sums[0]);
        const double share = moving ? static_cast<double>(input.w.data[c]) / channels.values() : 0.0;
        means[c] = {static_cast<Scalar>(share * sums[0]), static_cast<Scalar>(share * sums[1])};
      });
  if (dx.data == nullptr) return;
  for_each_element(channels, [&](Index row, Index column, Index c) {
    const Scalar g = input.w.data[c] * element(dy, row, column), x_hat = standardized(input, row, column, c);
    element(dx, row, column) =
        input.reciprocal_deviation.data[c] * (moving ? centred(g, x_hat, means[c].g, means[c].xg) : g);
  });
}

template <class Scalar>
void batch_norm_tangent(Stream& stream, const BatchNormInput<Scalar>& input, ConstMatrixOf<Scalar> x_tangent,
                        ConstVectorOf<Scalar> w_tangent, ConstVectorOf<Scalar> b_tangent, MatrixOf<Scalar> y_tangent) {
  const Channels channels(input.x, input.w.size);
  auto* means = static_cast<NormalizedMeans<Scalar>*>(
      stream.scratch(static_cast<std::size_t>(channels.count) * sizeof(NormalizedMeans<Scalar>)));
  std::fill_n(means, channels.count, NormalizedMeans<Scalar>{});
  if (x_tangent.data != nullptr && input.moments == BatchMoments::of_batch) {
    channel_sums<2>(
        channels,
        [&](Index row, Index column, Index c, double* sums) {
          const auto tangent = static_cast<double>(element(x_tangent, row, column));
          sums[0] += tangent;
          sums[1] += tangent * static_cast<double>(standardized(input, row, column, c));
        },
        [&](Index c, const double* sums) {
          means[c].tangent = static_cast<Scalar>(sums[0] / channels.values());
          means[c].x_tangent = static_cast<Scalar>(sums[1] / channels.values());
        });
  }
  for_each_element(channels, [&](Index row, Index column, Index c) {
    const NormalizedPlace<Scalar> place{standardized(input, row, column, c), element_or_zero(x_tangent, row, column), 0,
                                        0};
    element(y_tangent, row, column) = input.w.data[c] * place.q(means[c], input.reciprocal_deviation.data[c]) +
                                      element_or_zero(w_tangent, c) * place.x_hat + element_or_zero(b_tangent, c);
  });
}

template <class Scalar>
void batch_norm_tangent_backward(Stream& stream, const BatchNormTangentBackward<Scalar>& pass) {
  const BatchNormInput<Scalar>& input = pass.input;
  const Channels channels(input.x, input.w.size);
  auto* means = static_cast<NormalizedMeans<Scalar>*>(
      stream.scratch(static_cast<std::size_t>(channels.count) * sizeof(NormalizedMeans<Scalar>)));
  const auto place = [&](Index row, Index column, Index c) {
    return NormalizedPlace<Scalar>{standardized(input, row, column, c), element_or_zero(pass.x_tangent, row, column),
                                   element(pass.y_tangent_gradient, row, column),
                                   element(pass.y_gradient, row, column)};
  };
  channel_sums<normalized_sums>(
      channels, [&](Index row, Index column, Index c, double* sums) { place(row, column, c).add_to(sums); },
      [&](Index c, const double* sums) {
        const auto channel = NormalizedChannel<Scalar>::of(
            sums, 1.0 / channels.values(), static_cast<double>(input.reciprocal_deviation.data[c]),
            static_cast<double>(input.w.data[c]), static_cast<double>(element_or_zero(pass.w_tangent, c)),
            input.moments == BatchMoments::of_batch);
        means[c] = channel.means;
        add_to(pass.dw, c, channel.dw);
        add_to(pass.db, c, channel.db);
      });
  for_each_element(channels, [&](Index row, Index column, Index c) {
    NormalizedPlace<Scalar> here = place(row, column, c);
    const Scalar u = here.h, r = input.reciprocal_deviation.data[c];
    here.h = input.w.data[c] * u;
    here.a = input.w.data[c] * here.a + element_or_zero(pass.w_tangent, c) * u;
    if (pass.dx.data != nullptr) element(pass.dx, row, column) = here.gradient(means[c], r);
    if (pass.dx_tangent.data != nullptr) element(pass.dx_tangent, row, column) = here.tangent_gradient(means[c], r);
  });
}

MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_statistics)
MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_running)
MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_tangent_backward)

}  // namespace mynah::kernels::eigen
