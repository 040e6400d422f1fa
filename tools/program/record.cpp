#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "algorithms/rollout.h"
#include "engine/inspection.h"
#include "tools/program/actor_choice.h"
#include "tools/program/command.h"

namespace mynah::program {
namespace {

struct Request {
  std::string policy = "expert";
  std::string task;
  std::string out;
  std::string device = "auto";
  CollectOptions collect;
  bool sampled = false;
  bool json = false;
};

void run(const Request& request) {
  ActorChoice choice(request.policy, request.task, request.device, request.collect.seed, request.sampled);
  const Demonstrations demonstrations = collect(choice.stream(), *choice.task, *choice.actor, request.collect);
  save_demonstrations(request.out, demonstrations);
  const Inspection inspection = inspect(demonstrations);
  if (request.json) {
    return print_json({{"task", choice.task->description().name},
                       {"policy", request.policy},
                       {"out", request.out},
                       {"episodes", inspection.episodes},
                       {"rows", inspection.rows},
                       {"return_mean", inspection.returns.mean},
                       {"return_std", inspection.returns.standard_deviation}});
  }
  fmt::print("{}: {} episodes of {}, {} steps, return {:.2f} ± {:.2f}\n", request.out, inspection.episodes,
             choice.task->description().name, inspection.rows, inspection.returns.mean,
             inspection.returns.standard_deviation);
}

}  // namespace

void add_record(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "record", "Record demonstrations of a built-in expert, of a random policy or of a trained policy in a task.");
  const auto request = std::make_shared<Request>();
  command->add_option("--task", request->task, "CartPole-v1 or Pendulum-v1 (or cartpole, pendulum)");
  command->add_option("--policy", request->policy, "expert, random, a run folder or a policy file")
      ->capture_default_str();
  command->add_option("--episodes", request->collect.episodes, "Episodes to record")->capture_default_str();
  command
      ->add_option("--noise", request->collect.noise,
                   "Disturbs what is executed, not what is recorded: deviation in half action ranges, or the\n"
                   "probability of a random discrete action; 0 to 1")
      ->capture_default_str();
  command->add_option("--seed", request->collect.seed, "Of start states and noise")->capture_default_str();
  command->add_option("--device", request->device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  command->add_option("--out", request->out, "File to write (.npz)")->required();
  command->add_flag("--sampled", request->sampled,
                    "Draw actions from the policy's distribution (classes; --head gaussian or mixture), by --seed");
  add_json_flag(*command, request->json);
  command->callback([request] { run(*request); });
}

}  // namespace mynah::program
