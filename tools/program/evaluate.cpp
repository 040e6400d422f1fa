#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "algorithms/drawing/film.h"
#include "algorithms/evaluation.h"
#include "kernels/error.h"
#include "tools/program/actor_choice.h"
#include "tools/program/command.h"

namespace mynah::program {
namespace {

struct Request {
  std::vector<std::string> policies;
  TaskRequest task;
  std::string device = "auto";
  RolloutOptions rollout;
  std::string record;
  FilmOptions film;
  bool sampled = false;
  bool json = false;
};

void film(const Request& request) {
  if (request.policies.size() > 1) {
    throw input_error("--record", "films one policy, and several are named", "name one policy");
  }
  const std::string& policy = request.policies.front();
  ActorChoice choice(policy, request.task, request.device, request.rollout.seed, request.sampled);
  FilmOptions options = request.film;
  options.seed = request.rollout.seed;
  film_episodes(choice.stream(), *choice.task, *choice.actor, request.record, options);
  fmt::print(stderr, "{}: {} of {} by {}\n", request.record,
             options.episodes == 1 ? "an episode" : fmt::format("{} episodes", options.episodes),
             choice.task->description().text(), policy);
}

/// Results go by the names of the policies.
void refuse_equal_policies(const std::vector<std::string>& policies) {
  for (auto policy = policies.begin(); policy != policies.end(); ++policy) {
    if (std::find(policies.begin(), policy, *policy) == policy) continue;
    throw input_error("'" + *policy + "'", "is named twice", "name each policy once");
  }
}

void run(const Request& request) {
  request.rollout.validate();
  refuse_equal_policies(request.policies);
  if (!request.record.empty()) film(request);
  std::vector<std::unique_ptr<ActorChoice>> choices;  // all of them, so that no mistake is found after long work
  for (const std::string& policy : request.policies) {
    choices.push_back(
        std::make_unique<ActorChoice>(policy, request.task, request.device, request.rollout.seed, request.sampled));
  }
  std::vector<NamedEvaluation> evaluations;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    ActorChoice& choice = *choices[i];
    evaluations.push_back(
        {request.policies[i], evaluate(choice.stream(), *choice.task, *choice.actor, request.rollout)});
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
      "Run a policy in its task and summarise the returns: mean and interquartile mean with 95 % bootstrap intervals,\n"
      "deviation, minimum, maximum, and the mean between a random policy (0) and the expert (1). Several policies "
      "give\n"
      "a table.");
  const auto request = std::make_shared<Request>();
  command
      ->add_option("policy", request->policies,
                   "Run folder, policy file (.safetensors, .npz), expert, random or \"command:LINE\"; one or more")
      ->required();
  add_task_options(*command, request->task);  // by default the policy's own task
  command->add_option("--episodes", request->rollout.episodes, "Episodes to run")->capture_default_str();
  add_seed_option(*command, request->rollout.seed, "Of the start states");
  command->add_option("--device", request->device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  CLI::Option* const record =
      command->add_option("--record", request->record,
                          "File to film episodes into: .gif, .svg (animated) or .mp4 (needs the command ffmpeg)");
  command->add_option("--record-episodes", request->film.episodes, "How many of the episodes to film")
      ->capture_default_str()
      ->needs(record);
  command
      ->add_option("--fps", request->film.frames_per_second,
                   "Steps shown in a second; 0: as fast as the task's own time")
      ->capture_default_str()
      ->needs(record);
  command->add_flag("--sampled", request->sampled,
                    "Draw actions from the policy's distribution (classes; --head gaussian or mixture), by --seed");
  add_json_flag(*command, request->json);
  command->callback([request] { run(*request); });
}

}  // namespace mynah::program
