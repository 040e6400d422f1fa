#include "kernels/optimizer.h"

#include "kernels/elementwise.h"
#include "kernels/schedule.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::AdamOptions;
using kernels::RmsPropOptions;
using kernels::Schedule;
using kernels::SgdOptions;

std::vector<float> zeros(Index size) {
  return std::vector<float>(static_cast<std::size_t>(size), 0.0f);
}

/// Parameters, gradient and state vectors of a Parity; two steps, so that the state is read as well as written.
struct Steps {
  Tensor<float> parameters, gradient, rate, scale;
  std::vector<Tensor<float>> states;

  Steps(Parity& run, const VectorCase& shape, int state_count) {
    const Layout layout{0, shape.offset};
    parameters = run.changed(1, shape.size, layout);
    gradient = run.input(1, shape.size, layout);
    for (int i = 0; i < state_count; ++i) {
      states.push_back(run.given(zeros(shape.size), 1, shape.size, i == 0 ? layout : Layout{}, true));
    }
    rate = run.given<float>({0.01f}, 1, 1);
    scale = run.given<float>({0.37f}, 1, 1);
  }
};

void adam_case(Parity& run, const VectorCase& shape, const AdamOptions& options, Index first_step, bool scaled) {
  const Steps steps(run, shape, 2);
  const auto step = run.given<Index>({first_step, first_step + 1}, 1, 2);
  run.expect_same([=](const Place& at) {
    for (const int i : {0, 1}) {
      kernels::adam_step(at.stream, options, at.pointer(steps.rate), at.pointer(step) + i, at.vector(steps.parameters),
                         at.vector(steps.gradient), at.vector(steps.states[0]), at.vector(steps.states[1]),
                         scaled ? at.pointer(steps.scale) : nullptr);
    }
  });
}

void sgd_case(Parity& run, const VectorCase& shape, const SgdOptions& options, bool scaled) {
  const Steps steps(run, shape, 1);
  run.expect_same([=](const Place& at) {
    for (const int i : {0, 1}) {
      (void)i;
      kernels::sgd_step(at.stream, options, at.pointer(steps.rate), at.vector(steps.parameters),
                        at.vector(steps.gradient), options.momentum == 0.0 ? Vector{} : at.vector(steps.states[0]),
                        scaled ? at.pointer(steps.scale) : nullptr);
    }
  });
}

void rmsprop_case(Parity& run, const VectorCase& shape, const RmsPropOptions& options, bool scaled) {
  const Steps steps(run, shape, 3);
  run.expect_same([=](const Place& at) {
    for (const int i : {0, 1}) {
      (void)i;
      kernels::rmsprop_step(
          at.stream, options, at.pointer(steps.rate), at.vector(steps.parameters), at.vector(steps.gradient),
          at.vector(steps.states[0]), options.momentum == 0.0 ? Vector{} : at.vector(steps.states[1]),
          options.centered ? at.vector(steps.states[2]) : Vector{}, scaled ? at.pointer(steps.scale) : nullptr);
    }
  });
}

AdamOptions adam_with(double weight_decay, bool decoupled) {
  AdamOptions options;
  options.weight_decay = weight_decay;
  options.decoupled = decoupled;
  return options;
}

/// Every shape plain, every third with each of the variants.
void register_steps(Family& family) {
  const std::vector<SgdOptions> sgd{{}, {0.9, 0.0, false}, {0.9, 0.1, true}};
  const std::vector<RmsPropOptions> rmsprop{
      {}, {0.9, 1e-6, 0.8, 0.1, true}, {0.9, 1e-8, 0.0, 0.0, true}, {0.99, 1e-8, 0.5, 0.0, false}};
  std::size_t next = 0;
  for (const VectorCase& shape : vector_cases()) {
    const std::size_t variant = next++;
    const std::string text = text_of(shape);
    family.operation("adam_step", text, [=](Parity& run) { adam_case(run, shape, {}, 1, false); });
    family.operation("sgd_step", text, [=](Parity& run) { sgd_case(run, shape, sgd[variant % 3], false); });
    family.operation("rmsprop_step", text, [=](Parity& run) { rmsprop_case(run, shape, rmsprop[variant % 4], false); });
    if (variant % 3 != 0) continue;
    family.parity("adam_step", text + ", scaled", [=](Parity& run) { adam_case(run, shape, {}, 1, true); });
    family.parity("sgd_step", text + ", scaled", [=](Parity& run) { sgd_case(run, shape, sgd[1], true); });
    family.parity("rmsprop_step", text + ", scaled", [=](Parity& run) { rmsprop_case(run, shape, rmsprop[1], true); });
  }
  family.parity("adam_step", "L2", [](Parity& run) { adam_case(run, {1001, 0}, adam_with(0.1, false), 5, false); });
  family.parity("adam_step", "decoupled decay, a late step", [](Parity& run) {
    adam_case(run, {1001, 1}, adam_with(0.1, true), 1000000, true);
  });
  for (const VectorCase& shape : large_vector_cases()) {
    family.speed("adam_step", text_of(shape), [=](Parity& run) { adam_case(run, shape, {}, 1, false); });
  }
  // A network of a usual size, for timing.
  family.operation("adam_step", "75264", [](Parity& run) { adam_case(run, {75264, 0}, {}, 1, false); });
  family.operation("rmsprop_step", "75264", [](Parity& run) { rmsprop_case(run, {75264, 0}, {}, false); });
}

void register_clipping(Family& family) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const double norm : {0.0, 0.5, 3.0, 1e30, static_cast<double>(infinity), std::nan("")}) {
    family.operation("clip_factor", "norm " + std::to_string(norm), [=](Parity& run) {
      const auto from = run.given<double>({norm}, 1, 1);
      const auto factor = run.output(1, 1);
      run.expect_same([=](const Place& at) {
        kernels::clip_factor(at.stream, VectorView<const double>(at.vector(from)), 1.5, at.pointer(factor));
      });
    });
  }
}

void register_averages(Family& family) {
  for (const VectorCase& shape : vector_cases()) {
    for (const Index step : {1, 2}) {
      const std::string text = text_of(shape) + (step == 1 ? ", first" : "");
      family.operation("ema_update", text, [=](Parity& run) {
        const auto values = run.input(1, shape.size, {0, shape.offset});
        const auto average = step == 1 ? run.output(1, shape.size) : run.changed(1, shape.size, {0, shape.offset});
        const auto steps = run.given<Index>({step}, 1, 1);
        run.expect_same([=](const Place& at) {
          kernels::ema_update(at.stream, 0.99, at.pointer(steps), at.vector(values), at.vector(average));
        });
      });
    }
    family.operation("exchange", text_of(shape), [=](Parity& run) {
      const auto a = run.changed(1, shape.size, {0, shape.offset});
      const auto b = run.changed(1, shape.size, {0, shape.size % 2});
      run.expect_same([=](const Place& at) { kernels::exchange(at.stream, at.vector(a), at.vector(b)); });
    });
  }
}

void register_schedules(Family& family) {
  for (const auto kind : {Schedule::constant, Schedule::linear, Schedule::cosine}) {
    for (const Index warmup : {0, 1, 7}) {
      // From before the first step to beyond the last.
      for (const Index step : {-5, 0, 1, 2, 7, 8, 9, 30, 49, 50, 51, 1000000}) {
        const Schedule schedule{kind, warmup, 50, 0.1};
        const std::string text =
            std::to_string(kind) + " warm-up " + std::to_string(warmup) + " step " + std::to_string(step);
        family.parity("schedule_learning_rate", text, [=](Parity& run) {
          const auto steps = run.given<Index>({step}, 1, 1);
          const auto base = run.given<float>({0.3f}, 1, 1);
          const auto rate = run.output(1, 1);
          run.expect_same([=](const Place& at) {
            kernels::schedule_learning_rate(at.stream, schedule, at.pointer(steps), at.pointer(base), at.pointer(rate));
          });
        });
      }
    }
  }
  family.operation("schedule_learning_rate", "cosine", [](Parity& run) {
    const auto steps = run.given<Index>({20}, 1, 1);
    const auto base = run.given<float>({0.3f}, 1, 1);
    const auto rate = run.output(1, 1);
    run.expect_same([=](const Place& at) {
      kernels::schedule_learning_rate(at.stream, {Schedule::cosine, 5, 50, 0.0}, at.pointer(steps), at.pointer(base),
                                      at.pointer(rate));
    });
  });
}

/// What ten steps of PyTorch's optimizers left, with the gradients they were given.
struct TenSteps {
  using Step = std::function<void(const Index* step, const float* rate, Vector parameters, ConstVector gradient,
                                  const std::vector<Vector>& states, const float* scale)>;

  static void compare(PyTorchCase& dump, const std::function<Step(Stream&)>& make) {
    Stream& stream = dump.stream();
    const Step step = make(stream);
    const Matrix gradients = dump.matrix("gradients");
    const Vector parameters = dump.vector("initial");
    const Index n = parameters.size;
    std::vector<Vector> states;
    states.reserve(3);
    for (int i = 0; i < 3; ++i) states.push_back(dump.output(1, n, 0.0f).row(0));
    const Vector rate = dump.vector("learning_rate");
    const Matrix after = dump.output(gradients.rows, n);
    const bool clips = dump.has("max_norm");
    const VectorView<double> norm = dump.sum();
    const Matrix factor = dump.output(1, 1);
    const Buffer<Index> counter(stream.device(), 1);
    kernels::set_counters(stream, counter.view(), 0);
    for (Index i = 0; i < gradients.rows; ++i) {
      kernels::advance(stream, counter.data(), 1);
      if (clips) {
        kernels::global_norm(stream, gradients.row(i), norm);
        kernels::clip_factor(stream, norm, static_cast<double>(dump.number("max_norm")), factor.data);
      }
      step(counter.data(), rate.data, parameters, gradients.row(i), states, clips ? factor.data : nullptr);
      kernels::copy(stream, Matrix{parameters.data, 1, n}, after.middle_rows(i, 1));
    }
    dump.expect("after", after);
    if (clips) dump.expect("last_norm", norm);
  }
};

void register_pytorch_adam(Family& family, const std::string& name, const AdamOptions& options) {
  std::vector<std::string> subjects{"adam_step"};
  if (name.ends_with("clipped")) subjects.insert(subjects.end(), {"clip_factor", "vector_norm"});
  family.pytorch(subjects, name, [=](PyTorchCase& dump) {
    TenSteps::compare(dump, [=](Stream& stream) -> TenSteps::Step {
      return [&stream, options](const Index* step, const float* rate, Vector parameters, ConstVector gradient,
                                const std::vector<Vector>& states, const float* scale) {
        kernels::adam_step(stream, options, rate, step, parameters, gradient, states[0], states[1], scale);
      };
    });
  });
}

void register_pytorch_sgd(Family& family, const std::string& name, const SgdOptions& options) {
  std::vector<std::string> subjects{"sgd_step"};
  if (name.ends_with("clipped")) subjects.insert(subjects.end(), {"clip_factor", "vector_norm"});
  family.pytorch(subjects, name, [=](PyTorchCase& dump) {
    TenSteps::compare(dump, [=](Stream& stream) -> TenSteps::Step {
      return [&stream, options](const Index*, const float* rate, Vector parameters, ConstVector gradient,
                                const std::vector<Vector>& states, const float* scale) {
        kernels::sgd_step(stream, options, rate, parameters, gradient, states[0], scale);
      };
    });
  });
}

void register_pytorch_rmsprop(Family& family, const std::string& name, const RmsPropOptions& options) {
  family.pytorch({"rmsprop_step"}, name, [=](PyTorchCase& dump) {
    TenSteps::compare(dump, [=](Stream& stream) -> TenSteps::Step {
      return [&stream, options](const Index*, const float* rate, Vector parameters, ConstVector gradient,
                                const std::vector<Vector>& states, const float* scale) {
        kernels::rmsprop_step(stream, options, rate, parameters, gradient, states[0], states[1], states[2], scale);
      };
    });
  });
}

void register_pytorch_schedule(Family& family, const std::string& name, const Schedule& schedule) {
  family.pytorch({"schedule_learning_rate"}, name, [=](PyTorchCase& dump) {
    Stream& stream = dump.stream();
    const Index count = dump.shape("rates")[0];
    const Vector base = dump.vector("learning_rate");
    const Matrix rates = dump.output(1, count);
    const Buffer<Index> counter(stream.device(), 1);
    kernels::set_counters(stream, counter.view(), 0);
    for (Index i = 0; i < count; ++i) {
      kernels::advance(stream, counter.data(), 1);
      kernels::schedule_learning_rate(stream, schedule, counter.data(), base.data, rates.data + i);
    }
    dump.expect("rates", rates, 1e-6);
  });
}

void register_pytorch(Family& family) {
  register_pytorch_adam(family, "adam", {});
  register_pytorch_adam(family, "adam_decay", adam_with(0.1, false));
  register_pytorch_adam(family, "adamw", adam_with(0.1, true));
  register_pytorch_adam(family, "adam_clipped", {});
  register_pytorch_sgd(family, "sgd", {});
  register_pytorch_sgd(family, "sgd_momentum", {0.9, 0.0, false});
  register_pytorch_sgd(family, "sgd_nesterov_decay", {0.8, 0.1, true});
  register_pytorch_sgd(family, "sgd_clipped", {0.9, 0.0, false});
  register_pytorch_rmsprop(family, "rmsprop", {});
  register_pytorch_rmsprop(family, "rmsprop_momentum_decay", {0.9, 1e-6, 0.8, 0.1, false});
  register_pytorch_rmsprop(family, "rmsprop_centered_momentum", {0.95, 1e-4, 0.5, 0.0, true});
  register_pytorch_schedule(family, "schedule_constant_warmup", {Schedule::constant, 5, 0, 0.0});
  register_pytorch_schedule(family, "schedule_linear", {Schedule::linear, 0, 20, 0.1});
  register_pytorch_schedule(family, "schedule_cosine", {Schedule::cosine, 0, 20, 0.05});
  register_pytorch_schedule(family, "schedule_linear_warmup", {Schedule::linear, 4, 24, 0.25});
  register_pytorch_schedule(family, "schedule_cosine_warmup", {Schedule::cosine, 4, 24, 0.0});
  family.pytorch({"ema_update"}, "ema", [](PyTorchCase& dump) {
    Stream& stream = dump.stream();
    const Matrix values = dump.matrix("values");
    const Vector average = dump.output(1, values.columns).row(0);
    const Matrix after = dump.output(values.rows, values.columns);
    const Buffer<Index> counter(stream.device(), 1);
    kernels::set_counters(stream, counter.view(), 0);
    for (Index i = 0; i < values.rows; ++i) {
      kernels::advance(stream, counter.data(), 1);
      kernels::ema_update(stream, 0.9, counter.data(), values.row(i), average);
      kernels::copy(stream, Matrix{average.data, 1, average.size}, after.middle_rows(i, 1));
    }
    dump.expect("averages", after);
  });
}

const Family optimizer("optimizer", [](Family& family) {
  register_steps(family);
  register_clipping(family);
  register_averages(family);
  register_schedules(family);
  register_pytorch(family);
  family.without({"adam_step", "sgd_step", "rmsprop_step", "clip_factor", "ema_update", "schedule_learning_rate"},
                 {Aspect::gradient, Aspect::tangent}, "nothing is differentiated through a step of an optimizer");
  family.without({"exchange"}, {Aspect::gradient, Aspect::tangent}, "it moves values and computes none");
  family.without("exchange", Aspect::pytorch, "it moves values and computes none: parity compares all there is");
});

}  // namespace
}  // namespace mynah::tests
