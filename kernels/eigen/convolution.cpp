#include "kernels/convolution.h"

#include "kernels/eigen/map.h"
#include "kernels/eigen/rounded_factors.h"

namespace mynah::kernels::eigen {
namespace {

using Geometry = ConvolutionGeometry;

/// visit(row of the column matrix, position, element of the image), for every product of one group of one image with
/// an element inside of it. The column matrix is [depth, positions]: what each tap meets at each place of the kernel.
template <class Visit>
void for_each_product(const Geometry& g, const Visit& visit) {
  for (Index c = 0; c < g.group_inputs(); ++c) {
    for (Index u = 0; u < g.kernel_height; ++u) {
      for (Index v = 0; v < g.kernel_width; ++v) {
        const Index row = (c * g.kernel_height + u) * g.kernel_width + v;
        for (Index i = 0; i < g.out_height; ++i) {
          const Index h = i * g.stride_height - g.padding_height + u * g.dilation_height;
          if (h < 0 || h >= g.in_height) continue;
          for (Index j = 0; j < g.out_width; ++j) {
            const Index k = j * g.stride_width - g.padding_width + v * g.dilation_width;
            if (k < 0 || k >= g.in_width) continue;
            visit(row, i * g.out_width + j, (c * g.in_height + h) * g.in_width + k);
          }
        }
      }
    }
  }
}

/// The column matrix, in the stream's scratch memory.
template <class Scalar>
MatrixView<Scalar> column_matrix(Stream& stream, const Geometry& g) {
  const auto size = static_cast<std::size_t>(g.depth() * g.positions());
  void* memory = size == 0 ? nullptr : stream.scratch(size * sizeof(Scalar));
  return {static_cast<Scalar*>(memory), g.depth(), g.positions()};
}

/// One group of one image, as a matrix.
template <class T>
MatrixView<T> outputs_of(const Geometry& g, MatrixView<T> out, Index image, Index group) {
  const Index channels = g.group_outputs();
  return {out.data + image * out.stride + group * channels * g.positions(), channels, g.positions()};
}
template <class T>
T* inputs_of(const Geometry& g, MatrixView<T> in, Index image, Index group) {
  return in.data + image * in.stride + group * g.group_inputs() * g.in_height * g.in_width;
}

template <class Scalar>
void gather(const Geometry& g, const Scalar* image, MatrixView<Scalar> columns) {
  map(columns).setZero();
  for_each_product(g, [&](Index row, Index position, Index element) {
    columns.data[row * columns.stride + position] = image[element];
  });
}

template <class Scalar>
void finish(Stream& stream, ConstVectorOf<Scalar> b, Activation activation, MatrixOf<Scalar> out, MatrixOf<Scalar> y) {
  if (!b.empty()) eigen::channel_bias_forward<Scalar>(stream, b, out);
  if (out.data != y.data || activation != Activation::none) {
    eigen::activation_forward<Scalar>(stream, activation, out, y);
  }
}

}  // namespace

template <class Scalar>
void convolution_forward(Stream& stream, const Geometry& g, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w,
                         ConstVectorOf<Scalar> b, Activation activation, MatrixOf<Scalar> y, MatrixOf<Scalar> z,
                         ProductOptions options) {
  const MatrixView<Scalar> out = z.data == nullptr ? y : z;
  if (!options.add) map(out).setZero();
  const MatrixView<Scalar> columns = column_matrix<Scalar>(stream, g);
  for (Index image = 0; image < x.rows; ++image) {
    for (Index group = 0; group < g.groups; ++group) {
      gather<Scalar>(g, inputs_of(g, x, image, group), columns);
      const auto weights = map(w.middle_rows(group * g.group_outputs(), g.group_outputs()));
      map(outputs_of(g, out, image, group)).noalias() += weights * map(columns);
    }
  }
  finish<Scalar>(stream, b, activation, out, y);
}

template <class Scalar>
void convolution_transposed(Stream& stream, const Geometry& g, ConstMatrixOf<Scalar> dy, ConstMatrixOf<Scalar> w,
                            ConstVectorOf<Scalar> b, Activation activation, MatrixOf<Scalar> dx, MatrixOf<Scalar> z,
                            ProductOptions options) {
  const MatrixView<Scalar> out = z.data == nullptr ? dx : z;
  if (!options.add) map(out).setZero();
  const MatrixView<Scalar> columns = column_matrix<Scalar>(stream, g);
  for (Index image = 0; image < dx.rows; ++image) {
    for (Index group = 0; group < g.groups; ++group) {
      const auto weights = map(w.middle_rows(group * g.group_outputs(), g.group_outputs()));
      map(columns).setZero();
      map(columns).noalias() += weights.transpose() * map(outputs_of(g, dy, image, group));
      Scalar* to = inputs_of(g, out, image, group);
      for_each_product(g, [&](Index row, Index position, Index element) {
        to[element] += columns.data[row * columns.stride + position];
      });
    }
  }
  finish<Scalar>(stream, b, activation, out, dx);
}

template <class Scalar>
void convolution_weight_gradient(Stream& stream, const Geometry& g, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> dy,
                                 MatrixOf<Scalar> dw, ProductOptions) {
  const MatrixView<Scalar> columns = column_matrix<Scalar>(stream, g);
  for (Index image = 0; image < x.rows; ++image) {
    for (Index group = 0; group < g.groups; ++group) {
      gather<Scalar>(g, inputs_of(g, x, image, group), columns);
      auto gradient = map(dw.middle_rows(group * g.group_outputs(), g.group_outputs()));
      gradient.noalias() += map(outputs_of(g, dy, image, group)) * map(columns).transpose();
    }
  }
}

template <class Scalar>
void channel_bias_forward(Stream&, ConstVectorOf<Scalar> b, MatrixOf<Scalar> y) {
  const Index places = y.columns / b.size;
  for (Index m = 0; m < y.rows; ++m) {
    map(MatrixView<Scalar>{y.row(m).data, b.size, places}).colwise() += map(b).transpose();
  }
}

template <class Scalar>
void channel_bias_backward(Stream&, ConstMatrixOf<Scalar> dy, VectorOf<Scalar> db) {
  const Index places = dy.columns / db.size;
  for (Index m = 0; m < dy.rows; ++m) {
    map(db) += map(MatrixView<const Scalar>{dy.row(m).data, db.size, places}).rowwise().sum().transpose();
  }
}

template <>
void channel_bias_forward<float>(Stream&, ConstVector b, Matrix y) {
  vectorized::operations().channel_bias_forward(y.rows, b.size, y.columns / b.size, b.data, vectorized::rows_of(y));
}

template <>
void channel_bias_backward<float>(Stream&, ConstMatrix dy, Vector db) {
  vectorized::operations().channel_bias_backward(dy.rows, db.size, dy.columns / db.size, vectorized::rows_of(dy),
                                                 db.data);
}

namespace {

vectorized::ConvolutionSizes sizes_of(const Geometry& g, Index images) {
  return {images,           g.groups,        g.group_inputs(),  g.group_outputs(), g.in_height,     g.in_width,
          g.out_height,     g.out_width,     g.kernel_height,   g.kernel_width,    g.stride_height, g.stride_width,
          g.padding_height, g.padding_width, g.dilation_height, g.dilation_width};
}

/// Whether something is multiplied at all.
bool has_products(const Geometry& g) {
  return g.in_columns() > 0 && g.out_columns() > 0;
}

/// What is left of an operation without products.
void finish_nothing(Stream& stream, ConstVector b, bool add, Matrix out) {
  if (!add) map(out).setZero();
  if (!b.empty()) eigen::channel_bias_forward<float>(stream, b, out);
}

}  // namespace

template <>
void convolution_forward<float>(Stream& stream, const Geometry& g, ConstMatrix x, ConstMatrix w, ConstVector b,
                                Activation activation, Matrix y, Matrix z, ProductOptions options) {
  using namespace vectorized;
  const Matrix out = z.data == nullptr ? y : z;
  if (has_products(g)) {
    const ConvolutionSizes sizes = sizes_of(g, x.rows);
    RoundedFactors factors(stream, options.precision, {x, w}, operations().convolution_scratch(sizes));
    const ConstRows x_rows = factors.rows_of(x), w_rows = factors.rows_of(w);
    operations().convolution_forward(sizes, x_rows, w_rows, b.empty() ? nullptr : b.data, options.add, rows_of(out),
                                     factors.rest());
  } else {
    finish_nothing(stream, b, options.add, out);
  }
  finish<float>(stream, {}, activation, out, y);
}

template <>
void convolution_transposed<float>(Stream& stream, const Geometry& g, ConstMatrix dy, ConstMatrix w, ConstVector b,
                                   Activation activation, Matrix dx, Matrix z, ProductOptions options) {
  using namespace vectorized;
  const Matrix out = z.data == nullptr ? dx : z;
  if (has_products(g)) {
    const ConvolutionSizes sizes = sizes_of(g, dy.rows);
    RoundedFactors factors(stream, options.precision, {dy, w}, operations().convolution_scratch(sizes));
    const ConstRows dy_rows = factors.rows_of(dy), w_rows = factors.rows_of(w);
    operations().convolution_transposed(sizes, dy_rows, w_rows, b.empty() ? nullptr : b.data, options.add, rows_of(out),
                                        factors.rest());
  } else {
    finish_nothing(stream, b, options.add, out);
  }
  finish<float>(stream, {}, activation, out, dx);
}

template <>
void convolution_weight_gradient<float>(Stream& stream, const Geometry& g, ConstMatrix x, ConstMatrix dy, Matrix dw,
                                        ProductOptions options) {
  using namespace vectorized;
  if (!has_products(g)) return;
  const ConvolutionSizes sizes = sizes_of(g, x.rows);
  RoundedFactors factors(stream, options.precision, {x, dy}, operations().convolution_scratch(sizes));
  const ConstRows x_rows = factors.rows_of(x), dy_rows = factors.rows_of(dy);
  operations().convolution_weight_gradient(sizes, x_rows, dy_rows, rows_of(dw), factors.rest());
}

MYNAH_FOR_DOUBLE(convolution_forward)
MYNAH_FOR_DOUBLE(convolution_transposed)
MYNAH_FOR_DOUBLE(convolution_weight_gradient)
MYNAH_FOR_DOUBLE(channel_bias_forward)
MYNAH_FOR_DOUBLE(channel_bias_backward)

}  // namespace mynah::kernels::eigen
