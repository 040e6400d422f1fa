#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "algorithms/drawing/film.h"
#include "algorithms/evaluation_seeds.h"
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
  std::string seeds;
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

/// choice: of the first seed.
SeedsEvaluation evaluate_seeds(const std::string& policy, const Request& request,
                               const std::vector<std::uint64_t>& seeds, std::unique_ptr<ActorChoice> choice) {
  RolloutOptions options = request.rollout;
  std::vector<EpisodeOutcomes> outcomes;
  outcomes.reserve(seeds.size());
  for (const std::uint64_t seed : seeds) {
    options.seed = seed;
    if (seed != seeds.front()) {
      choice = std::make_unique<ActorChoice>(policy, request.task, request.device, seed, request.sampled);
    }
    outcomes.push_back(run_episodes(choice->stream(), *choice->task, *choice->actor, options));
  }
  return summarize_seeds(choice->task->description(), seeds, std::move(outcomes));
}

/// Results go by the names of the policies.
void refuse_equal_policies(const std::vector<std::string>& policies) {
  for (auto policy = policies.begin(); policy != policies.end(); ++policy) {
    if (std::find(policies.begin(), policy, *policy) == policy) continue;
    throw input_error("'" + *policy + "'", "is named twice", "name each policy once");
  }
}

void run(const Request& request) {
  const bool several = !request.seeds.empty();
  const auto seeds = several ? parse_seeds(request.seeds, request.rollout.seed) : std::vector{request.rollout.seed};
  request.rollout.validate();
  refuse_equal_policies(request.policies);
  if (!request.record.empty()) film(request);
  std::vector<std::unique_ptr<ActorChoice>> choices;  // all of them, so that no mistake is found after long work
  choices.reserve(request.policies.size());
  for (const std::string& policy : request.policies) {
    choices.push_back(
        std::make_unique<ActorChoice>(policy, request.task, request.device, seeds.front(), request.sampled));
  }
  std::vector<NamedEvaluation> lines;
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const std::string& policy = request.policies[i];
    const SeedsEvaluation result = evaluate_seeds(policy, request, seeds, std::move(choices[i]));
    object[policy] = several ? to_json(result) : to_json(result.all);
    lines.push_back({policy, result.all});
    for (std::size_t s = 0; several && s < seeds.size(); ++s) {
      lines.push_back({fmt::format("  seed {}", seeds[s]), result.per_seed[s]});
    }
  }
  if (!request.json) {
    fmt::print("{}", evaluation_table(lines));
  } else {
    print_json(request.policies.size() == 1 ? object.front() : object);
  }
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
  const CLI::Option* const seed = add_seed_option(*command, request->rollout.seed, "Of the start states");
  command->add_option("--seeds", request->seeds,
                      "Several seeds, each with --episodes of its own: how many, from --seed on (such as 5), or which "
                      "ones (such as\n1,2,7). What they give is shown together and for each");
  command->add_option("--device", request->device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  CLI::Option* const record =
      command->add_option("--record", request->record,
                          "File to film episodes into: .gif, .svg (animated) or .mp4 (needs the command ffmpeg)");
  command->add_option("--record-episodes", request->film.episodes, "How many of the episodes to film")
      ->capture_default_str()
      ->needs(record);
  command
      ->add_option(
          "--fps", request->film.frames_per_second,
          "Steps shown in a second; 0: the task's own time, leaving steps out where it has more than 50 a second")
      ->capture_default_str()
      ->needs(record);
  command->add_flag("--sampled", request->sampled,
                    "Draw actions from the policy's distribution (classes; --head gaussian or mixture), by --seed");
  add_json_flag(*command, request->json);
  command->callback([request, seed] {
    if (seed->count() > 0 && request->seeds.find(',') != std::string::npos) {
      throw input_error("--seed", "is given beside --seeds " + request->seeds, "leave it out: --seeds says which");
    }
    run(*request);
  });
}

}  // namespace mynah::program
