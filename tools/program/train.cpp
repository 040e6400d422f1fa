#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "algorithms/behaviour_cloning_run.h"
#include "engine/linear_tuning.h"
#include "engine/run_folder.h"
#include "engine/terminal_progress.h"
#include "kernels/error.h"
#include "tools/program/command.h"
#include "tools/program/train_dagger.h"

namespace mynah::program {
namespace {

struct TrainRequest {
  BehaviourCloningSettings settings;
  std::unique_ptr<TableOptions> options;
  std::string out;
  bool overwrite = false;
  bool json = false;
};

struct ResumeRequest {
  std::string run;
  bool json = false;
};

double loss_of(const BehaviourCloningResult& result) {
  return result.validation ? result.validation->loss : result.training_loss;
}

nlohmann::ordered_json members_json(const BehaviourCloningOutcome& outcome, const std::string& run) {
  auto members = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < outcome.members.size(); ++i) {
    const auto& [options, result] = outcome.members[i];
    nlohmann::ordered_json one{{"seed", options.seed},
                               {"learning_rate", options.learning_rate},
                               {"weight_decay", options.weight_decay},
                               {"epochs", result.epochs},
                               {"training_loss", result.training_loss}};
    if (result.validation) {
      one["best_epoch"] = result.best_epoch;
      one["validation_loss"] = result.validation->loss;
      if (result.validation->squared_error) one["validation_mse"] = *result.validation->squared_error;
    }
    if (outcome.folds > 0) one["fold"] = static_cast<Index>(i) % outcome.folds;
    if (!outcome.interrupted) one["policy"] = RunFolder::member_path(run, static_cast<Index>(i)).string();
    members.push_back(std::move(one));
  }
  nlohmann::ordered_json all{{"best_member", outcome.best_member}, {"members", std::move(members)}};
  if (outcome.folds == 0) return all;
  auto combinations = nlohmann::ordered_json::array();
  for (const CrossValidation& one : outcome.cross_validation) {
    const BehaviourCloningOptions& options = outcome.members[static_cast<std::size_t>(one.first_member)].options;
    combinations.push_back({{"seed", options.seed},
                            {"learning_rate", options.learning_rate},
                            {"weight_decay", options.weight_decay},
                            {"validation_loss_mean", one.mean},
                            {"validation_loss_deviation", one.deviation}});
  }
  all["folds"] = outcome.folds;
  all["cross_validation"] = std::move(combinations);
  return all;
}

/// A line for each combination of what members differ in besides their folds.
void print_folds(const BehaviourCloningOutcome& outcome) {
  for (const CrossValidation& one : outcome.cross_validation) {
    const BehaviourCloningOptions& options = outcome.members[static_cast<std::size_t>(one.first_member)].options;
    fmt::print(
        "seed {}, learning rate {:g}, weight decay {:g}: validation loss {:.6g} (deviation {:.3g}) over {} folds\n",
        options.seed, options.learning_rate, options.weight_decay, one.mean, one.deviation, outcome.folds);
  }
}

/// Mean, deviation and the best of a population.
void print_members(const BehaviourCloningOutcome& outcome) {
  double sum = 0.0, squares = 0.0;
  const auto count = static_cast<double>(outcome.members.size());
  for (const auto& member : outcome.members) sum += loss_of(member.result) / count;
  for (const auto& member : outcome.members) squares += std::pow(loss_of(member.result) - sum, 2) / count;
  const auto& best = outcome.members[static_cast<std::size_t>(outcome.best_member)];
  fmt::print(
      "{} members, {} loss {:.6g} (deviation {:.3g}); best is {}: seed {}, learning rate {:g}, weight decay {:g}\n",
      outcome.members.size(), best.result.validation ? "validation" : "training", sum, std::sqrt(squares),
      outcome.best_member, best.options.seed, best.options.learning_rate, best.options.weight_decay);
}

void print_outcome(const BehaviourCloningOutcome& outcome, const std::string& run, bool json) {
  const BehaviourCloningResult& result = outcome.result;
  if (json) {
    nlohmann::ordered_json object{{"algorithm", "bc"},
                                  {"run", run},
                                  {"finished", !outcome.interrupted},
                                  {"device", outcome.device},
                                  {"epochs", result.epochs},
                                  {"steps", result.steps},
                                  {"stopped_early", result.stopped_early},
                                  {"training_loss", result.training_loss},
                                  {"seconds", outcome.seconds}};
    if (result.validation) {
      object["best_epoch"] = result.best_epoch;
      object["validation_loss"] = result.validation->loss;
      if (result.validation->accuracy > 0) object["validation_accuracy"] = result.validation->accuracy;
      if (result.validation->squared_error) object["validation_mse"] = *result.validation->squared_error;
    }
    if (!outcome.interrupted) object["policy"] = outcome.policy.string();
    if (!outcome.members.empty()) object["population"] = members_json(outcome, run);
    return print_json(object);
  }
  if (outcome.interrupted) {
    fmt::print("stopped after {} epochs; go on with: mynah resume {}\n", result.epochs, run);
    return;
  }
  fmt::print("{} epochs, {} steps in {:.2f} s on {}\n", result.epochs, result.steps, outcome.seconds, outcome.device);
  fmt::print("{}\n", outcome.plan);
  if (outcome.folds > 0) {
    print_folds(outcome);
  } else if (!outcome.members.empty()) {
    print_members(outcome);
  }
  if (result.stopped_early) fmt::print("stopped early: no better validation loss since epoch {}\n", result.best_epoch);
  if (result.validation) {
    fmt::print("validation loss {:.6g} (best of epoch {})", result.validation->loss, result.best_epoch);
    if (result.validation->accuracy > 0) fmt::print(", accuracy {:.4f}", result.validation->accuracy);
    if (result.validation->squared_error) {
      fmt::print(", mean squared error {:.6g}", *result.validation->squared_error);
    }
    fmt::print("\n");
  }
  const auto settings = settings_of_run<BehaviourCloningSettings>(run);
  fmt::print("policy: {}\nevaluate it with: {}\n", outcome.policy.string(),
             evaluate_command(run, settings.task, settings.model));
}

void train(TrainRequest& request) {
  request.options->apply();
  if (request.settings.data.empty()) {
    throw input_error("--data", "is missing", "name a file of demonstrations: --data demos.npz");
  }
  if (request.settings.tuning.empty()) request.settings.tuning = linear_tuning_of_environment();
  TerminalProgress progress(stderr);
  const auto outcome =
      run_behaviour_cloning(request.settings, request.out, request.overwrite, progress, &stop_on_signal());
  print_outcome(outcome, request.out, request.json);
}

void resume(const ResumeRequest& request) {
  if (is_dagger_run(RunFolder::open(request.run, RunFolder::Access::read))) {
    return resume_dagger_run(request.run, request.json);
  }
  use_linear_tuning_named("off");  // the run says what it was begun with
  TerminalProgress progress(stderr);
  const auto outcome = resume_behaviour_cloning(request.run, progress, &stop_on_signal());
  print_outcome(outcome, request.run, request.json);
}

}  // namespace

void add_train(CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "Train a policy: `mynah train bc --data demos.npz --out runs/first`");
  command->require_subcommand(1);
  CLI::App* cloning = command->add_subcommand(
      "bc",
      "Behaviour cloning: supervised learning of the recorded actions, with mean squared error for continuous actions\n"
      "(or the negative logarithm of their likelihood, with --head gaussian or mixture) and softmax cross-entropy for\n"
      "discrete ones. Episodes are held out for validation; training stops when they get no better, and the best\n"
      "weights are kept. With --history, --chunk or --recurrent the policy remembers its episode. --out becomes a\n"
      "folder with config.toml, metrics.jsonl, TensorBoard events, checkpoints and policy.safetensors; a run that was\n"
      "stopped goes on with `mynah resume RUN`.");
  const auto request = std::make_shared<TrainRequest>();
  request->options = std::make_unique<TableOptions>(*cloning, request->settings.table());
  cloning->add_option("--out", request->out, "Folder of the run, made new")->required();
  cloning->add_flag("--overwrite", request->overwrite, "Replace a run that is there already");
  add_json_flag(*cloning, request->json);
  cloning->callback([request] { train(*request); });
  add_train_dagger(*command);
}

void add_resume(CLI::App& app) {
  CLI::App* command = app.add_subcommand("resume", "Go on with a run that was killed or stopped");
  const auto request = std::make_shared<ResumeRequest>();
  command->add_option("run", request->run, "Folder of the run")->required();
  add_json_flag(*command, request->json);
  command->callback([request] { resume(*request); });
}

}  // namespace mynah::program
