#include "kernels/batch_norm.h"

#include <cstdint>
#include <limits>

#include "kernels/operation_count.h"
#include "kernels/optional_view.h"

namespace mynah::kernels {
namespace {

/// Whether x has `channels` channels of some number of positions. CUDA finds an element's channel in 32 bits.
template <class Scalar>
bool has_channels(MatrixView<const Scalar> x, Index channels) {
  if (x.columns > std::numeric_limits<std::int32_t>::max()) return false;
  return channels == 0 ? x.columns == 0 : x.columns % channels == 0;
}

template <class Scalar>
void require_input(const char* operation, const BatchNormInput<Scalar>& input) {
  require(has_channels(input.x, input.w.size), operation, "x [rows, channels * positions] and w [channels]");
  require(input.mean.size == input.w.size && input.reciprocal_deviation.size == input.w.size, operation,
          "mean and reciprocal_deviation [channels]");
}

}  // namespace

template <class Scalar>
void batch_norm_statistics(Stream& stream, ConstMatrixOf<Scalar> x, float epsilon, float momentum,
                           RunningStatistics<Scalar> running, VectorOf<Scalar> mean,
                           VectorOf<Scalar> reciprocal_deviation) {
  const char* const name = "batch_norm_statistics";
  require(has_channels(x, mean.size), name, "x [rows, channels * positions] and mean [channels]");
  require(
      reciprocal_deviation.size == mean.size && running.mean.size == mean.size && running.variance.size == mean.size,
      name, "reciprocal_deviation and the running statistics [channels]");
  if (x.empty()) return;
  require(x.rows * (x.columns / mean.size) > 1, name, "more than one value of each channel");
  if (is_only_counted(stream, x, Untold{}, mean, reciprocal_deviation)) return;
  MYNAH_CALL_TWIN(batch_norm_statistics, stream, x, epsilon, momentum, running, mean, reciprocal_deviation);
}

template <class Scalar>
void batch_norm_running(Stream& stream, ConstVectorOf<Scalar> running_mean, ConstVectorOf<Scalar> running_variance,
                        float epsilon, VectorOf<Scalar> mean, VectorOf<Scalar> reciprocal_deviation) {
  require(running_variance.size == running_mean.size && mean.size == running_mean.size &&
              reciprocal_deviation.size == running_mean.size,
          "batch_norm_running", "means, variance and reciprocal_deviation [channels]");
  if (mean.empty()) return;
  if (is_only_counted(stream, running_mean, running_variance, mean, reciprocal_deviation)) return;
  MYNAH_CALL_TWIN(batch_norm_running, stream, running_mean, running_variance, epsilon, mean, reciprocal_deviation);
}

template <class Scalar>
void batch_norm_forward(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> mean,
                        ConstVectorOf<Scalar> reciprocal_deviation, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> b,
                        MatrixOf<Scalar> y) {
  const char* const name = "batch_norm_forward";
  require_input<Scalar>(name, {BatchMoments::of_batch, x, mean, reciprocal_deviation, w});
  require(b.size == w.size, name, "b [channels]");
  require(same_shape(x, y), name, "y of the shape of x");
  if (x.empty()) return;
  if (is_only_counted(stream, x, mean, reciprocal_deviation, w, b, y)) return;
  MYNAH_CALL_TWIN(batch_norm_forward, stream, x, mean, reciprocal_deviation, w, b, y);
}

template <class Scalar>
void batch_norm_backward(Stream& stream, const BatchNormInput<Scalar>& input, ConstMatrixOf<Scalar> dy,
                         MatrixOf<Scalar> dx, VectorOf<Scalar> dw, VectorOf<Scalar> db) {
  const char* const name = "batch_norm_backward";
  require_input(name, input);
  require(same_shape(input.x, dy) && empty_or_same(dx, input.x), name,
          "dy and dx of the shape of x, dx possibly empty");
  require(empty_or_of(dw, input.w.size) && empty_or_of(db, input.w.size), name, "dw and db [channels], or empty");
  if (input.x.empty()) return;
  if (is_only_counted(stream, Untold{}, dy, dx, changed(dw), changed(db))) return;
  MYNAH_CALL_TWIN(batch_norm_backward, stream, input, dy, dx, dw, db);
}

template <class Scalar>
void batch_norm_tangent(Stream& stream, const BatchNormInput<Scalar>& input, ConstMatrixOf<Scalar> x_tangent,
                        ConstVectorOf<Scalar> w_tangent, ConstVectorOf<Scalar> b_tangent, MatrixOf<Scalar> y_tangent) {
  const char* const name = "batch_norm_tangent";
  require_input(name, input);
  require(same_shape(input.x, y_tangent) && empty_or_same(x_tangent, input.x), name,
          "tangents of x and y of the shape of x, that of x possibly empty");
  require(empty_or_of(w_tangent, input.w.size) && empty_or_of(b_tangent, input.w.size), name,
          "tangents of w and b [channels], or empty");
  if (input.x.empty()) return;
  if (is_only_counted(stream, Untold{}, x_tangent, w_tangent, b_tangent, y_tangent)) return;
  MYNAH_CALL_TWIN(batch_norm_tangent, stream, input, x_tangent, w_tangent, b_tangent, y_tangent);
}

template <class Scalar>
void batch_norm_tangent_backward(Stream& stream, const BatchNormTangentBackward<Scalar>& pass) {
  const char* const name = "batch_norm_tangent_backward";
  const auto& x = pass.input.x;
  const Index channels = pass.input.w.size;
  require_input(name, pass.input);
  require(same_shape(x, pass.y_gradient) && same_shape(x, pass.y_tangent_gradient), name,
          "gradients of y and of its tangent of the shape of x");
  require(empty_or_same(pass.x_tangent, x) && empty_or_same(pass.dx, x) && empty_or_same(pass.dx_tangent, x), name,
          "the tangent of x and the gradients of the shape of x, or empty");
  require(empty_or_of(pass.w_tangent, channels) && empty_or_of(pass.dw, channels) && empty_or_of(pass.db, channels),
          name, "the tangent of w, dw and db [channels], or empty");
  if (x.empty()) return;
  if (is_only_counted(stream, Untold{})) return;
  MYNAH_CALL_TWIN(batch_norm_tangent_backward, stream, pass);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_statistics)
MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_running)
MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(batch_norm_tangent_backward)

}  // namespace mynah::kernels
