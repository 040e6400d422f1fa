// A large product, and a step of Adam over many parameters: single operations.

#include <memory>

#include "bench/mynah_bench/timed.h"
#include "engine/buffer.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/linear.h"
#include "kernels/optimizer.h"
#include "kernels/random.h"
#include "tests/operations/rivals/rivals.h"

namespace mynah::bench {
namespace {

Buffer<float> random_buffer(Stream& stream, Index size, std::uint32_t instance) {
  Buffer<float> values(stream.device(), size);
  kernels::normal(stream, random_key(1, RandomStream::test, instance), nullptr, 0.0f, 1.0f, values.view());
  return values;
}

Buffer<float> zeros(Stream& stream, Index size) {
  Buffer<float> values(stream.device(), size);
  kernels::fill(stream, values.view(), 0.0f);
  return values;
}

struct Product {
  Product(const Workload& workload, DeviceId device)
      : stream(open_stream(workload, device)),
        edge(workload.size),
        x_values(random_buffer(stream, edge * edge, 0)),
        w_values(random_buffer(stream, edge * edge, 1)),
        bias(random_buffer(stream, edge, 2)),
        y_values(device, edge * edge) {}
  ConstMatrix x() const { return {x_values.data(), edge, edge}; }
  ConstMatrix w() const { return {w_values.data(), edge, edge}; }
  Matrix y() const { return {y_values.data(), edge, edge}; }

  Stream stream;
  Index edge;
  Buffer<float> x_values, w_values, bias, y_values;
};

void count_product(const Workload& workload, Timed& timed) {
  const auto edge = static_cast<double>(workload.size);
  timed.work.flops = 2.0 * edge * edge * edge;
  timed.work.bytes = 4.0 * 3.0 * edge * edge;
}

struct AdamStep {
  AdamStep(const Workload& workload, DeviceId device)
      : stream(open_stream(workload, device)),
        parameters(random_buffer(stream, workload.size, 0)),
        gradient(random_buffer(stream, workload.size, 1)),
        first_moment(zeros(stream, workload.size)),
        second_moment(zeros(stream, workload.size)),
        learning_rate(device, 1),
        step(device, 1) {
    kernels::fill(stream, learning_rate.view(), 1e-3f);
    kernels::set_counters(stream, step.view(), 1);
  }
  Stream stream;
  Buffer<float> parameters, gradient, first_moment, second_moment, learning_rate;
  Buffer<Index> step;
};

/// A layer that one library's calls make, or nothing.
Timed prepare_cublas(const Workload& workload, DeviceId device) {
  if (workload.task != Task::product) throw input_error("cuBLAS", "has products only");
  const auto state = std::make_shared<Product>(workload, device);
  tests::RivalCall call = tests::cublas::linear_relu_forward(state->stream, state->x(), state->w(), state->bias.view(),
                                                             state->y(), workload.precision);
  if (!call) throw input_error("cuBLAS", "is not in this build");
  Timed timed = repeat(state->stream, Path::automatic, [state, call] { call(); });
  timed.description = "cublasLtMatmul with bias and ReLU in its epilogue, the fastest of its heuristic's choices";
  return timed;
}

}  // namespace

Timed prepare_product(const Workload& workload, DeviceId device, Path path) {
  refuse_resident(path, "a product");
  const auto state = std::make_shared<Product>(workload, device);
  Timed timed = repeat(state->stream, path, [state, precision = workload.precision] {
    kernels::linear_forward(state->stream, state->x(), state->w(), state->bias.view(), kernels::Activation::relu,
                            state->y(), {}, {precision});
  });
  count_product(workload, timed);
  return timed;
}

Timed prepare_adam(const Workload& workload, DeviceId device, Path path) {
  refuse_resident(path, "an optimizer alone");
  const auto state = std::make_shared<AdamStep>(workload, device);
  Timed timed = repeat(state->stream, path, [state] {
    kernels::adam_step(state->stream, {}, state->learning_rate.data(), state->step.data(), state->parameters.view(),
                       state->gradient.view(), state->first_moment.view(), state->second_moment.view());
  });
  timed.work.bytes = 4.0 * 7.0 * static_cast<double>(workload.size);  // reads 4 vectors, writes 3
  return timed;
}

std::string library_version(const std::string& library) {
  return library == "cublas" ? tests::cublas::version() : tests::cudnn::version();
}

Timed prepare_library(const std::string& library, const Workload& workload, DeviceId device) {
  if (device.backend != Backend::cuda) throw input_error(library, "runs on CUDA devices only");
  if (library_version(library).empty()) {
    throw input_error(library, "is not in this build",
                      "install the library with its headers beside the CUDA toolkit and build again");
  }
  return library == "cublas" ? prepare_cublas(workload, device) : prepare_cudnn(workload, device);
}

}  // namespace mynah::bench
