#include "engine/inspection.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "kernels/error.h"
#include "tools/program/command.h"

namespace mynah::program {
namespace {

struct Request {
  std::string file;
  std::vector<Index> drop;
  std::string out;
  bool json = false;
};

void run(const Request& request) {
  if (request.drop.empty() != request.out.empty()) {
    throw input_error("mynah inspect", "--drop-episode and --out go together",
                      "for example: mynah inspect " + request.file + " --drop-episode 12 --out clean.npz");
  }
  if (!request.out.empty()) require_writable_demonstrations(request.out);
  LoadOptions options;
  options.require_finite = false;
  Demonstrations demonstrations = load_demonstrations(request.file, options);
  if (!request.out.empty()) {
    demonstrations = drop_episodes(demonstrations, request.drop);
    save_demonstrations(request.out, demonstrations);
    demonstrations.source = request.out;
  }
  const Inspection inspection = inspect(demonstrations);
  if (request.json) {
    print_json(nlohmann::ordered_json::parse(to_json(inspection)));
  } else {
    fmt::print("{}", to_text(inspection));
  }
}

}  // namespace

void add_inspect(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "inspect",
      "Show what is in a file of demonstrations: episodes, lengths, returns, ranges, constant columns, NaN and "
      "infinity\n"
      "with their rows, duplicates, actions at their limits. With --drop-episode, write a copy without some episodes.");
  const auto request = std::make_shared<Request>();
  command->add_option("file", request->file, "Demonstrations: .npz, .csv or .jsonl")->required();
  command->add_option("--drop-episode", request->drop, "Episodes to leave out of --out, counted from 0");
  command->add_option("--out", request->out, "Where to write what is left (.npz)");
  add_json_flag(*command, request->json);
  command->callback([request] { run(*request); });
}

}  // namespace mynah::program
