// The program `mynah-bench`. Exit codes: 0; 1 where something was not measured, missed a promise or is not what it
// should be; 2 for the user's input.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "bench/mynah_bench/commands.h"
#include "engine/linear_tuning.h"
#include "engine/nearest_name.h"
#include "kernels/error.h"

namespace {

constexpr const char* description =
    "mynah-bench times what mynah does, by every path and on every device, beside PyTorch, JAX, cuBLAS and cuDNN in "
    "the\n"
    "same run: round by round, each in its turn, on the same core or GPU.\n\n"
    "  mynah-bench list\n"
    "  mynah-bench run training\n"
    "  mynah-bench run --shape 17-64-64-6 --batch 256 --device cuda --path all --json result.json\n"
    "  mynah-bench table result.json\n";

void print_error(const std::string& text) {
  std::string indented;
  for (const char c : text) {
    indented += c;
    if (c == '\n') indented += "             ";
  }
  std::fprintf(stderr, "mynah-bench: %s\n", indented.c_str());
}

/// CLI11 calls an unknown verb a missing one; this names it.
void refuse_unknown_verb(const CLI::App& app, int count, char** arguments) {
  if (count < 2 || arguments[1][0] == '-') return;
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  if (std::find(verbs.begin(), verbs.end(), arguments[1]) != verbs.end()) return;
  const std::string nearest = mynah::nearest_name(arguments[1], verbs);
  throw mynah::input_error(
      std::string("mynah-bench ") + arguments[1], "there is no such verb",
      (nearest.empty() ? "" : "did you mean `mynah-bench " + nearest + "`? ") + "see `mynah-bench --help`");
}

/// As it could be typed again.
std::string command_line(int count, char** arguments) {
  std::string line = "mynah-bench";
  for (int i = 1; i < count; ++i) line += std::string(" ") + arguments[i];
  return line;
}

int run(int count, char** arguments) {
  CLI::App app(description, "mynah-bench");
  app.set_version_flag("--version", MYNAH_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    std::string verb;
    for (const CLI::App* parsed : failed->get_subcommands()) verb += parsed->get_name() + " ";
    return "mynah-bench: " + std::string(error.what()) + "\n             see `mynah-bench " + verb + "--help`\n";
  });
  int exit_code = 0;
  mynah::bench::add_list(app);
  mynah::bench::add_run(app, exit_code, command_line(count, arguments));
  mynah::bench::add_table(app, exit_code);
  app.parse_complete_callback([] { mynah::use_linear_tuning_of_environment(); });  // before the verb's
  refuse_unknown_verb(app, count, arguments);
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
