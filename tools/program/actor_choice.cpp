#include "tools/program/actor_choice.h"

#include <fmt/format.h>

#include <cstdio>

#include "algorithms/command_expert.h"
#include "algorithms/experts.h"
#include "algorithms/policy_actor.h"
#include "algorithms/policy_export.h"
#include "engine/device.h"
#include "kernels/error.h"
#include "tools/program/command.h"

namespace mynah::program {
namespace {

/// Its errors name the policy: several may have been asked for.
std::unique_ptr<Actor> make_policy_actor(Ensemble& ensemble, const Task& task, const PolicyActor::Options& options,
                                         const std::string& who) {
  try {
    if (ensemble.size() > 1) return std::make_unique<EnsembleActor>(ensemble, task);
    return std::make_unique<PolicyActor>(ensemble.member(0), task, options);
  } catch (const Error& error) {
    throw Error(error.cause(), who + ", " + error.place(), error.problem(), error.remedy());
  }
}

}  // namespace

void add_task_options(CLI::App& command, TaskRequest& request) {
  command.add_option("--task", request.name, known_tasks() + "\n(in any case, also without the version)");
  OptionTable rules;
  request.rules.add_to(rules);
  add_options(command, rules);
  command.add_option(
      "--model", request.model,
      "MJCF file of a task that MuJoCo simulates; by default the one that its TOML file names, or that of "
      "an\ninstalled Gymnasium");
  command
      .add_option("--threads", request.threads, "On the CPU: threads that share the work; the results do not change")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
}

ActorChoice::ActorChoice(const std::string& who, const TaskRequest& request, const std::string& device,
                         std::uint64_t seed, bool sampled, double command_timeout) {
  if (who.empty())
    throw input_error("policy", "its name is empty", "name a run folder, a policy file, expert or random");
  constexpr std::string_view command = "command:";
  const bool built_in = who == "expert" || who == "random" || who.starts_with(command);
  if (sampled && built_in) {
    throw input_error("--sampled", "there is nothing to draw from: " + who + " is no policy", "name a policy");
  }
  if (!built_in) {
    ensemble = std::make_unique<Ensemble>(Ensemble::load(who, choose_device(device)));
  } else {
    own_stream = std::make_unique<Stream>(choose_device(device));
  }
  const std::string name = request.name.empty() && ensemble ? ensemble->description().task : request.name;
  if (name.empty()) throw input_error("--task", "is missing", "name one of: " + known_tasks());
  task = make_task(name, request.rules.options(request.model));
  const std::string& model = task->description().model;
  if (request.model.empty() && !model.empty()) fmt::print(stderr, "model: {}\n", model);
  if (request.threads > 1) stream().use_threads(static_cast<int>(request.threads));
  if (who == "expert") {
    actor = make_expert(*task);
  } else if (who == "random") {
    actor = make_random_policy(*task, seed);
  } else if (built_in) {
    actor = std::make_unique<CommandExpert>(*task, who.substr(command.size()), command_timeout);
  } else if (sampled && ensemble->size() > 1) {
    throw input_error("--sampled", who + " is a population, which acts as one by the mean of its members",
                      "name one of them: " + who + "/members/000.safetensors");
  } else {
    actor = make_policy_actor(*ensemble, *task, {sampled, seed}, who);
  }
}

}  // namespace mynah::program
