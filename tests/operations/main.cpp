// mynah-operations: every operation and every layer, tested, checked, timed and counted.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <set>

#include "engine/linear_tuning.h"
#include "kernels/error.h"
#include "tests/operations/coverage.h"
#include "tests/operations/registry.h"
#include "tests/operations/speed.h"
#include "tests/operations/tune.h"

namespace mynah::tests {
namespace {

class CheckTest : public testing::Test {
 public:
  explicit CheckTest(std::vector<const Check*> checks) : checks_(std::move(checks)) {}

 protected:
  void TestBody() override {
    if (checks_.front()->aspect == Aspect::parity && list_devices().size() < 2) {
      GTEST_SKIP() << "no CUDA device (" << cuda_unavailable_reason() << "): skipped";
    }
    std::size_t skipped = 0;
    for (const Check* check : checks_) {
      SCOPED_TRACE(check->subjects.front() + " " + check->shape);
      if (check->aspect == Aspect::parity) {
        Parity parity;
        check->describe(parity);
      } else {
        check->run();
      }
      if (IsSkipped()) ++skipped;
    }
    EXPECT_TRUE(skipped == 0 || skipped == checks_.size()) << "a group of checks is skipped whole or not at all";
  }

 private:
  std::vector<const Check*> checks_;
};

std::string identifier(std::string text) {
  for (char& letter : text) {
    if (!std::isalnum(static_cast<unsigned char>(letter))) letter = '_';
  }
  return text;
}

/// One test for each aspect of each subject, in each precision, and, beside PyTorch, on each device: its cases are
/// small and many, and ctest starts a process for each test.
void register_tests() {
  std::map<std::pair<std::string, std::string>, std::vector<const Check*>> groups;
  for (const Check& check : registry().checks) {
    if (check.aspect == Aspect::speed) continue;
    std::string name = check.subjects.front();
    if (check.aspect == Aspect::pytorch) name += check.shape.substr(check.shape.rfind(" on "));
    if (check.precision != kernels::Precision::float32) name += std::string(" ") + precision_name(check.precision);
    groups[{aspect_name(check.aspect), identifier(name)}].push_back(&check);
  }
  for (const auto& [name, checks] : groups) {
    testing::RegisterTest(name.first.c_str(), name.second.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [checks = checks]() -> testing::Test* { return new CheckTest(checks); });
  }
}

struct Options {
  std::string name, device, precision;
};

/// Keeps the registered checks that the options name.
void filter(const Options& options) {
  auto& checks = registry().checks;
  std::erase_if(checks, [&](const Check& check) {
    const bool named = std::any_of(check.subjects.begin(), check.subjects.end(), [&](const std::string& subject) {
      return subject.find(options.name) != std::string::npos;
    });
    const bool on_device =
        options.device.empty() || check.aspect != Aspect::pytorch || check.shape.ends_with(" on " + options.device);
    return !named || !on_device || (!options.precision.empty() && options.precision != precision_name(check.precision));
  });
}

int run_tests(const std::set<Aspect>& aspects) {
  std::erase_if(registry().checks, [&](const Check& check) { return !aspects.contains(check.aspect); });
  if (registry().checks.empty()) {
    std::fprintf(stderr,
                 "mynah-operations: no case has that name, device and precision; see `mynah-operations list`\n");
    return 2;
  }
  register_tests();
  return RUN_ALL_TESTS();
}

void print_list() {
  std::set<std::string> lines;
  for (const Check& check : registry().checks) {
    lines.insert(fmt::format("{:8} {:12} {}  {}", aspect_name(check.aspect), precision_name(check.precision),
                             fmt::join(check.subjects, ", "), check.shape));
  }
  for (const std::string& line : lines) std::printf("%s\n", line.c_str());
}

int run(int argc, char** argv) {
  CLI::App app("Every operation of kernels/ and every layer of engine/layers/, over the same registered cases");
  app.require_subcommand(1);
  Options options;
  const auto mode = [&](const char* name, const char* help) {
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("--name", options.name, "only operations and layers whose name contains this");
    command->add_option("--device", options.device, "only this device")->check(CLI::IsMember({"cpu", "cuda"}));
    command->add_option("--precision", options.precision, "only this precision")
        ->check(CLI::IsMember({"float32", "tf32", "bfloat16"}));
    return command;
  };
  const auto* test = mode("test", "CUDA against the CPU under three thread schedules; both against PyTorch's dumps");
  const auto* gradient = mode("gradient", "backward and tangent passes against central differences, in double");
  auto* speed =
      mode("speed",
           "times on every device: B/s, FLOP/s, percent of the roof (a large copy, a large product; above 100 where "
           "the data stay in a cache), and on CUDA the times of cuBLAS and cuDNN for the same work, divided by ours "
           "(above 1: ours is faster); exit code 1 where their result is not ours");
  double seconds = 0.1;
  std::string out;
  speed->add_option("--min-time", seconds, "seconds for each case (default 0.1)");
  speed->add_option("--json", out, "write the results to this file as well");
  const auto* coverage = mode("coverage", "what is shown of each operation, on each device; exit code 1 on a hole");
  const auto* list = mode("list", "the registered cases");
  int tune_code = 0;
  add_tune(app, tune_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (app.got_subcommand("tune")) return tune_code;
  use_linear_tuning_of_environment();
  if (coverage->parsed()) return print_coverage(options.name) ? 0 : 1;
  filter(options);
  if (list->parsed()) return print_list(), 0;
  if (speed->parsed()) return run_speed(options.device, seconds, out);
  testing::InitGoogleTest();
  if (test->parsed()) return run_tests({Aspect::parity, Aspect::pytorch});
  (void)gradient;
  return run_tests({Aspect::gradient, Aspect::tangent});
}

}  // namespace
}  // namespace mynah::tests

int main(int argc, char** argv) try {
  // As ctest calls it: GoogleTest's own options, over all aspects.
  if (argc > 1 && std::string_view(argv[1]).starts_with("--gtest")) {
    testing::InitGoogleTest(&argc, argv);
    mynah::tests::register_tests();
    return RUN_ALL_TESTS();
  }
  return mynah::tests::run(argc, argv);
} catch (const mynah::Error& error) {
  std::fprintf(stderr, "mynah-operations: %s\n", error.what());
  return error.cause() == mynah::Error::Cause::input ? 2 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "mynah-operations: %s\n", error.what());
  return 1;
}
