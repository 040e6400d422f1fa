// The program `mynah`: parses, calls, prints. Exit codes: 0; 2 for the user's input; 1 for anything else.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "engine/linear_tuning.h"
#include "engine/nearest_name.h"
#include "kernels/error.h"
#include "tools/program/command.h"
#include "tools/program/version.h"

namespace {

constexpr const char* description =
    "mynah learns policies from demonstrations, on the CPU and on NVIDIA GPUs.\n\n"
    "  mynah record --task pendulum --policy expert --episodes 50 --out demos.npz\n"
    "  mynah inspect demos.npz\n"
    "  mynah train bc --data demos.npz --task pendulum --out runs/first\n"
    "  mynah evaluate runs/first --episodes 100\n";

/// "mynah: PLACE: PROBLEM", and the remedy below it, indented to the text.
void print_error(const std::string& text) {
  std::string indented;
  for (const char c : text) {
    indented += c;
    if (c == '\n') indented += "       ";
  }
  std::fprintf(stderr, "mynah: %s\n", indented.c_str());
}

/// CLI11 calls an unknown verb a missing one; this names it.
void refuse_unknown_verb(const CLI::App& app, int count, char** arguments) {
  if (count < 2 || arguments[1][0] == '-') return;
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  const std::string given = arguments[1];
  if (std::find(verbs.begin(), verbs.end(), given) != verbs.end()) return;
  const std::string nearest = mynah::nearest_name(given, verbs);
  throw mynah::input_error("mynah " + given, "there is no such verb",
                           (nearest.empty() ? "" : "did you mean `mynah " + nearest + "`? ") + "see `mynah --help`");
}

int run(int count, char** arguments) {
  CLI::App app(description, "mynah");
  app.set_version_flag("--version", MYNAH_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    std::string verb = failed->get_name();
    for (const CLI::App* parent = failed->get_parent(); parent != nullptr; parent = parent->get_parent()) {
      verb.insert(0, " ").insert(0, parent->get_name());
    }
    return "mynah: " + std::string(error.what()) + "\n       see `" + verb + " --help`\n";
  });
  using namespace mynah::program;
  for (const auto add : {add_record, add_inspect, add_train, add_resume, add_evaluate, add_compare, add_predict,
                         add_export, add_devices}) {
    add(app);
  }
  app.parse_complete_callback([] { mynah::use_linear_tuning_of_environment(); });  // before the verb's
  refuse_unknown_verb(app, count, arguments);
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const int code = run(count, arguments);
    if (std::fflush(stdout) != 0) {
      print_error("standard output: cannot be written");
      return 2;
    }
    return code;
  } catch (const mynah::Error& error) {
    print_error(error.what());
    return error.cause() == mynah::Error::Cause::input ? 2 : 1;
  } catch (const std::exception& error) {
    print_error(std::string("unexpected: ") + error.what());
    return 1;
  }
}
