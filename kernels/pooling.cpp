#include "kernels/pooling.h"

#include <algorithm>
#include <limits>

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

// Both twins count in 32 bits.
constexpr Index most_columns = std::numeric_limits<std::int32_t>::max();
constexpr Index most_step = Index{1} << 30;

bool is_padded_too_far(Index kernel, Index padding, Index dilation) {
  return 2 * padding > dilation * (kernel - 1) + 1;
}

template <class X, class Y>
void check(const PoolingGeometry& geometry, const X& x, const Y& y, const char* operation) {
  const char* const defect = defect_of(geometry);
  require(defect == nullptr, operation, defect);
  require(x.columns == geometry.in_columns(), operation, "images [channels, in_height, in_width] in a row");
  require(y.columns == geometry.out_columns(), operation, "a column for each window");
  require(x.rows == y.rows, operation, "as many rows before as after");
}

template <class X, class Y>
void check(const UpsamplingGeometry& geometry, const X& x, const Y& y, const char* operation) {
  require(std::min({geometry.channels, geometry.in_height, geometry.in_width}) >= 0 &&
              std::min(geometry.factor_height, geometry.factor_width) >= 1,
          operation, "no extent below 0 and no factor below 1");
  require(geometry.out_columns() <= most_columns, operation, "fewer than 2^31 columns");
  require(x.columns == geometry.in_columns() && y.columns == geometry.out_columns(), operation,
          "images [channels, in_height, in_width] in a row, and larger ones by the factors");
  require(x.rows == y.rows, operation, "as many rows before as after");
}

template <class Scalar>
bool positions_are_exact(const PoolingGeometry& geometry) {
  return geometry.in_height * geometry.in_width <= Index{1} << std::numeric_limits<Scalar>::digits;
}

}  // namespace

const char* defect_of(const PoolingGeometry& g) {
  if (std::min({g.channels, g.in_height, g.in_width, g.padding_height, g.padding_width}) < 0) {
    return "no extent and no padding below 0";
  }
  if (std::min({g.kernel_height, g.kernel_width, g.stride_height, g.stride_width, g.dilation_height,
                g.dilation_width}) < 1) {
    return "kernel, stride and dilation of at least 1";
  }
  if (std::max({g.kernel_height, g.kernel_width, g.stride_height, g.stride_width, g.dilation_height,
                g.dilation_width}) > most_step ||
      std::max(g.dilation_height * g.kernel_height, g.dilation_width * g.kernel_width) > most_step) {
    return "windows and strides of at most 2^30 elements";
  }
  if (is_padded_too_far(g.kernel_height, g.padding_height, g.dilation_height) ||
      is_padded_too_far(g.kernel_width, g.padding_width, g.dilation_width)) {
    return "a padding of at most half of the window";
  }
  if (std::max(g.in_columns(), g.out_columns()) > most_columns) return "fewer than 2^31 columns";
  return nullptr;
}

template <class Scalar>
void max_pooling_forward(Stream& stream, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y,
                         MatrixOf<Scalar> positions) {
  check(geometry, x, y, "max_pooling_forward");
  require(positions.data == nullptr || same_shape(positions, y), "max_pooling_forward",
          "positions of the shape of y, or empty");
  require(positions_are_exact<Scalar>(geometry), "max_pooling_forward", "images of at most 2^24 elements a channel");
  if (y.empty()) return;
  if (is_only_counted(stream, x, y, positions)) return;
  MYNAH_CALL_TWIN(max_pooling_forward, stream, geometry, x, y, positions);
}

template <class Scalar>
void max_pooling_backward(Stream& stream, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> positions,
                          ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx) {
  check(geometry, dx, dy, "max_pooling_backward");
  require(same_shape(positions, dy), "max_pooling_backward", "positions of the shape of dy");
  if (dx.empty()) return;
  if (is_only_counted(stream, positions, dy, dx)) return;
  MYNAH_CALL_TWIN(max_pooling_backward, stream, geometry, positions, dy, dx);
}

template <class Scalar>
void max_pooling_tangent(Stream& stream, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> positions,
                         ConstMatrixOf<Scalar> x_tangent, MatrixOf<Scalar> y_tangent) {
  check(geometry, x_tangent, y_tangent, "max_pooling_tangent");
  require(same_shape(positions, y_tangent), "max_pooling_tangent", "positions of the shape of y_tangent");
  if (y_tangent.empty()) return;
  if (is_only_counted(stream, positions, x_tangent, y_tangent)) return;
  MYNAH_CALL_TWIN(max_pooling_tangent, stream, geometry, positions, x_tangent, y_tangent);
}

template <class Scalar>
void average_pooling_forward(Stream& stream, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> x,
                             MatrixOf<Scalar> y) {
  check(geometry, x, y, "average_pooling_forward");
  require(geometry.dilation_height == 1 && geometry.dilation_width == 1, "average_pooling_forward", "no dilation");
  if (y.empty()) return;
  if (is_only_counted(stream, x, y)) return;
  MYNAH_CALL_TWIN(average_pooling_forward, stream, geometry, x, y);
}

template <class Scalar>
void average_pooling_backward(Stream& stream, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> dy,
                              MatrixOf<Scalar> dx) {
  check(geometry, dx, dy, "average_pooling_backward");
  require(geometry.dilation_height == 1 && geometry.dilation_width == 1, "average_pooling_backward", "no dilation");
  if (dx.empty()) return;
  if (is_only_counted(stream, dy, dx)) return;
  MYNAH_CALL_TWIN(average_pooling_backward, stream, geometry, dy, dx);
}

template <class Scalar>
void nearest_upsampling_forward(Stream& stream, const UpsamplingGeometry& geometry, ConstMatrixOf<Scalar> x,
                                MatrixOf<Scalar> y) {
  check(geometry, x, y, "nearest_upsampling_forward");
  if (y.empty()) return;
  if (is_only_counted(stream, x, y)) return;
  MYNAH_CALL_TWIN(nearest_upsampling_forward, stream, geometry, x, y);
}

template <class Scalar>
void nearest_upsampling_backward(Stream& stream, const UpsamplingGeometry& geometry, ConstMatrixOf<Scalar> dy,
                                 MatrixOf<Scalar> dx) {
  check(geometry, dx, dy, "nearest_upsampling_backward");
  if (dx.empty()) return;
  if (is_only_counted(stream, dy, dx)) return;
  MYNAH_CALL_TWIN(nearest_upsampling_backward, stream, geometry, dy, dx);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(max_pooling_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(max_pooling_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(max_pooling_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(average_pooling_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(average_pooling_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(nearest_upsampling_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(nearest_upsampling_backward)

}  // namespace mynah::kernels
