// kernels::PreparedMlp against kernels::infer_mlp, over the instruction sets of this processor for the layers and over
// shapes, activations and rows for whole networks.

#include "kernels/prepared_mlp.h"

#include <cmath>
#include <limits>

#include "kernels/error.h"
#include "tests/vectorized_fixture.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::MlpEnds;
using kernels::MlpShape;

class PreparedLayers : public Vectorized {};

TEST_P(PreparedLayers, GiveProductsAndZerosBehindThem) {
  for_every_shape([&] {
    const auto [rows, inputs, outputs, padding] = shape();
    const auto w = random(outputs, inputs), b = random(1, outputs), values = random(rows, inputs);
    const Index in_length = (inputs + 15) / 16 * 16, length = (outputs + 15) / 16 * 16;
    Floats x(rows, in_length + 1), packed(1, operations().inference_packed_size(inputs, outputs), 0, 7);
    Floats y(rows, length, padding, 3);
    for (Index m = 0; m < rows; ++m) {
      for (Index k = 0; k < in_length + 1; ++k) x.at(m, k) = k < inputs ? values.at(m, k) : 0.0f;
    }
    for (const bool relu : {false, true}) {
      for (const bool bias : {false, true}) {
        operations().pack_inference(inputs, outputs, rows_of(w.constant()), bias ? b.constant().data : nullptr,
                                    packed.view().data);
        operations().infer_linear(inputs, outputs, packed.view().data, rows, rows_of(x.constant()), relu,
                                  rows_of(y.view()));
        double error = 0.0, norm = 1e-30;
        for (Index m = 0; m < rows; ++m) {
          for (Index o = 0; o < outputs; ++o) {
            double z = bias ? static_cast<double>(b.at(0, o)) : 0.0;
            for (Index k = 0; k < inputs; ++k)
              z += static_cast<double>(values.at(m, k)) * static_cast<double>(w.at(o, k));
            if (relu && z < 0.0) z = 0.0;
            const double difference = z - static_cast<double>(y.at(m, o));
            error += difference * difference;
            norm += z * z;
          }
        }
        EXPECT_LT(error / norm, tolerance);
      }
    }
    EXPECT_TRUE(packed.guards_intact());
    EXPECT_TRUE(y.guards_intact());
  });
}

/// The bits of a row do not depend on how many rows come with it.
TEST_P(PreparedLayers, TreatARowAlike) {
  constexpr Index rows = 7;
  for (const auto& [inputs, outputs] : {std::pair<Index, Index>{37, 300}, {300, 17}, {64, 3}, {19, 56}}) {
    const Index in_length = (inputs + 15) / 16 * 16, length = (outputs + 15) / 16 * 16;
    const auto w = random(outputs, inputs), b = random(1, outputs);
    auto x = random(rows, in_length);
    for (Index m = 0; m < rows; ++m) {
      for (Index k = inputs; k < in_length; ++k) x.at(m, k) = 0.0f;
    }
    Floats packed(1, operations().inference_packed_size(inputs, outputs)), together(rows, length), alone(1, length);
    operations().pack_inference(inputs, outputs, rows_of(w.constant()), b.constant().data, packed.view().data);
    operations().infer_linear(inputs, outputs, packed.view().data, rows, rows_of(x.constant()), false,
                              rows_of(together.view()));
    for (Index m = 0; m < rows; ++m) {
      operations().infer_linear(inputs, outputs, packed.view().data, 1, rows_of(x.constant().middle_rows(m, 1)), false,
                                rows_of(alone.view()));
      for (Index o = 0; o < outputs; ++o) ASSERT_EQ(alone.at(0, o), together.at(m, o)) << m << ", " << o;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(RaggedShapes, PreparedLayers, ::testing::ValuesIn(runnable_operations()),
                         name_of_instruction_set);

MlpShape shape_of(const std::vector<Index>& widths, Activation activation, bool bias, Index* size) {
  MlpShape shape;
  shape.inputs = widths[0];
  *size = 0;
  for (std::size_t l = 1; l < widths.size(); ++l) {
    auto& layer = shape.layers[static_cast<std::size_t>(shape.layer_count++)];
    layer.outputs = widths[l];
    layer.activation = l + 1 < widths.size() ? activation : Activation::none;
    layer.weight = *size;
    *size += widths[l] * widths[l - 1];
    if (bias) {
      layer.bias = *size;
      *size += widths[l];
    }
  }
  return shape;
}

void compare(const std::vector<Index>& widths, Activation activation, Index rows, bool ends_too, bool bias = true) {
  SCOPED_TRACE(::testing::Message() << widths.size() - 1 << " layers, " << activation.name() << ", rows " << rows);
  Index size = 0;
  const MlpShape shape = shape_of(widths, activation, bias, &size);
  std::mt19937 generator(11);
  std::normal_distribution<float> normal;
  const auto draw = [&](Index count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = 0.3f * normal(generator);
    return values;
  };
  // Weights that keep values about 1 from layer to layer.
  std::vector<float> parameters = draw(size);
  for (int l = 0; l < shape.layer_count; ++l) {
    const kernels::MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    const auto inputs = static_cast<float>(shape.inputs_of(l));
    for (Index i = 0; i < layer.outputs * shape.inputs_of(l); ++i) {
      parameters[static_cast<std::size_t>(layer.weight + i)] = std::sqrt(2.0f / inputs) * normal(generator);
    }
  }
  const std::vector<float> x = draw(rows * widths.front());
  const Index outputs = widths.back();
  const std::vector<float> mean = draw(widths.front()), out_mean = draw(outputs);
  const std::vector<float> deviation(mean.size(), 1.5f), out_deviation(out_mean.size(), 0.7f);
  const std::vector<float> low(out_mean.size(), -0.4f), high(out_mean.size(), 0.5f);
  const auto view = [](const std::vector<float>& values) {
    return ConstVector{values.data(), static_cast<Index>(values.size())};
  };
  MlpEnds ends;
  if (ends_too) {
    ends = {view(mean), view(deviation), view(out_mean), view(out_deviation), view(low), view(high)};
  }
  std::vector<float> expected(static_cast<std::size_t>(rows * outputs)), found(expected.size());
  const ConstMatrix in{x.data(), rows, widths.front()};
  Stream stream({});
  kernels::infer_mlp(stream, shape, parameters.data(), ends, in, {expected.data(), rows, outputs});
  kernels::PreparedMlp prepared(shape, 3);
  prepared.prepare(parameters.data(), ends);
  prepared.run(in, {found.data(), rows, outputs});
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], 2e-6f * std::max(1.0f, std::fabs(expected[i]))) << i;
  }
}

TEST(PreparedMlp, GivesWhatInferMlpGives) {
  std::vector<Index> widths{5};
  for (int layers = 1; layers <= MlpShape::most_layers; ++layers) {
    widths.push_back(3 + 4 * layers);
    compare(widths, Activation::tanh, 5, layers % 2 == 0, layers != 3);
  }
  const auto kinds = kernels::activation_kinds();
  for (Index i = 0; i < kinds.size; ++i) compare({17, 33, 20, 6}, kinds.data[i], 4, true);
  for (const Index rows : {0, 1, 2, 3, 4, 31, 33}) compare({17, 256, 6}, Activation::relu, rows, true);
  compare({111, 300, 200, 17}, Activation::relu, 1, false);
}

TEST(PreparedMlp, RefusesWhatDoesNotFit) {
  Index size = 0;
  const MlpShape shape = shape_of({3, 4, 2}, Activation::relu, true, &size);
  kernels::PreparedMlp prepared(shape, 1);
  std::vector<float> parameters(static_cast<std::size_t>(size)), x(3), y(2);
  EXPECT_THROW(prepared.run({x.data(), 1, 3}, {y.data(), 1, 2}), Error);  // not prepared
  prepared.prepare(parameters.data(), {});
  EXPECT_THROW(prepared.run({x.data(), 1, 2}, {y.data(), 1, 2}), Error);
  EXPECT_THROW(prepared.run({x.data(), 1, 3}, {y.data(), 1, 1}), Error);
  MlpEnds ends;
  ends.low = {y.data(), 2};
  EXPECT_THROW(prepared.prepare(parameters.data(), ends), Error);
  EXPECT_THROW(kernels::PreparedMlp(shape, 0), Error);
}

}  // namespace
}  // namespace mynah::tests
