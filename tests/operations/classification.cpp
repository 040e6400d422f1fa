#include "kernels/classification.h"

#include <algorithm>
#include <cmath>

#include "tests/operations/loss_cases.h"
#include "tests/operations/registry.h"
#include "tests/operations/rivals/rivals.h"

namespace mynah::tests {
namespace {

using kernels::CrossEntropyOptions;

/// Which options of the cross-entropy a case uses.
struct Wanted {
  bool class_weights = false, weights = false, ignored = false;
  float label_smoothing = 0.0f;
};

std::string text_of(const Wanted& wanted) {
  return std::string(wanted.class_weights ? " class weights" : "") + (wanted.weights ? " weighted" : "") +
         (wanted.ignored ? " ignoring" : "") + (wanted.label_smoothing != 0.0f ? " smoothed" : "");
}

std::vector<Wanted> combinations() {
  return {{true, false, false, 0.0f},
          {false, true, false, 0.0f},
          {false, false, true, 0.0f},
          {false, false, false, 0.1f},
          {true, true, true, 0.2f}};
}

constexpr std::int32_t ignored_label = -100;

/// Labels in [0, classes), every third the ignored one if there is one.
std::vector<std::int32_t> labels_of(Index rows, Index classes, bool ignored) {
  std::vector<std::int32_t> labels;
  for (Index m = 0; m < rows; ++m) {
    labels.push_back(ignored && m % 3 == 1 ? ignored_label : static_cast<std::int32_t>((m * 7 + 3) % classes));
  }
  return labels;
}

/// The tensors of the options, and the options at a place.
struct OptionTensors {
  OptionTensors(Parity& run, const MatrixCase& shape, const Wanted& wanted_)
      : wanted(wanted_),
        labels(
            run.given(labels_of(shape.rows, shape.columns, wanted.ignored), 1, shape.rows, {0, shape.layout.offset})),
        class_weights(run.input(1, wanted.class_weights ? shape.columns : 0, {0, shape.layout.offset})),
        weights(run.input(1, wanted.weights ? shape.rows : 0)) {}
  CrossEntropyOptions<float> at(const Place& place) const {
    CrossEntropyOptions<float> options{place.vector(class_weights), wanted.label_smoothing, {}, place.vector(weights)};
    if (wanted.ignored) options.ignored_label = ignored_label;
    return options;
  }
  Wanted wanted;
  Tensor<std::int32_t> labels;
  Tensor<float> class_weights, weights;
};

/// On the CPU.
void softmax(ConstMatrix logits, Matrix probabilities) {
  for (Index m = 0; m < logits.rows; ++m) {
    const ConstVector row = logits.row(m);
    const float largest = *std::max_element(row.data, row.data + row.size);
    double sum = 0.0;
    for (Index c = 0; c < row.size; ++c) sum += std::exp(static_cast<double>(row.data[c] - largest));
    for (Index c = 0; c < row.size; ++c) {
      const double share = std::exp(static_cast<double>(row.data[c] - largest)) / sum;
      probabilities.row(m).data[c] = static_cast<float>(share);
    }
  }
}

void loss_case(Parity& run, const MatrixCase& shape, const Wanted& wanted) {
  const auto logits = run.input(shape.rows, shape.columns, shape.layout);
  const OptionTensors options(run, shape, wanted);
  const auto sum = run.given<double>({2.0}, 1, 1, {}, true);
  const auto gradient = run.output(shape.rows, shape.columns, shape.layout);
  // The softmax alone, without the loss and its gradient.
  run.rival({"cuDNN",
             [=](const Place& at) { return cudnn::softmax(at.stream, at.matrix(logits), at.matrix(gradient)); },
             [=](const Place& at) { softmax(at.matrix(logits), at.matrix(gradient)); }});
  run.expect_same([=](const Place& at) {
    kernels::softmax_cross_entropy_loss(at.stream, at.matrix(logits), at.vector(options.labels), at.vector(sum),
                                        at.matrix(gradient), options.at(at));
  });
}

void in_place_case(Parity& run, const MatrixCase& shape, const Wanted& wanted) {
  const auto logits = run.changed(shape.rows, shape.columns, shape.layout);
  const OptionTensors options(run, shape, wanted);
  const auto sum = run.given<double>({0.5}, 1, 1, {}, true);
  run.expect_same([=](const Place& at) {
    kernels::softmax_cross_entropy_loss(at.stream, at.matrix(logits), at.vector(options.labels), at.vector(sum), {},
                                        options.at(at));
    kernels::softmax_cross_entropy_loss(at.stream, at.matrix(logits), at.vector(options.labels), {}, at.matrix(logits),
                                        options.at(at));
  });
}

void tangent_case(Parity& run, const MatrixCase& shape, const Wanted& wanted, bool in_place) {
  const auto logits = in_place ? run.changed(shape.rows, shape.columns, shape.layout)
                               : run.input(shape.rows, shape.columns, shape.layout);
  const OptionTensors options(run, shape, wanted);
  const auto direction = run.input(shape.rows, shape.columns, shape.layout);
  const auto out = in_place ? logits : run.output(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::softmax_cross_entropy_loss_tangent(at.stream, at.matrix(logits), at.vector(options.labels),
                                                at.matrix(direction), at.matrix(out), options.at(at));
  });
}

Differentiable function_of(Index rows, Index classes, const Wanted& wanted) {
  std::mt19937 generator(5);
  const auto labels = labels_of(rows, classes, wanted.ignored);
  Doubles class_weights = Doubles(1, wanted.class_weights ? classes : 0).randomize(generator);
  for (Index c = 0; c < class_weights.columns(); ++c) class_weights.at(0, c) = 0.2 + std::fabs(class_weights.at(0, c));
  const Doubles weights = Doubles(1, wanted.weights ? rows : 0).randomize(generator);
  const auto options = [=] {
    CrossEntropyOptions<double> result{
        class_weights.constant_vector(), static_cast<double>(wanted.label_smoothing), {}, weights.constant_vector()};
    if (wanted.ignored) result.ignored_label = ignored_label;
    return result;
  };
  LossCase one;
  one.predictions.push_back(Doubles(rows, classes, 3).randomize(generator));
  one.evaluate = [=](Stream& stream, Differentiable::In x, VectorView<double> sum, Differentiable::Out gradients) {
    kernels::softmax_cross_entropy_loss<double>(stream, x[0], {labels.data(), rows}, sum, gradients[0], options());
  };
  one.tangent = [=](Stream& stream, Differentiable::In x, Differentiable::In directions, Differentiable::Out out) {
    kernels::softmax_cross_entropy_loss_tangent<double>(stream, x[0], {labels.data(), rows}, directions[0], out[0],
                                                        options());
  };
  return differentiable(std::move(one));
}

void register_extremes(Family& family) {
  family.parity("softmax_cross_entropy_loss", "logits that would overflow", [](Parity& run) {
    const auto logits = run.given<float>({1e4f, -1e4f, 3e38f, -3e38f, 88.0f, 89.0f, 90.0f, 100.0f}, 2, 4);
    const auto labels = run.given<std::int32_t>({2, 3}, 1, 2);
    const auto sum = run.given<double>({0.0}, 1, 1, {}, true);
    const auto gradient = run.output(2, 4), tangent = run.output(2, 4), direction = run.input(2, 4);
    run.expect_same([=](const Place& at) {
      kernels::softmax_cross_entropy_loss(at.stream, at.matrix(logits), at.vector(labels), at.vector(sum),
                                          at.matrix(gradient));
      kernels::softmax_cross_entropy_loss_tangent(at.stream, at.matrix(logits), at.vector(labels), at.matrix(direction),
                                                  at.matrix(tangent));
    });
  });
  family.parity("softmax_cross_entropy_loss", "bad labels, logits that are NaN or masked", [](Parity& run) {
    const float masked = -std::numeric_limits<float>::infinity();
    const auto logits = run.given<float>({1, 2, 3, 1, 2, 3, 1, std::nanf(""), 2, 1, masked, 2}, 4, 3);
    const auto labels = run.given<std::int32_t>({3, -1, 0, 2}, 1, 4);
    const auto sum = run.given<double>({0.0}, 1, 1, {}, true), of_last = run.given<double>({0.0}, 1, 1, {}, true);
    const auto gradient = run.output(4, 3), tangent = run.output(4, 3), direction = run.input(4, 3);
    run.expect_same([=](const Place& at) {
      const Matrix all = at.matrix(logits);
      kernels::softmax_cross_entropy_loss(at.stream, all, at.vector(labels), at.vector(sum), at.matrix(gradient));
      kernels::softmax_cross_entropy_loss_tangent(at.stream, all, at.vector(labels), at.matrix(direction),
                                                  at.matrix(tangent));
      kernels::softmax_cross_entropy_loss(at.stream, all.middle_rows(3, 1), {at.vector(labels).data + 3, 1},
                                          at.vector(of_last), {});
    });
  });
  family.parity("softmax_cross_entropy_loss", "one NaN in a wide row", [](Parity& run) {
    std::vector<float> values(2 * 100, 0.5f);
    values[37] = std::nanf("");
    const auto logits = run.given(values, 2, 100);
    const auto labels = run.given<std::int32_t>({3, 99}, 1, 2);
    const auto sum = run.given<double>({0.0}, 1, 1, {}, true);
    const auto gradient = run.output(2, 100);
    run.expect_same([=](const Place& at) {
      kernels::softmax_cross_entropy_loss(at.stream, at.matrix(logits), at.vector(labels), at.vector(sum),
                                          at.matrix(gradient));
    });
  });
  family.check(Aspect::gradient, {"softmax_cross_entropy_loss"}, "nothing counts, or all is masked but one", [] {
    Stream stream{DeviceId{}};
    std::vector<float> logits{0.0f, std::nanf(""), 2.0f}, gradient(3, 1.0f);
    std::int32_t label = ignored_label;
    double sum = 1.0;
    CrossEntropyOptions<float> options;
    options.ignored_label = ignored_label;
    kernels::softmax_cross_entropy_loss(stream, {logits.data(), 1, 3}, {&label, 1}, {&sum, 1}, {gradient.data(), 1, 3},
                                        options);
    EXPECT_EQ(sum, 1.0);
    EXPECT_EQ(gradient, std::vector<float>(3, 0.0f));
    logits = {-std::numeric_limits<float>::infinity(), 1e4f, -1e4f};
    label = 1;
    kernels::softmax_cross_entropy_loss(stream, {logits.data(), 1, 3}, {&label, 1}, {&sum, 1}, {gradient.data(), 1, 3});
    EXPECT_EQ(sum, 1.0);
    EXPECT_EQ(gradient, std::vector<float>(3, 0.0f));
    label = 7;
    kernels::softmax_cross_entropy_loss(stream, {logits.data(), 1, 3}, {&label, 1}, {&sum, 1}, {gradient.data(), 1, 3});
    EXPECT_TRUE(std::isnan(sum) && std::isnan(gradient[0]) && std::isnan(gradient[2]));
  });
}

void count_correct_case(Parity& run, const MatrixCase& shape) {
  const auto scores = run.input(shape.rows, shape.columns, shape.layout);
  const auto labels = run.labels(shape.rows, static_cast<std::int32_t>(shape.columns));
  const auto count = run.given<double>({3.0}, 1, 1, {}, true);
  run.expect_same([=](const Place& at) {
    kernels::count_correct(at.stream, at.matrix(scores), at.vector(labels), at.vector(count));
  });
}

void argmax_case(Parity& run, const MatrixCase& shape) {
  const auto scores = run.input(shape.rows, shape.columns, shape.layout);
  const auto out = run.output<std::int32_t>(1, shape.rows, {0, shape.layout.offset});
  run.expect_same([=](const Place& at) { kernels::argmax_rows(at.stream, at.matrix(scores), at.vector(out)); });
}

/// For timing alone: a binary label, and a vocabulary.
void register_speed(Family& family) {
  for (const MatrixCase& shape : {MatrixCase{65536, 2, {}}, {16384, 1000, {}}}) {
    const std::string text = text_of(shape);
    family.speed("softmax_cross_entropy_loss", text, [=](Parity& run) { loss_case(run, shape, {}); });
    family.speed("count_correct", text, [=](Parity& run) { count_correct_case(run, shape); });
    family.speed("argmax_rows", text, [=](Parity& run) { argmax_case(run, shape); });
  }
}

/// The first of equals, also where all are minus infinity.
void register_ties(Family& family, Index columns) {
  family.parity("argmax_rows", "ties among " + std::to_string(columns), [=](Parity& run) {
    std::vector<float> scores(static_cast<std::size_t>(4 * columns), -std::numeric_limits<float>::infinity());
    for (Index c = 0; c < columns; ++c) {
      scores[static_cast<std::size_t>(columns + c)] = 1.0f;
      scores[static_cast<std::size_t>(2 * columns + c)] = c == 0 ? 0.0f : 7.0f;
      scores[static_cast<std::size_t>(3 * columns + c)] = c + 1 == columns ? 7.0f : -7.0f;
    }
    const auto x = run.given(scores, 4, columns);
    const auto out = run.output<std::int32_t>(1, 4);
    run.expect_same([=](const Place& at) { kernels::argmax_rows(at.stream, at.matrix(x), at.vector(out)); });
  });
}

void compare_with_pytorch(PyTorchCase& dump, CrossEntropyOptions<float> options) {
  const Matrix logits = dump.matrix("logits");
  const Labels labels = dump.labels("labels");
  const Matrix gradient = dump.output(logits.rows, logits.columns);
  if (dump.has("class_weights")) options.class_weights = dump.vector("class_weights");
  if (dump.has("weights")) options.weights = dump.vector("weights");
  const auto sum = dump.sum(), correct = dump.sum();
  kernels::softmax_cross_entropy_loss(dump.stream(), logits, labels, sum, gradient, options);
  dump.expect("loss_sum", sum);
  dump.expect("gradient", gradient);
  kernels::softmax_cross_entropy_loss_tangent(dump.stream(), logits, labels, dump.matrix("direction"), gradient,
                                              options);
  dump.expect("gradient_tangent", gradient);
  kernels::count_correct(dump.stream(), logits, labels, correct);
  dump.expect("correct", correct);
  Buffer<std::int32_t> largest(dump.stream().device(), logits.rows);
  kernels::argmax_rows(dump.stream(), logits, largest.view());
  const auto found = largest.download(dump.stream());
  EXPECT_EQ(std::vector<float>(found.begin(), found.end()), dump.values("argmax"));
}

const Family classification("classification", [](Family& family) {
  const char* const loss = "softmax_cross_entropy_loss";
  const char* const tangent = "softmax_cross_entropy_loss_tangent";
  std::vector<MatrixCase> cases = score_cases();
  for (const MatrixCase& shape : cases) {
    family.operation("count_correct", text_of(shape), [=](Parity& run) { count_correct_case(run, shape); });
    family.operation("argmax_rows", text_of(shape), [=](Parity& run) { argmax_case(run, shape); });
  }
  register_speed(family);
  cases.push_back({700, 3, {}});   // several blocks of narrow rows
  cases.push_back({5000, 2, {}});  // and several blocks of labels
  std::size_t next = 0;
  for (const MatrixCase& shape : cases) {
    family.operation(loss, text_of(shape), [=](Parity& run) { loss_case(run, shape, {}); });
    family.operation(tangent, text_of(shape), [=](Parity& run) { tangent_case(run, shape, {}, false); });
    const Wanted wanted = combinations()[next++ % combinations().size()];
    const Wanted all = combinations().back();
    family.parity(loss, text_of(shape) + text_of(wanted), [=](Parity& run) { loss_case(run, shape, wanted); });
    family.parity(tangent, text_of(shape) + text_of(wanted) + ", in place",
                  [=](Parity& run) { tangent_case(run, shape, wanted, true); });
    family.parity(loss, text_of(shape) + text_of(all) + ", in place",
                  [=](Parity& run) { in_place_case(run, shape, all); });
    if (next % 8 == 0) {
      family.parity(loss, text_of(shape) + " in place", [=](Parity& run) { in_place_case(run, shape, {}); });
    }
  }
  register_extremes(family);
  for (const Index columns : {3, 50}) register_ties(family, columns);

  std::vector<Wanted> options = combinations();
  options.emplace_back();
  for (const auto& [rows, classes] : {std::pair<Index, Index>{0, 3}, {1, 1}, {1, 33}, {7, 17}, {31, 2}}) {
    for (const Wanted& wanted : options) {
      family.gradient({loss, tangent}, std::to_string(rows) + " x " + std::to_string(classes) + text_of(wanted),
                      [=, rows = rows, classes = classes] { return function_of(rows, classes, wanted); });
    }
  }
  const auto pytorch = [&](const char* name, float label_smoothing, std::optional<std::int32_t> ignored) {
    family.pytorch({loss, tangent, "count_correct", "argmax_rows"}, name, [=](PyTorchCase& dump) {
      compare_with_pytorch(dump, {{}, label_smoothing, ignored, {}});
    });
  };
  for (const char* name : {"plain", "binary", "many", "weighted", "class_weights", "extremes"}) pytorch(name, 0.0f, {});
  pytorch("label_smoothing", 0.1f, {});
  pytorch("ignored", 0.0f, -100);
  pytorch("ignored_class", 0.0f, 4);
  pytorch("all", 0.2f, -1);
  family.without({"count_correct", "argmax_rows"}, {Aspect::gradient, Aspect::tangent}, "positions have no derivative");
});

}  // namespace
}  // namespace mynah::tests
