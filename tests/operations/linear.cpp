#include "kernels/linear.h"

#include <optional>

#include "engine/layers/linear.h"
#include "kernels/cuda/linear_override.h"
#include "tests/operations/null_views.h"
#include "tests/operations/registry.h"
#include "tests/operations/rivals/rivals.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::Precision;
using kernels::cuda::LinearChoice;
using kernels::cuda::LinearKernel;

double product_of(const LinearCase& shape) {
  return static_cast<double>(shape.rows) * static_cast<double>(shape.inputs) * static_cast<double>(shape.outputs);
}

void forward_case(Parity& run, const LinearCase& shape, bool keep_z, bool add, Precision precision = Precision::float32,
                  const std::optional<LinearChoice>& choice = {}) {
  run.flops(2.0 * product_of(shape));
  const auto x = run.input(shape.rows, shape.inputs, shape.layout);
  const auto w = run.input(shape.outputs, shape.inputs, shape.layout);
  const auto b = run.input(1, shape.bias ? shape.outputs : 0, shape.layout);
  const auto y =
      add ? run.changed(shape.rows, shape.outputs, shape.layout) : run.output(shape.rows, shape.outputs, shape.layout);
  const auto z = keep_z ? run.output(shape.rows, shape.outputs, shape.layout) : Tensor<float>{};
  run.rival({"cuBLAS",
             [=](const Place& at) {
               return cublas::linear_forward(at.stream, at.matrix(x), at.matrix(w), at.matrix(y), precision);
             },
             [=](const Place& at) {
               kernels::linear_forward(at.stream, at.matrix(x), at.matrix(w), {}, Activation::none, at.matrix(y), {},
                                       {precision});
             }});
  run.expect_same([=](const Place& at) {
    std::optional<kernels::cuda::LinearOverride> chosen;
    if (choice) chosen.emplace(*choice);
    kernels::linear_forward(at.stream, at.matrix(x), at.matrix(w), at.vector(b), shape.activation, at.matrix(y),
                            keep_z ? at.matrix(z) : Matrix{}, {precision, add});
  });
}

struct Wanted {
  bool dx = true, dw = true, db = true, add = false;
  Activation input_activation = Activation::none;
  Precision precision = Precision::float32;
  bool overwrite_weights = false;
};

void backward_case(Parity& run, const LinearCase& shape, const Wanted& wanted,
                   const std::optional<LinearChoice>& choice = {}) {
  run.flops(4.0 * product_of(shape));
  const auto x = run.input(shape.rows, shape.inputs, shape.layout);
  const auto w = run.input(shape.outputs, shape.inputs, shape.layout);
  const auto dz = run.input(shape.rows, shape.outputs, shape.layout);
  // A gradient that nobody wants, or, without rows, that has nothing in it, is not touched.
  const bool wants_dx = wanted.dx && shape.rows > 0;
  const auto dx = !wants_dx    ? Tensor<float>{}
                  : wanted.add ? run.changed(shape.rows, shape.inputs, shape.layout)
                               : run.output(shape.rows, shape.inputs, shape.layout);
  const auto weights = [&](Index rows, Index columns) {
    return wanted.overwrite_weights ? run.output(rows, columns, shape.layout)
                                    : run.changed(rows, columns, shape.layout);
  };
  const auto dw = wanted.dw ? weights(shape.outputs, shape.inputs) : Tensor<float>{};
  const auto db = weights(1, wanted.db && shape.bias ? shape.outputs : 0);
  run.rival({"cuBLAS",
             [=](const Place& at) {
               return cublas::linear_backward(at.stream, at.matrix(x), at.matrix(w), at.matrix(dz), at.matrix(dx),
                                              at.matrix(dw), wanted.precision);
             },
             [=](const Place& at) {
               kernels::linear_backward(at.stream, at.matrix(x), at.matrix(w), at.matrix(dz), at.matrix(dx),
                                        at.matrix(dw), {}, {}, {wanted.precision});
             }});
  run.expect_same([=](const Place& at) {
    std::optional<kernels::cuda::LinearOverride> chosen;
    if (choice) chosen.emplace(*choice);
    kernels::linear_backward(at.stream, at.matrix(x), at.matrix(w), at.matrix(dz), wants_dx ? at.matrix(dx) : Matrix{},
                             wanted.dw ? at.matrix(dw) : Matrix{}, at.vector(db),
                             {wanted.input_activation, at.matrix(x)},
                             {wanted.precision, wanted.add, wanted.overwrite_weights});
  });
}

/// Besides what is small, ragged or skinny: a hidden layer as users have it, for the comparison of precisions.
std::vector<LinearCase> with_extra(std::vector<LinearCase> more) {
  std::vector<LinearCase> cases = linear_cases();
  cases.push_back({64, 256, 256, {}});
  cases.insert(cases.end(), more.begin(), more.end());
  return cases;
}

/// Larger ones, for timing alone.
void register_speed(Family& family, Precision precision) {
  for (const LinearCase& shape : {LinearCase{256, 256, 256, {}},
                                  {256, 376, 400, {}},
                                  {1024, 1024, 1024, {}},
                                  {4096, 256, 256, {}},
                                  {4096, 1024, 1024, {}},
                                  {100000, 17, 256, {}}}) {
    family.speed(
        "linear_forward", text_of(shape), [=](Parity& run) { forward_case(run, shape, false, false, precision); },
        precision);
    family.speed(
        "linear_backward", text_of(shape),
        [=](Parity& run) {
          backward_case(run, shape, {true, true, true, false, Activation::none, precision});
        },
        precision);
  }
}

LayerCase layer_case(Index rows, Index inputs, Index outputs, Activation activation) {
  LayerCase one;
  one.layer = std::make_shared<Linear>(outputs, activation);
  one.rows = rows;
  one.input_columns = {inputs};
  one.padding = rows % 3;
  return one;
}

/// Operands aligned differently: 128-bit accesses need all of them.
void register_unaligned(Family& family) {
  for (const Index which : {0, 1, 2, 3}) {
    family.parity("linear_forward", "operand " + std::to_string(which) + " unaligned", [=](Parity& run) {
      const auto layout = [&](Index operand) { return operand == which ? Layout{0, 3} : Layout{}; };
      const auto x = run.input(36, 48, layout(0));
      const auto w = run.input(64, 48, layout(1));
      const auto b = run.input(1, 64, layout(2));
      const auto y = run.output(36, 64, layout(3));
      run.expect_same([=](const Place& at) {
        kernels::linear_forward(at.stream, at.matrix(x), at.matrix(w), at.vector(b), Activation::relu, at.matrix(y));
      });
    });
  }
}

/// The pipelined kernel, which the rule takes for products that would keep the emulated device busy for long: on few
/// tiles, some of them hardly begun, in one part and in three.
void add_pipelined(Family& family, Precision precision) {
  for (const LinearCase& shape : {LinearCase{130, 132, 140, {}}, LinearCase{33, 131, 135, {5, 2}},
                                  LinearCase{300, 70, 36, {1, 0}, true, Activation::gelu},
                                  LinearCase{64, 36, 300, {4, 0}, false, Activation::none}}) {
    for (const Index parts : {1, 3}) {
      const LinearChoice choice{LinearKernel::pipelined, parts};
      const std::string text = text_of(shape) + ", pipelined in " + std::to_string(parts);
      family.parity(
          "linear_forward", text, [=](Parity& run) { forward_case(run, shape, true, false, precision, choice); },
          precision);
      family.parity(
          "linear_backward", text,
          [=](Parity& run) {
            backward_case(run, shape, {true, true, true, false, shape.activation, precision}, choice);
          },
          precision);
    }
  }
}

/// Both sides round the factors alike, so the limit is that of float32: what is left is how sums are ordered and, on
/// tensor cores, cut off instead of rounded.
void add_reduced_precision(Family& family, Precision precision) {
  for (const LinearCase& shape : with_extra(forward_tile_cases())) {
    family.operation(
        "linear_forward", text_of(shape), [=](Parity& run) { forward_case(run, shape, false, false, precision); },
        precision);
  }
  // The medium and the large tile of either product, once each.
  const std::vector<LinearCase> tiles = backward_tile_cases();
  for (const LinearCase& shape : with_extra({tiles[1], tiles[2], tiles[4], tiles[7]})) {
    family.operation(
        "linear_backward", text_of(shape),
        [=](Parity& run) {
          backward_case(run, shape, {true, true, true, false, Activation::none, precision});
        },
        precision);
  }
  const auto kinds = kernels::activation_kinds();
  for (Index i = 0; i < kinds.size; ++i) {
    const Activation activation = kinds.data[i];
    const LinearCase shape{65 + i, 40,        36 + 2 * i, layouts()[static_cast<std::size_t>(i) % layouts().size()],
                           true,   activation};
    const std::string text = text_of(shape) + " " + activation.name();
    family.parity(
        "linear_forward", text + ", z kept", [=](Parity& run) { forward_case(run, shape, true, false, precision); },
        precision);
    family.parity(
        "linear_backward", text + " of the input",
        [=](Parity& run) {
          backward_case(run, shape, {true, true, true, false, activation, precision});
        },
        precision);
  }
  // In one part and in several; rows are few, so that the emulated device is done soon.
  for (const LinearCase& shape : {LinearCase{65, 40, 36, {1, 0}, true, Activation::none},
                                  LinearCase{33, 1032, 68, {4, 0}, true, Activation::none}}) {
    const std::string text = text_of(shape);
    family.parity(
        "linear_forward", text + ", added", [=](Parity& run) { forward_case(run, shape, false, true, precision); },
        precision);
    const std::vector<std::pair<const char*, Wanted>> kinds_of_backward{
        {", added", {true, true, true, true, Activation::none, precision}},
        {", dx alone", {true, false, false, false, Activation::none, precision}},
        {", dw alone", {false, true, false, false, Activation::none, precision}},
        {", db alone", {false, false, true, false, Activation::none, precision}}};
    for (const auto& [name, wanted] : kinds_of_backward) {
      family.parity(
          "linear_backward", text + name, [=, wanted = wanted](Parity& run) { backward_case(run, shape, wanted); },
          precision);
    }
  }
  for (const char* name : {"plain", "relu", "gelu"}) {
    const std::string text = name;
    const std::string dump_name = std::string(precision_name(precision)) + "_" + name;
    family.pytorch({"linear layer", "linear_forward", "linear_backward"}, dump_name, [=](PyTorchCase& dump) {
      const Activation activation = text == "gelu"   ? Activation::gelu
                                    : text == "relu" ? Activation::relu
                                                     : Activation::none;
      dump.expect_layer(Linear(dump.shape("output")[1], activation), Mode::evaluate, 1e-5, precision);
    });
  }
}

const Family linear("linear", [](Family& family) {
  for (const Precision precision : {Precision::tf32, Precision::bfloat16}) {
    add_reduced_precision(family, precision);
    add_pipelined(family, precision);
  }
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16}) {
    register_speed(family, precision);
  }
  for (const LinearCase& shape : with_extra(forward_tile_cases())) {
    family.operation("linear_forward", text_of(shape), [=](Parity& run) { forward_case(run, shape, false, false); });
  }
  for (const LinearCase& shape : with_extra(backward_tile_cases())) {
    family.operation("linear_backward", text_of(shape), [=](Parity& run) { backward_case(run, shape, {}); });
  }
  // Of the tiles, those of the gradient that is overwritten.
  const std::vector<LinearCase> tiles = backward_tile_cases();
  for (const LinearCase& shape : with_extra({tiles[4], tiles[5], tiles[6], tiles[7]})) {
    family.parity("linear_backward", text_of(shape) + " overwriting",
                  [=](Parity& run) { backward_case(run, shape, {.overwrite_weights = true}); });
  }
  std::size_t next = 0;
  const auto kinds = kernels::activation_kinds();
  for (LinearCase shape : linear_cases()) {
    shape.activation = kinds.data[next++ % static_cast<std::size_t>(kinds.size)];
    const std::string text = text_of(shape) + " " + shape.activation.name();
    family.parity("linear_forward", text + ", z kept", [=](Parity& run) { forward_case(run, shape, true, false); });
    family.parity("linear_backward", text + " of the input", [=](Parity& run) {
      backward_case(run, shape, {true, true, true, false, shape.activation});
    });
    shape.activation = Activation::none;
    family.parity("linear_forward", text_of(shape) + ", added",
                  [=](Parity& run) { forward_case(run, shape, false, true); });
    family.parity("linear_backward", text_of(shape) + ", added", [=](Parity& run) {
      backward_case(run, shape, {true, true, true, true});
    });
    family.parity("linear_backward", text_of(shape) + ", dx alone", [=](Parity& run) {
      backward_case(run, shape, {true, false, false});
    });
    family.parity("linear_backward", text_of(shape) + ", db alone", [=](Parity& run) {
      backward_case(run, shape, {false, false, true});
    });
  }
  register_unaligned(family);
  for (Index i = 0; i < kinds.size; ++i) {
    const Activation activation = kinds.data[i];
    family.gradient({"linear layer", "linear_forward", "linear_backward"},
                    std::string("7 x 5 to 6 ") + activation.name(),
                    [=] { return differentiable(layer_case(7, 5, 6, activation)); });
  }
  for (const auto& [rows, inputs, outputs] : {std::tuple<Index, Index, Index>{0, 3, 4}, {1, 17, 33}, {33, 11, 1}}) {
    family.gradient({"linear layer", "linear_forward", "linear_backward"},
                    std::to_string(rows) + " x " + std::to_string(inputs) + " to " + std::to_string(outputs),
                    [=, rows = rows, inputs = inputs, outputs = outputs] {
                      return differentiable(layer_case(rows, inputs, outputs, Activation::tanh));
                    });
  }
  for (const Activation activation : {Activation::none, Activation::gelu}) {
    family.check(Aspect::tangent, {"linear layer", "linear_forward", "linear_backward"},
                 std::string("null views ") + activation.name(),
                 [=] { expect_null_views(layer_case(4, 5, 3, activation)); });
  }
  for (const char* name : {"plain", "gelu", "relu"}) {
    family.pytorch({"linear layer", "linear_forward", "linear_backward"}, name, [=](PyTorchCase& dump) {
      const std::string text = name;
      const Activation activation = text == "gelu"   ? Activation::gelu
                                    : text == "relu" ? Activation::relu
                                                     : Activation::none;
      dump.expect_layer(Linear(dump.shape("output")[1], activation));
    });
  }
});

}  // namespace
}  // namespace mynah::tests
