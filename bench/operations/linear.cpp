#include "kernels/linear.h"

#include "bench/operations/families.h"
#include "bench/operations/measure.h"
#include "bench/operations/rivals.h"

namespace mynah::bench {
namespace {

using tests::LinearCase;

double product(Index a, Index b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

/// The operands of a layer, each moved once.
double bytes_of(const LinearCase& shape) {
  return 4.0 * (product(shape.rows, shape.inputs) + product(shape.outputs, shape.inputs) +
                product(shape.rows, shape.outputs));
}

double multiplications_of(const LinearCase& shape) {
  return product(shape.rows, shape.inputs) * static_cast<double>(shape.outputs);
}

struct Layer {
  Layer(Stream& stream, const LinearCase& shape)
      : x(stream, shape.rows, shape.inputs, shape.layout),
        w(stream, shape.outputs, shape.inputs, shape.layout),
        b(stream, 1, shape.bias ? shape.outputs : 0, shape.layout),
        y(stream, shape.rows, shape.outputs, shape.layout),
        dx(stream, shape.rows, shape.inputs, shape.layout),
        dw(stream, shape.outputs, shape.inputs, shape.layout),
        db(stream, 1, shape.bias ? shape.outputs : 0, shape.layout) {}
  DeviceMatrix x, w, b, y, dx, dw, db;
};

void register_case(const LinearCase& shape) {
  const std::string text = tests::text_of(shape);
  const Work forward{bytes_of(shape), 2.0 * multiplications_of(shape)};
  const Work backward{2.0 * bytes_of(shape), 4.0 * multiplications_of(shape)};
  register_on_devices("linear_forward", text, [=](benchmark::State& state, Stream& stream) {
    const Layer layer(stream, shape);
    measure(state, stream, forward, [&] {
      kernels::linear_forward(stream, layer.x.view(), layer.w.view(), layer.b.vector(), shape.activation,
                              layer.y.view());
    });
  });
  for (const std::string& rival : linear_rival_names()) {
    register_rival("linear_forward", text, rival, [=](benchmark::State& state, Stream& stream) {
      const Layer layer(stream, shape);
      for (const Rival& one : linear_forward_rivals(stream, layer.x.view(), layer.w.view(), layer.y.view())) {
        if (one.name == rival) measure(state, stream, forward, one.run);
      }
    });
  }
  register_on_devices("linear_backward", text, [=](benchmark::State& state, Stream& stream) {
    const Layer layer(stream, shape);
    measure(state, stream, backward, [&] {
      kernels::linear_backward(stream, layer.x.view(), layer.w.view(), layer.y.view(), layer.dx.view(), layer.dw.view(),
                               layer.db.vector());
    });
  });
  for (const std::string& rival : linear_rival_names()) {
    register_rival("linear_backward", text, rival, [=](benchmark::State& state, Stream& stream) {
      const Layer layer(stream, shape);
      for (const Rival& one : linear_backward_rivals(stream, layer.x.view(), layer.w.view(), layer.y.view(),
                                                     layer.dx.view(), layer.dw.view())) {
        if (one.name == rival) measure(state, stream, backward, one.run);
      }
    });
  }
}

}  // namespace

void register_linear() {
  std::vector<LinearCase> cases = tests::linear_cases();
  for (const LinearCase& shape : tests::forward_tile_cases()) cases.push_back(shape);
  for (const LinearCase& shape : tests::backward_tile_cases()) cases.push_back(shape);
  for (const LinearCase& shape :
       {LinearCase{256, 256, 256, {}}, LinearCase{256, 376, 400, {}}, LinearCase{1024, 1024, 1024, {}},
        LinearCase{4096, 256, 256, {}}, LinearCase{4096, 1024, 1024, {}}, LinearCase{100000, 17, 256, {}}}) {
    cases.push_back(shape);
  }
  for (const LinearCase& shape : cases) {
    if (shape.rows * shape.inputs * shape.outputs > 0) register_case(shape);
  }
}

}  // namespace mynah::bench
