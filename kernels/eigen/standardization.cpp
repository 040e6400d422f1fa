#include "kernels/standardization.h"

#include "kernels/eigen/map.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void standardize(Stream&, MatrixView<const Scalar> x, VectorView<const Scalar> mean, VectorView<const Scalar> deviation,
                 MatrixView<Scalar> y) {
  map(y).array() = (map(x).rowwise() - map(mean)).array().rowwise() / map(deviation).array();
}

template <class Scalar>
void standardize_backward(Stream&, MatrixView<const Scalar> dy, VectorView<const Scalar> deviation,
                          MatrixView<Scalar> dx) {
  map(dx).array() = map(dy).array().rowwise() / map(deviation).array();
}

template <class Scalar>
void unstandardize(Stream&, MatrixView<const Scalar> x, VectorView<const Scalar> mean,
                   VectorView<const Scalar> deviation, MatrixView<Scalar> y) {
  map(y).array() = (map(x).array().rowwise() * map(deviation).array()).rowwise() + map(mean).array();
}

template <class Scalar>
void unstandardize_backward(Stream&, MatrixView<const Scalar> dy, VectorView<const Scalar> deviation,
                            MatrixView<Scalar> dx) {
  map(dx).array() = map(dy).array().rowwise() * map(deviation).array();
}

#define MYNAH_INSTANTIATE(Scalar)                                                                                      \
  template void standardize(Stream&, MatrixView<const Scalar>, VectorView<const Scalar>, VectorView<const Scalar>,     \
                            MatrixView<Scalar>);                                                                       \
  template void standardize_backward(Stream&, MatrixView<const Scalar>, VectorView<const Scalar>, MatrixView<Scalar>); \
  template void unstandardize(Stream&, MatrixView<const Scalar>, VectorView<const Scalar>, VectorView<const Scalar>,   \
                              MatrixView<Scalar>);                                                                     \
  template void unstandardize_backward(Stream&, MatrixView<const Scalar>, VectorView<const Scalar>, MatrixView<Scalar>);
MYNAH_INSTANTIATE(float)
MYNAH_INSTANTIATE(double)
#undef MYNAH_INSTANTIATE

}  // namespace mynah::kernels::eigen
