#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "algorithms/filtered_collection.h"
#include "engine/inspection.h"
#include "kernels/error.h"
#include "tools/program/actor_choice.h"
#include "tools/program/command.h"

namespace mynah::program {
namespace {

struct Request {
  std::string policy = "expert";
  TaskRequest task;
  std::string out;
  std::string device = "auto";
  CollectOptions collect;
  bool sampled = false;
  std::optional<double> least_return;
  Index most_attempts = 0;
  bool json = false;
};

/// Where what was recorded before a failure is kept: beside the file that was to be.
std::filesystem::path partial_path(std::filesystem::path out) {
  return out.replace_extension(".partial.npz");
}

/// What failed before is what matters: where this fails too, it is said and no more.
void keep(const Demonstrations& partial, const std::filesystem::path& path, const std::string& which) {
  try {
    save_demonstrations(path, partial);
    fmt::print(stderr, "mynah: kept in {}: {} {} ({} steps) from before it failed{}\n", path.string(),
               partial.episodes(), partial.episodes() == 1 ? "episode" : "episodes", partial.rows(), which);
  } catch (const Error& error) {
    fmt::print(stderr, "mynah: {} steps that were recorded before it failed are lost: {}\n", partial.rows(),
               error.what());
  }
}

FilteredDemonstrations collect_or_keep(ActorChoice& choice, const Request& request) {
  Demonstrations partial;
  try {
    if (request.least_return) {
      return collect_filtered(choice.stream(), *choice.task, *choice.actor, request.collect,
                              {*request.least_return, request.most_attempts}, &partial);
    }
    return {collect(choice.stream(), *choice.task, *choice.actor, request.collect, &partial), 0};
  } catch (const Error&) {
    const std::string which =
        request.least_return ? fmt::format(", of a return of {:g} or more", *request.least_return) : "";
    if (partial.rows() > 0) keep(partial, partial_path(request.out), which);
    throw;
  }
}

void run(const Request& request) {
  if (!request.least_return && request.most_attempts > 0) {
    throw input_error("--max-attempts", "is for --min-return alone", "add --min-return, or leave it out");
  }
  require_writable_demonstrations(request.out);
  ActorChoice choice(request.policy, request.task, request.device, request.collect.seed, request.sampled);
  const auto [demonstrations, dropped] = collect_or_keep(choice, request);
  save_demonstrations(request.out, demonstrations);
  const Inspection inspection = inspect(demonstrations);
  if (request.json) {
    return print_json({{"task", choice.task->description().text()},
                       {"policy", request.policy},
                       {"out", request.out},
                       {"episodes", inspection.episodes},
                       {"rows", inspection.rows},
                       {"return_mean", inspection.returns.mean},
                       {"return_std", inspection.returns.standard_deviation},
                       {"dropped", dropped}});
  }
  fmt::print("{}: {} episodes of {}, {} steps, return {:.2f} ± {:.2f}{}\n", request.out, inspection.episodes,
             choice.task->description().text(), inspection.rows, inspection.returns.mean,
             inspection.returns.standard_deviation,
             request.least_return ? fmt::format("; {} dropped below {:g}", dropped, *request.least_return) : "");
}

}  // namespace

void add_record(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "record", "Record demonstrations of a built-in expert, of a random policy or of a trained policy in a task.");
  const auto request = std::make_shared<Request>();
  add_task_options(*command, request->task);
  command
      ->add_option("--policy", request->policy,
                   "expert, random, a run folder, a policy file, or \"command:LINE\": a program asked in JSON Lines\n"
                   "(see `mynah train dagger --help`)")
      ->capture_default_str();
  command->add_option("--episodes", request->collect.episodes, "Episodes to record")->capture_default_str();
  command
      ->add_option("--noise", request->collect.noise,
                   "Disturbs what is executed, not what is recorded: deviation in half action ranges, or the\n"
                   "probability of a random discrete action; 0 to 1")
      ->capture_default_str();
  command->add_option(
      "--min-return", request->least_return,
      "Drop episodes that return less, and go on until --episodes are kept; where that fails, those that\n"
      "were kept are in NAME.partial.npz beside --out");
  command->add_option("--max-attempts", request->most_attempts,
                      "Episodes to run at most for --min-return; by default 100 for each that is wanted");
  add_seed_option(*command, request->collect.seed, "Of start states, noise and drawn actions");
  command->add_option("--device", request->device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  command->add_option("--out", request->out, "File to write (.npz); one that is there is replaced")->required();
  command->add_flag("--sampled", request->sampled,
                    "Draw actions from the policy's distribution (classes; --head gaussian or mixture), by --seed");
  add_json_flag(*command, request->json);
  command->callback([request] { run(*request); });
}

}  // namespace mynah::program
