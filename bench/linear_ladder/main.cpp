// The program `mynah-linear-ladder`, and `mynah-linear-ladder-cuda-on-cpu`, where MYNAH_EMULATED is 1. Exit codes: 0; 1
// where a version is wrong or the device fails; 2 for the user's input, and where there is no GPU.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "bench/linear_ladder/climb.h"
#include "kernels/error.h"

namespace {

using namespace mynah;

constexpr bool emulated = MYNAH_EMULATED;
constexpr const char* program = emulated ? "mynah-linear-ladder-cuda-on-cpu" : "mynah-linear-ladder";

/// Further lines stand below the first.
void print_error(const std::string& text) {
  std::string indented = program + std::string(": ");
  const std::string indent(indented.size(), ' ');
  for (const char c : text) {
    indented += c;
    if (c == '\n') indented += indent;
  }
  std::fprintf(stderr, "%s\n", indented.c_str());
}

void list() {
  for (const ladder::Version& version : ladder::versions()) {
    std::printf("%-15s %s\n", version.name.c_str(), version.text.c_str());
  }
}

DeviceId gpu() {
  if (const std::string reason = cuda_unavailable_reason(); !reason.empty()) {
    throw input_error("no GPU", reason,
                      "`mynah-linear-ladder-cuda-on-cpu` runs the same kernels on the CPU, and does not time them");
  }
  return {Backend::cuda, 0};
}

int climb(const std::string& version, const std::string& shape, int rounds) {
  ladder::Climb options;
  options.versions = ladder::find_versions(version);
  options.shape = ladder::parse_shape(shape);
  options.rounds = rounds;
  options.timed = !emulated;
  const ladder::Report report = ladder::climb(gpu(), options);
  std::printf("%s", report.text.c_str());
  return report.right ? 0 : 1;
}

int run(int count, char** arguments) {
  const std::string example = emulated ? "129,65,31" : "4096,4096,4096";
  CLI::App app(
      "Versions of a linear layer, y = x w^T + b in float32, from the plainest CUDA kernel to the library's.\n"
      "kernels/cuda/README.md tells what each changed, and why.\n\n  " +
          std::string(program) + " run --version register-tiles --shape " + example,
      program);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    print_error(error.what() + std::string("\nsee `") + program + " --help`");
    return std::string();
  });
  app.add_subcommand("list", "The versions, from the bottom of the ladder up")->callback(list);

  CLI::App* command =
      app.add_subcommand("run", emulated ? "Checks versions against the library's CPU twin, emulated"
                                         : "Checks versions against the library's CPU twin, and times them");
  command->option_defaults()->always_capture_default();
  command->footer(
      "loads/fma: floats of x and w that threads ask memory for, caches included, for each multiply-add\n"
      "error:     the largest difference of an element, divided by the sum of the magnitudes of what was added up;\n"
      "           above 1e-6 the version is wrong");
  std::string version, shape = example;
  int rounds = 5, exit_code = 0;
  command->add_option("--version", version, "One of `list`, or all")->required();
  command->add_option("--shape", shape, "m,n,k: rows of x, outputs (rows of w), inputs (columns of both)");
  command->add_option("--repeats", rounds, "Rounds, in which the versions take turns with the library")
      ->check(CLI::Range(1, 1000));
  command->callback([&] { exit_code = climb(version, shape, rounds); });
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return exit_code;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const mynah::Error& error) {
    print_error(error.what());
    return error.cause() == mynah::Error::Cause::input ? 2 : 1;
  } catch (const std::exception& error) {
    print_error(std::string("unexpected: ") + error.what());
    return 1;
  }
}
