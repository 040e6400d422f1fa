#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "algorithms/evaluation.h"
#include "tools/program/actor_choice.h"
#include "tools/program/command.h"

namespace mynah::program {
namespace {

struct Request {
  std::vector<std::string> policies;
  std::string task;
  std::string device = "auto";
  RolloutOptions rollout;
  bool sampled = false;
  bool json = false;
};

void run(const Request& request) {
  std::vector<NamedEvaluation> evaluations;
  for (const std::string& policy : request.policies) {
    ActorChoice choice(policy, request.task, request.device, request.rollout.seed, request.sampled);
    evaluations.push_back({policy, evaluate(choice.stream(), *choice.task, *choice.actor, request.rollout)});
  }
  if (!request.json) {
    fmt::print("{}", evaluation_table(evaluations));
    return;
  }
  if (evaluations.size() == 1) return print_json(to_json(evaluations.front().result));
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const NamedEvaluation& one : evaluations) object[one.name] = to_json(one.result);
  print_json(object);
}

}  // namespace

void add_evaluate(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "evaluate",
      "Run a policy in its task and summarise the returns: mean, standard deviation, minimum, maximum, 95 % bootstrap\n"
      "interval of the mean, and the mean between a random policy (0) and the expert (1). Several policies give a "
      "table.");
  const auto request = std::make_shared<Request>();
  command->add_option("policy", request->policies, "Run folder, policy file, expert or random; one or more")
      ->required();
  command->add_option("--task", request->task, "CartPole-v1 or Pendulum-v1; by default the policy's own");
  command->add_option("--episodes", request->rollout.episodes, "Episodes to run")->capture_default_str();
  command->add_option("--seed", request->rollout.seed, "Of the start states")->capture_default_str();
  command->add_option("--device", request->device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  command->add_flag("--sampled", request->sampled,
                    "Draw actions from the policy's distribution (classes; --head gaussian or mixture), by --seed");
  add_json_flag(*command, request->json);
  command->callback([request] { run(*request); });
}

}  // namespace mynah::program
