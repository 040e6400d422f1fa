#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/terminal_progress.h"
#include "tools/program/actor_choice.h"
#include "tools/program/command.h"
#include "tools/program/train_dagger.h"

namespace mynah::program {
namespace {

struct Request {
  DaggerSettings settings;
  std::unique_ptr<TableOptions> options;
  std::string out;
  bool overwrite = false;
  bool json = false;
};

DaggerWorld make_world(const DaggerSettings& settings) {
  const std::string who = settings.expert_command.empty() ? settings.expert : "command:" + settings.expert_command;
  TaskRequest request;
  request.name = settings.learner.task;
  request.rules = settings.rules;
  request.model = settings.learner.model;
  const auto choice =
      std::make_shared<ActorChoice>(who, request, settings.learner.device, settings.learner.cloning.seed,
                                    /*sampled=*/false, settings.expert_timeout);
  // As a command's answers may, those of others may hang on their memory; but these cost little.
  const bool by_observation = who.starts_with("command:");
  return {choice, choice->task.get(), {choice->actor.get(), &choice->stream(), by_observation}};
}

void print_outcome(const DaggerOutcome& outcome, const std::string& run, bool json) {
  const Dagger::Result& result = outcome.result;
  if (json) {
    nlohmann::ordered_json object{{"algorithm", "dagger"},
                                  {"run", run},
                                  {"task", outcome.task},
                                  {"finished", !result.interrupted},
                                  {"device", outcome.device},
                                  {"iterations", result.iterations},
                                  {"queries", result.queries},
                                  {"rows", result.rows},
                                  {"best_iteration", result.best_iteration},
                                  {"seconds", outcome.seconds}};
    if (result.evaluation) {
      object["return_mean"] = result.evaluation->return_mean;
      if (result.evaluation->normalized_mean) object["normalized_mean"] = *result.evaluation->normalized_mean;
    }
    if (!result.interrupted) object["policy"] = outcome.policy.string();
    return print_json(object);
  }
  if (result.interrupted) {
    fmt::print("stopped after {} iterations; go on with: mynah resume {}\n", result.iterations, run);
    return;
  }
  fmt::print("{} iterations, {} queries, {} rows in {:.2f} s on {}\n", result.iterations, result.queries, result.rows,
             outcome.seconds, outcome.device);
  if (result.budget_spent) fmt::print("the budget of --queries is spent\n");
  if (result.evaluation) {
    fmt::print("kept the policy of iteration {}: return {:.2f} over {} episodes", result.best_iteration,
               result.evaluation->return_mean, result.evaluation->episodes);
    if (result.evaluation->normalized_mean) fmt::print(", normalized {:.3f}", *result.evaluation->normalized_mean);
    fmt::print("\n");
  }
  const auto settings = settings_of_run<DaggerSettings>(run);
  fmt::print("policy: {}\nevaluate it with: {}\n", outcome.policy.string(),
             evaluate_command(run, settings.learner.task, settings.learner.model, settings.rules.command_line()));
}

void train(Request& request) {
  request.options->apply();
  TerminalProgress progress(stderr);
  const auto outcome =
      run_dagger(request.settings, make_world, request.out, request.overwrite, progress, &stop_on_signal());
  print_outcome(outcome, request.out, request.json);
}

}  // namespace

void add_train_dagger(CLI::App& train_command) {
  CLI::App* command = train_command.add_subcommand("dagger",
                                                   "DAgger (Ross, Gordon and Bagnell 2011): the learner acts, the "
                                                   "expert says what it would have done in every state\n"
                                                   "visited, and the learner is trained on all of that, round after "
                                                   "round. --out becomes a folder with config.toml,\n"
                                                   "metrics.jsonl, TensorBoard events, checkpoints, "
                                                   "data/iteration_001.npz ... and policy.safetensors; a run that was\n"
                                                   "stopped, killed or left by its expert goes on with `mynah resume "
                                                   "RUN`; a command is asked again for no more than it\n"
                                                   "has labelled in the last --checkpoint-seconds before a kill.");
  const auto request = std::make_shared<Request>();
  request->options = std::make_unique<TableOptions>(*command, request->settings.table());
  command->add_option("--out", request->out, "Folder of the run, made new")->required();
  command->add_flag("--overwrite", request->overwrite, "Replace a run that is there already");
  add_json_flag(*command, request->json);
  command->callback([request] { train(*request); });
}

void resume_dagger_run(const std::string& run, bool json) {
  TerminalProgress progress(stderr);
  print_outcome(resume_dagger(run, make_world, progress, &stop_on_signal()), run, json);
}

}  // namespace mynah::program
