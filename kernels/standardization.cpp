#include "kernels/standardization.h"

namespace mynah::kernels {
namespace {

void require_columns(const char* operation, ConstMatrix x, Index parameters, ConstMatrix y) {
  require(same_shape(x, y), operation, "input and output of one shape");
  require(parameters == x.columns, operation, "mean and deviation [columns]");
}

}  // namespace

void standardize(Stream& stream, ConstMatrix x, ConstVector mean, ConstVector deviation, Matrix y) {
  require_columns("standardize", x, mean.size, y);
  require_columns("standardize", x, deviation.size, y);
  if (y.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(standardize, stream, x, mean, deviation, y);
  eigen::standardize<float>(stream, x, mean, deviation, y);
}

void standardize_backward(Stream& stream, ConstMatrix dy, ConstVector deviation, Matrix dx) {
  require_columns("standardize_backward", dy, deviation.size, dx);
  if (dx.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(standardize_backward, stream, dy, deviation, dx);
  eigen::standardize_backward<float>(stream, dy, deviation, dx);
}

void unstandardize(Stream& stream, ConstMatrix x, ConstVector mean, ConstVector deviation, Matrix y) {
  require_columns("unstandardize", x, mean.size, y);
  require_columns("unstandardize", x, deviation.size, y);
  if (y.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(unstandardize, stream, x, mean, deviation, y);
  eigen::unstandardize<float>(stream, x, mean, deviation, y);
}

void unstandardize_backward(Stream& stream, ConstMatrix dy, ConstVector deviation, Matrix dx) {
  require_columns("unstandardize_backward", dy, deviation.size, dx);
  if (dx.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(unstandardize_backward, stream, dy, deviation, dx);
  eigen::unstandardize_backward<float>(stream, dy, deviation, dx);
}

}  // namespace mynah::kernels
