#include "kernels/linear.h"

#include "kernels/eigen/activation_map.h"
#include "kernels/eigen/map.h"
#include "kernels/eigen/rounded_factors.h"
#include "kernels/eigen/shared_work.h"

namespace mynah::kernels::eigen {
namespace {

/// The products that follow are added: to zeros, then.
template <class Scalar>
void overwrite_weights(MatrixView<Scalar> dw, VectorView<Scalar> db, ProductOptions options) {
  if (!options.overwrite_weights) return;
  if (dw.data != nullptr) map(dw).setZero();
  if (!db.empty()) map(db).setZero();
}

}  // namespace

template <class Scalar>
void linear_forward(Stream& stream, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> b,
                    Activation activation, MatrixOf<Scalar> y, MatrixOf<Scalar> z, ProductOptions options) {
  auto out = map(z.data == nullptr ? y : z);
  if (!options.add) out.setZero();
  out.noalias() += map(x) * map(w).transpose();
  if (!b.empty()) out.rowwise() += map(b);
  if (z.data != nullptr || activation != Activation::none) {
    eigen::activation_forward<Scalar>(stream, activation, z.data == nullptr ? y : z, y);
  }
}

template <class Scalar>
void linear_backward(Stream& stream, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w, ConstMatrixOf<Scalar> dz,
                     MatrixOf<Scalar> dx, MatrixOf<Scalar> dw, VectorOf<Scalar> db,
                     InputActivation<Scalar> input_activation, ProductOptions options) {
  if (dx.data != nullptr) {
    if (!options.add) map(dx).setZero();
    map(dx).noalias() += map(dz) * map(w);
    if (input_activation.activation != Activation::none) {
      eigen::activation_backward<Scalar>(stream, input_activation.activation, input_activation.operand, dx, dx);
    }
  }
  overwrite_weights<Scalar>(dw, db, options);
  if (dw.data != nullptr) map(dw).noalias() += map(dz).transpose() * map(x);
  if (db.data != nullptr && !db.empty()) map(db) += map(dz).colwise().sum();
}

namespace {

void meet(const vectorized::Team& team) {
  if (team.members > 1) team.meet(team.place);
}

bool is_large(const vectorized::LinearSizes& sizes) {
  return sizes.rows * sizes.inputs * sizes.outputs >= least_shared_products;
}

}  // namespace

template <>
void linear_forward<float>(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Activation activation, Matrix y,
                           Matrix z, ProductOptions options) {
  using namespace vectorized;
  const LinearSizes sizes{x.rows, w.columns, w.rows};
  const Operations& use = operations();
  const Matrix out = z.data == nullptr ? y : z;
  const bool fused_relu = activation == Activation::relu && z.data == nullptr;
  const bool activates = !fused_relu && (activation != Activation::none || z.data != nullptr);
  const bool large = is_large(sizes);
  RoundedFactors factors(stream, options.precision, {x, w},
                         use.linear_forward_scratch(sizes, options.add, large ? stream.threads() : 1));
  const ConstRows x_rows = factors.rows_of(x), w_rows = factors.rows_of(w);
  share(stream, large, [&](const Team& team) {
    use.linear_forward(sizes, x_rows, w_rows, b.empty() ? nullptr : b.data, options.add, fused_relu, rows_of(out),
                       factors.rest(), team);
    if (!activates) return;
    meet(team);
    const SharedPart own(out.rows, team);
    map_activation(activation, own.of(ConstMatrix(out)), own.of(y));  // while it is in the cache
  });
}

template <>
void linear_backward<float>(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dz, Matrix dx, Matrix dw,
                            Vector db, InputActivation<float> input_activation, ProductOptions options) {
  using namespace vectorized;
  const LinearSizes sizes{x.rows, w.columns, w.rows};
  const Operations& use = operations();
  const bool adds_weights = !options.overwrite_weights;
  // db has no products: it sums dz as it is.
  float* const db_data = db.empty() ? nullptr : db.data;
  const bool strict = options.precision == Precision::float32;
  const bool large = is_large(sizes);
  RoundedFactors factors(stream, options.precision, {x, w, dz},
                         use.linear_backward_scratch(sizes, large ? stream.threads() : 1));
  const bool products = dx.data != nullptr || dw.data != nullptr;
  const ConstRows x_rows = products ? factors.rows_of(x) : rows_of(x);
  const ConstRows w_rows = products ? factors.rows_of(w) : rows_of(w);
  const ConstRows dz_rows = products ? factors.rows_of(dz) : rows_of(dz);
  share(stream, large, [&](const Team& team) {
    if (dx.data != nullptr) {
      const Activation behind = input_activation.activation;
      const ConstRows gate = behind == Activation::relu ? rows_of(input_activation.operand) : ConstRows{};
      use.linear_input_gradient(sizes, w_rows, dz_rows, gate, rows_of(dx), options.add, factors.rest(), team);
      meet(team);
      if (behind != Activation::none && behind != Activation::relu) {
        const SharedPart own(dx.rows, team);
        map_activation_gradient(input_activation.activation, own.of(input_activation.operand), own.of(ConstMatrix(dx)),
                                own.of(dx));
      }
    }
    if (dw.data != nullptr || (strict && db_data != nullptr)) {
      use.linear_weight_gradient(sizes, x_rows, dz_rows, rows_of(dw), strict ? db_data : nullptr, adds_weights,
                                 factors.rest(), team);
    }
  });
  if (!strict && db_data != nullptr) {
    use.linear_weight_gradient(sizes, rows_of(x), rows_of(dz), {}, db_data, adds_weights, factors.rest(), {});
  }
}

MYNAH_FOR_DOUBLE(linear_forward)
MYNAH_FOR_DOUBLE(linear_backward)

}  // namespace mynah::kernels::eigen
