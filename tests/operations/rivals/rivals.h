#pragma once

#include <functional>
#include <string>

#include "kernels/convolution.h"
#include "kernels/precision.h"
#include "kernels/stream.h"
#include "kernels/view.h"

/// Operations of NVIDIA's libraries, for `mynah-operations speed` and `mynah-bench` to time beside
/// ours. Each makes what the library
/// wants once (handle, descriptors, workspace, the fastest algorithm it finds) for a CUDA stream and the given memory,
/// and returns the call; an empty one where there is nothing to time: the build has no such library, the shape is
/// empty, or the library does not take it.
namespace mynah::tests {

using RivalCall = std::function<void()>;

namespace cublas {

/// "13.0.2"; empty in a build without the library.
std::string version();

/// y = x wᵀ, dx = dz w and dw += dzᵀ x as in kernels/linear.h: no bias, no activation, no sum of the bias's gradient.
RivalCall linear_forward(Stream& stream, ConstMatrix x, ConstMatrix w, Matrix y, kernels::Precision precision);
RivalCall linear_backward(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dz, Matrix dx, Matrix dw,
                          kernels::Precision precision);

/// y = relu(x wᵀ + b) through cuBLASLt, bias and ReLU in its epilogue: the fastest of what its heuristic offers.
RivalCall linear_relu_forward(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y,
                              kernels::Precision precision);
/// dx = dz w and dw = dzᵀ x, each by itself and in the same way: nothing in the epilogue.
RivalCall linear_input_gradient(Stream& stream, ConstMatrix w, ConstMatrix dz, Matrix dx, kernels::Precision precision);
RivalCall linear_weight_gradient(Stream& stream, ConstMatrix x, ConstMatrix dz, Matrix dw,
                                 kernels::Precision precision);

}  // namespace cublas

namespace cudnn {

/// "9.13.0"; empty in a build without the library.
std::string version();

RivalCall relu_forward(Stream& stream, ConstMatrix x, Matrix y);
RivalCall relu_backward(Stream& stream, ConstMatrix y, ConstMatrix dy, Matrix dx);
/// Of every row.
RivalCall softmax(Stream& stream, ConstMatrix logits, Matrix probabilities);

/// The convolutions of kernels/convolution.h without bias and activation, in float32 (its products as they are) and
/// tf32; not for images that are not aligned to 16 bytes, weights with padding between their rows, and geometries that
/// leave places at the end.
RivalCall convolution_forward(Stream& stream, const kernels::ConvolutionGeometry& geometry, ConstMatrix x,
                              ConstMatrix w, Matrix y, kernels::Precision precision);
/// cuDNN's "backward data".
RivalCall convolution_transposed(Stream& stream, const kernels::ConvolutionGeometry& geometry, ConstMatrix dy,
                                 ConstMatrix w, Matrix dx, kernels::Precision precision);
/// cuDNN's "backward filter"; added to dw. Other than ours it may differ from run to run: cuDNN's fastest may use
/// atomic sums.
RivalCall convolution_weight_gradient(Stream& stream, const kernels::ConvolutionGeometry& geometry, ConstMatrix x,
                                      ConstMatrix dy, Matrix dw, kernels::Precision precision);

}  // namespace cudnn
}  // namespace mynah::tests
