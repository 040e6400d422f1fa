// The program `mynah`: parses, calls, prints. Exit codes: 0; 2 for the user's input; 1 for anything else.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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

/// CLI11 calls an unknown verb a missing one; this names it. rest: the arguments behind `called`, such as "mynah
/// train".
void refuse_unknown_verb(const CLI::App& app, const std::string& called, std::span<char* const> rest) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  if (verbs.empty() || rest.empty() || rest[0][0] == '-') return;
  const std::string given = rest[0];
  for (const CLI::App* verb : app.get_subcommands({})) {
    if (verb->get_name() == given)
      return refuse_unknown_verb(*verb, fmt::format("{} {}", called, given), rest.subspan(1));
  }
  const std::string nearest = mynah::nearest_name(given, verbs);
  throw mynah::input_error(
      called + " " + given, "there is no such verb",
      (nearest.empty() ? "" : "did you mean `" + called + " " + nearest + "`? ") + "see `" + called + " --help`");
}

/// The verb that the arguments named, and how it is called: "mynah train bc".
struct CalledVerb {
  explicit CalledVerb(const CLI::App& program) : app(&program), name(program.get_name()) {
    while (!app->get_subcommands().empty()) {
      app = app->get_subcommands().front();
      name += " " + app->get_name();
    }
  }
  const CLI::App* app;
  std::string name;
};

/// The option that `given` was probably meant to be, or nothing.
std::string nearest_option(const CLI::App& verb, const std::string& given) {
  std::vector<std::string> known;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  return mynah::nearest_name(given.substr(0, given.find('=')), known);
}

/// "Could not convert: --episodes = many", as CLI11 has it. Nothing for another text.
std::optional<mynah::Error> no_value(const CLI::App& verb, const std::string& text, const std::string& help) {
  constexpr std::string_view start = "Could not convert: ";
  const std::size_t equals = text.find(" = ");
  if (!text.starts_with(start) || equals == std::string::npos) return std::nullopt;
  const std::string name = text.substr(start.size(), equals - start.size()), value = text.substr(equals + 3);
  const CLI::Option* const option = verb.get_option_no_throw(name);
  const std::string type = option == nullptr ? "" : option->get_type_name();
  const bool whole = type.starts_with("INT") || type.starts_with("UINT");
  const std::string remedy = whole ? "give a whole number; " : type.starts_with("FLOAT") ? "give a number; " : "";
  return mynah::input_error(fmt::format("{} {}", name, value), "is no value for it", remedy + help);
}

/// What is wrong with a command line, in the words of this program where CLI11's say too little.
mynah::Error wrong_use(const CLI::App& program, const CLI::ParseError& error) {
  const CalledVerb verb(program);
  const std::string help = "see `" + verb.name + " --help`", text = error.what();
  constexpr std::string_view given_often = ": At Most 1 required but received ";
  if (const std::size_t at = text.find(given_often); at != std::string::npos) {
    return mynah::input_error(text.substr(0, at), "is given " + text.substr(at + given_often.size()) + " times",
                              "give it once; " + help);
  }
  if (const auto refused = no_value(*verb.app, text, help)) return *refused;
  const std::string place = verb.app == &program ? "command line" : verb.name;
  // An option that is missing may be there, misspelt.
  const bool missing = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
  const bool extra = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  const std::vector<std::string> unknown = program.remaining(true);
  const auto option =
      std::find_if(unknown.begin(), unknown.end(), [](const auto& one) { return one.starts_with('-'); });
  if (option == unknown.end() || !(missing || extra)) {
    const std::string problem = extra && !unknown.empty() ? "'" + unknown.front() + "' is not expected" : text;
    return mynah::input_error(place, problem, help);
  }
  const std::string nearest = nearest_option(*verb.app, *option);
  return mynah::input_error(place, "there is no option " + *option,
                            (nearest.empty() ? "" : "did you mean " + nearest + "? ") + help);
}

int run(int count, char** arguments) {
  CLI::App app(description, "mynah");
  app.set_version_flag("--version", MYNAH_VERSION);
  app.require_subcommand(1);
  using namespace mynah::program;
  for (const auto add : {add_record, add_inspect, add_train, add_resume, add_evaluate, add_compare, add_predict,
                         add_export, add_devices}) {
    add(app);
  }
  app.parse_complete_callback([] { mynah::use_linear_tuning_of_environment(); });  // before the verb's
  refuse_unknown_verb(app, "mynah", std::span(arguments, static_cast<std::size_t>(count)).subspan(1));
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    throw wrong_use(app, error);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const int code = run(count, arguments);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
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
