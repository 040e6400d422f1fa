#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/operations/rivals/cudnn_objects.h"
#include "tests/operations/rivals/rivals.h"
#include "tests/operations/rivals/workspace.h"

namespace mynah::tests::cudnn {
namespace {

using kernels::ConvolutionGeometry;
using kernels::Precision;

/// CUDNN_TENSOR_OP_MATH lets it round floats to tf32; it has no bfloat16 for floats.
cudnnMathType_t math_type(Precision precision) {
  return precision == Precision::float32 ? CUDNN_FMA_MATH : CUDNN_TENSOR_OP_MATH;
}

/// Everything that a convolution and its two backward passes share.
class Convolution {
 public:
  /// in, w, out: the three matrices, whichever of them is the result.
  Convolution(Stream& stream, const ConvolutionGeometry& g, ConstMatrix in, ConstMatrix out, Precision precision)
      : handle(stream),
        in_images(in, {g.in_channels, g.in_height, g.in_width}),
        out_images(out, {g.out_channels, g.out_height, g.out_width}),
        device_(stream.device()),
        precision_(precision) {
    check(cudnnCreateFilterDescriptor(&weights));
    check(cudnnSetFilter4dDescriptor(weights, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, static_cast<int>(g.out_channels),
                                     static_cast<int>(g.group_inputs()), static_cast<int>(g.kernel_height),
                                     static_cast<int>(g.kernel_width)));
    check(cudnnCreateConvolutionDescriptor(&descriptor));
    check(cudnnSetConvolution2dDescriptor(
        descriptor, static_cast<int>(g.padding_height), static_cast<int>(g.padding_width),
        static_cast<int>(g.stride_height), static_cast<int>(g.stride_width), static_cast<int>(g.dilation_height),
        static_cast<int>(g.dilation_width), CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    check(cudnnSetConvolutionGroupCount(descriptor, static_cast<int>(g.groups)));
    check(cudnnSetConvolutionMathType(descriptor, math_type(precision)));
  }
  ~Convolution() {
    cudnnDestroyConvolutionDescriptor(descriptor);
    cudnnDestroyFilterDescriptor(weights);
  }
  Convolution(const Convolution&) = delete;
  Convolution& operator=(const Convolution&) = delete;

  /// Takes the fastest of the algorithms that cuDNN has timed, and gets it its workspace. cuDNN also tries its default
  /// arithmetic, which rounds to tf32: that is out of the question for float32.
  template <class Performance>
  auto choose(std::vector<Performance> timed, int count) {
    timed.resize(static_cast<std::size_t>(count));
    for (const Performance& one : timed) {  // in order of time
      if (one.status != CUDNN_STATUS_SUCCESS || one.memory > most_workspace) continue;
      if (precision_ == Precision::float32 && one.mathType != CUDNN_FMA_MATH) continue;
      check(cudnnSetConvolutionMathType(descriptor, one.mathType));
      workspace = std::make_unique<Workspace>(device_, one.memory);
      return one.algo;
    }
    throw Error(Error::Cause::device, "cuDNN", "has no algorithm for this convolution");
  }

  Handle handle;
  Images in_images, out_images;
  cudnnFilterDescriptor_t weights = nullptr;
  cudnnConvolutionDescriptor_t descriptor = nullptr;
  std::unique_ptr<Workspace> workspace;

 private:
  static constexpr std::size_t most_workspace = std::size_t{2} << 30;
  DeviceId device_;
  Precision precision_;
};

constexpr int algorithms_at_most = 32;  // of which cuDNN has 8 or fewer, each with two kinds of arithmetic

bool takes(const ConvolutionGeometry& g, ConstMatrix in, ConstMatrix w, ConstMatrix out, Precision precision) {
  const auto aligned = [](ConstMatrix x) { return reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0; };
  const ConvolutionGeometry whole = g.with_output_extents();
  return precision != Precision::bfloat16 && in.rows > 0 && g.in_columns() > 0 && g.out_columns() > 0 &&
         whole.out_height == g.out_height && whole.out_width == g.out_width && w.stride == w.columns && aligned(in) &&
         aligned(w) && aligned(out);
}

}  // namespace

RivalCall convolution_forward(Stream& stream, const ConvolutionGeometry& geometry, ConstMatrix x, ConstMatrix w,
                              Matrix y, Precision precision) {
  if (!takes(geometry, x, w, y, precision)) return {};
  const auto c = std::make_shared<Convolution>(stream, geometry, x, y, precision);
  std::vector<cudnnConvolutionFwdAlgoPerf_t> timed(algorithms_at_most);
  int count = 0;
  check(cudnnFindConvolutionForwardAlgorithm(c->handle.get(), c->in_images.get(), c->weights, c->descriptor,
                                             c->out_images.get(), algorithms_at_most, &count, timed.data()));
  return [=, algorithm = c->choose(timed, count)] {
    check(cudnnConvolutionForward(c->handle.get(), &one, c->in_images.get(), x.data, c->weights, w.data, c->descriptor,
                                  algorithm, c->workspace->data(), c->workspace->bytes(), &zero, c->out_images.get(),
                                  y.data));
  };
}

RivalCall convolution_transposed(Stream& stream, const ConvolutionGeometry& geometry, ConstMatrix dy, ConstMatrix w,
                                 Matrix dx, Precision precision) {
  if (!takes(geometry, dx, w, dy, precision)) return {};
  const auto c = std::make_shared<Convolution>(stream, geometry, dx, dy, precision);
  std::vector<cudnnConvolutionBwdDataAlgoPerf_t> timed(algorithms_at_most);
  int count = 0;
  check(cudnnFindConvolutionBackwardDataAlgorithm(c->handle.get(), c->weights, c->out_images.get(), c->descriptor,
                                                  c->in_images.get(), algorithms_at_most, &count, timed.data()));
  return [=, algorithm = c->choose(timed, count)] {
    check(cudnnConvolutionBackwardData(c->handle.get(), &one, c->weights, w.data, c->out_images.get(), dy.data,
                                       c->descriptor, algorithm, c->workspace->data(), c->workspace->bytes(), &zero,
                                       c->in_images.get(), dx.data));
  };
}

RivalCall convolution_weight_gradient(Stream& stream, const ConvolutionGeometry& geometry, ConstMatrix x,
                                      ConstMatrix dy, Matrix dw, Precision precision) {
  if (!takes(geometry, x, dw, dy, precision)) return {};
  const auto c = std::make_shared<Convolution>(stream, geometry, x, dy, precision);
  std::vector<cudnnConvolutionBwdFilterAlgoPerf_t> timed(algorithms_at_most);
  int count = 0;
  check(cudnnFindConvolutionBackwardFilterAlgorithm(c->handle.get(), c->in_images.get(), c->out_images.get(),
                                                    c->descriptor, c->weights, algorithms_at_most, &count,
                                                    timed.data()));
  return [=, algorithm = c->choose(timed, count)] {
    check(cudnnConvolutionBackwardFilter(c->handle.get(), &one, c->in_images.get(), x.data, c->out_images.get(),
                                         dy.data, c->descriptor, algorithm, c->workspace->data(), c->workspace->bytes(),
                                         &one, c->weights, dw.data));
  };
}

}  // namespace mynah::tests::cudnn
