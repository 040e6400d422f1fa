#include "kernels/mlp_inference.h"

#include <algorithm>
#include <cmath>

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::MlpEnds;
using kernels::MlpShape;

struct InferenceCase {
  std::string name;
  Index rows = 0, inputs = 0;
  std::vector<Index> hidden;
  Index outputs = 0;
  Activation activation = Activation::relu;
  Activation last = Activation::none;
  bool bias = true, normalized = false, clipped = false;
  Layout layout = {};
};

/// Tensors behind each other, with a gap before and after each.
MlpShape shape_of(const InferenceCase& one, Index* parameters) {
  MlpShape shape;
  shape.inputs = one.inputs;
  std::vector<Index> widths = one.hidden;
  widths.push_back(one.outputs);
  Index next = 1;
  for (const Index width : widths) {
    auto& layer = shape.layers[static_cast<std::size_t>(shape.layer_count)];
    layer.outputs = width;
    layer.activation = static_cast<std::size_t>(shape.layer_count) < one.hidden.size() ? one.activation : one.last;
    layer.weight = next;
    next += width * shape.inputs_of(shape.layer_count) + 1;
    if (one.bias) {
      layer.bias = next;
      next += width + 1;
    }
    ++shape.layer_count;
  }
  *parameters = next;
  return shape;
}

/// As wide as keeps values about 1 from layer to layer.
std::vector<float> random_parameters(const MlpShape& shape, Index count) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  std::vector<float> parameters(static_cast<std::size_t>(count), std::numeric_limits<float>::quiet_NaN());
  for (int l = 0; l < shape.layer_count; ++l) {
    const kernels::MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    const Index inputs = shape.inputs_of(l);
    const float scale = std::sqrt(2.0f / static_cast<float>(inputs));
    for (Index i = 0; i < layer.outputs * inputs; ++i) {
      parameters[static_cast<std::size_t>(layer.weight + i)] = scale * normal(generator);
    }
    for (Index i = 0; layer.bias >= 0 && i < layer.outputs; ++i) {
      parameters[static_cast<std::size_t>(layer.bias + i)] = 0.1f * normal(generator);
    }
  }
  return parameters;
}

void inference_case(Parity& run, const InferenceCase& one) {
  Index count = 0;
  const MlpShape shape = shape_of(one, &count);
  const auto parameters = run.given(random_parameters(shape, count), 1, count, {0, 3});
  const auto x = run.input(one.rows, one.inputs, one.layout);
  const auto y = run.output(one.rows, one.outputs, one.layout);
  std::vector<float> deviations;
  for (Index i = 0; i < std::max(one.inputs, one.outputs); ++i) {
    deviations.push_back(0.5f + 0.25f * static_cast<float>(i % 5));
  }
  const auto mean = run.input(1, one.inputs), out_mean = run.input(1, one.outputs);
  const auto deviation = run.given(deviations, 1, one.inputs), out_deviation = run.given(deviations, 1, one.outputs);
  const auto low = run.given(std::vector<float>(deviations.size(), -0.5f), 1, one.outputs);
  const auto high = run.given(std::vector<float>(deviations.size(), 0.75f), 1, one.outputs);
  double products = 0.0;
  for (int l = 0; l < shape.layer_count; ++l) {
    products += static_cast<double>(shape.inputs_of(l) * shape.inputs_of(l + 1));
  }
  run.flops(2.0 * static_cast<double>(one.rows) * products);
  run.expect_same([=](const Place& at) {
    MlpEnds ends;
    if (one.normalized) {
      ends.input_mean = at.vector(mean);
      ends.input_deviation = at.vector(deviation);
      ends.output_mean = at.vector(out_mean);
      ends.output_deviation = at.vector(out_deviation);
    }
    if (one.clipped) {
      ends.low = at.vector(low);
      ends.high = at.vector(high);
    }
    kernels::infer_mlp(at.stream, shape, at.pointer(parameters), ends, at.matrix(x), at.matrix(y));
  });
}

std::vector<InferenceCase> inference_cases() {
  std::vector<InferenceCase> cases;
  for (const Index rows : {0, 1, 31, 33, 1000}) {
    cases.push_back({.name = "17-256-6 rows " + std::to_string(rows),
                     .rows = rows,
                     .inputs = 17,
                     .hidden = {256},
                     .outputs = 6,
                     .normalized = rows != 33,
                     .clipped = rows != 31});
  }
  std::vector<Index> hidden;
  for (int layers = 1; layers <= MlpShape::most_layers; ++layers) {
    cases.push_back({.name = "layers " + std::to_string(layers),
                     .rows = 33,
                     .inputs = 5,
                     .hidden = hidden,
                     .outputs = layers,
                     .activation = Activation::tanh,
                     .bias = layers % 3 != 0,
                     .layout = {layers % 2, 1}});
    hidden.push_back(7 + 9 * layers);
  }
  const auto kinds = kernels::activation_kinds();
  for (Index i = 0; i < kinds.size; ++i) {
    cases.push_back({.name = Activation(kinds.data[i]).name(),
                     .rows = 19,
                     .inputs = 4,
                     .hidden = {21, 12},
                     .outputs = 3,
                     .activation = kinds.data[i],
                     .last = kinds.data[i]});
  }
  for (const Index outputs : {1, 8, 9, 16, 17, 40}) {
    cases.push_back(
        {.name = "outputs " + std::to_string(outputs), .rows = 13, .inputs = 70, .hidden = {}, .outputs = outputs});
  }
  // What does not fit streams.
  cases.push_back({.name = "wide", .rows = 33, .inputs = 11, .hidden = {256, 256}, .outputs = 3, .normalized = true});
  cases.push_back({.name = "wider", .rows = 9, .inputs = 37, .hidden = {1030, 70}, .outputs = 17});
  cases.push_back({.name = "wide inputs", .rows = 3, .inputs = 4001, .hidden = {20}, .outputs = 12, .clipped = true});
  return cases;
}

/// NaN must come out as NaN, clipped or not.
void nan_case(Parity& run) {
  Index count = 0;
  const InferenceCase one{.name = "", .rows = 3, .inputs = 4, .hidden = {9}, .outputs = 2};
  const MlpShape shape = shape_of(one, &count);
  const auto parameters = run.given(random_parameters(shape, count), 1, count);
  std::vector<float> values(12, 0.5f);
  values[5] = std::numeric_limits<float>::quiet_NaN();
  const auto x = run.given(values, 3, 4), low = run.given(std::vector<float>(2, -0.1f), 1, 2);
  const auto high = run.given(std::vector<float>(2, 0.1f), 1, 2), y = run.output(3, 2);
  run.expect_same([=](const Place& at) {
    MlpEnds ends;
    ends.low = at.vector(low);
    ends.high = at.vector(high);
    kernels::infer_mlp(at.stream, shape, at.pointer(parameters), ends, at.matrix(x), at.matrix(y));
  });
}

const Family mlp_inference("mlp_inference", [](Family& family) {
  for (const InferenceCase& one : inference_cases()) {
    family.operation("infer_mlp", one.name, [=](Parity& run) { inference_case(run, one); });
  }
  family.parity("infer_mlp", "NaN", nan_case);
  family.speed("infer_mlp", "17-256-6 rows 65536", [](Parity& run) {
    inference_case(run, {.name = "", .rows = 65536, .inputs = 17, .hidden = {256}, .outputs = 6, .normalized = true});
  });
  family.without({"infer_mlp"}, {Aspect::gradient, Aspect::tangent}, "nothing is differentiated through it");
  family.without("infer_mlp", Aspect::pytorch, "it is compared with the operations that PyTorch is compared with");
});

}  // namespace
}  // namespace mynah::tests
