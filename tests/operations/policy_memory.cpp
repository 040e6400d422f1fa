#include "kernels/policy_memory.h"

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using Execution = kernels::ChunkRule::Execution;

/// Of rows at an episode's start and further on.
Tensor<std::int32_t> elapsed_of(Parity& run, Index rows) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(rows));
  for (std::size_t m = 0; m < values.size(); ++m) values[m] = static_cast<std::int32_t>(m * 5 % 13);
  return run.given(values, 1, rows);
}

void register_cases(Family& family, Index rows, Index columns, Index steps) {
  const std::string text =
      std::to_string(rows) + " x " + std::to_string(columns) + ", " + std::to_string(steps) + " steps";
  family.operation("remember_observations", text, [=](Parity& run) {
    const auto observations = run.input(rows, columns, {1, 0});
    const auto elapsed = elapsed_of(run, rows);
    const auto history = run.changed(rows, steps * columns, {2, 1});
    run.expect_same([=](const Place& at) {
      kernels::remember_observations(at.stream, at.matrix(observations), at.vector(elapsed), at.matrix(history));
    });
  });
  family.operation("forget_states", text, [=](Parity& run) {
    const auto elapsed = elapsed_of(run, rows);
    const auto states = run.changed(rows, columns * steps, {3, 0});
    run.expect_same([=](const Place& at) { kernels::forget_states(at.stream, at.vector(elapsed), at.matrix(states)); });
  });
  for (const bool bounded : {false, true}) {
    family.operation("remember_actions", text + (bounded ? ", bounded" : ""), [=](Parity& run) {
      const auto actions = run.input(rows, columns, {1, 0});
      const auto size = static_cast<std::size_t>(bounded ? columns : 0);
      const auto low = run.given(std::vector<float>(size, -0.5f), 1, bounded ? columns : 0);
      const auto high = run.given(std::vector<float>(size, 0.25f), 1, bounded ? columns : 0);
      const auto last = run.output(rows, columns, {2, 1});
      run.expect_same([=](const Place& at) {
        kernels::remember_actions(at.stream, at.matrix(actions), at.vector(low), at.vector(high), at.matrix(last));
      });
    });
  }
  family.operation("remember_choices", text, [=](Parity& run) {
    const auto choices = elapsed_of(run, rows);  // also some that are no column
    const auto last = run.output(rows, columns, {2, 1});
    run.expect_same(
        [=](const Place& at) { kernels::remember_choices(at.stream, at.vector(choices), at.matrix(last)); });
  });
  for (const Execution execution : {Execution::ensemble, Execution::open_loop}) {
    const std::string how = execution == Execution::ensemble ? ", ensemble" : ", open loop";
    family.operation("combine_chunks", text + how, [=](Parity& run) {
      const auto chunks = run.input(rows, steps * columns, {1, 0});
      const auto elapsed = elapsed_of(run, rows);
      const auto memory = run.changed(rows, steps * steps * columns, {2, 0});
      const auto actions = run.output(rows, columns, {1, 1});
      run.expect_same([=](const Place& at) {
        kernels::combine_chunks(at.stream, at.matrix(chunks), at.vector(elapsed), {execution, 0.9f}, at.matrix(memory),
                                at.matrix(actions));
      });
    });
  }
}

const Family policy_memory("policy_memory", [](Family& family) {
  const std::vector<std::string> operations{"remember_observations", "forget_states", "remember_actions",
                                            "remember_choices", "combine_chunks"};
  for (const Index rows : {0, 1, 2, 3, 33, 64, 65, 257}) {
    for (const auto& [columns, steps] : {std::pair<Index, Index>{1, 1}, {1, 4}, {3, 2}, {6, 8}, {17, 3}}) {
      register_cases(family, rows, columns, steps);
    }
  }
  family.without(operations, {Aspect::gradient, Aspect::tangent}, "nothing is differentiated through acting");
  family.without(operations, {Aspect::pytorch}, "compared with the definitions in tests/policy_memory_test.cpp");
});

}  // namespace
}  // namespace mynah::tests
