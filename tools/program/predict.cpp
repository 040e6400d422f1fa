#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "algorithms/ensemble.h"
#include "algorithms/policy_session.h"
#include "engine/atomic_file.h"
#include "engine/demonstrations.h"
#include "engine/device.h"
#include "kernels/error.h"
#include "tools/program/command.h"

namespace mynah::program {
namespace {

struct Request {
  std::string policy;
  std::string data;
  std::string out;
  std::string device = "auto";
  bool json = false;
};

struct Predictions {
  std::string csv;
  double squared_error = 0.0;  // sum over rows and columns, against the recorded actions
  Index correct = 0;
  double disagreement = 0.0;  // sum over rows and columns
};

/// Names of the columns: actions, and for several members how far they disagree.
std::string header(const Ensemble& ensemble) {
  const PolicyDescription& description = ensemble.description();
  std::vector<std::string> names;
  if (description.discrete) {
    names.push_back("action");
  } else if (!description.action_names.empty()) {
    names = description.action_names;
  } else {
    for (Index c = 0; c < ensemble.output_size(); ++c) names.push_back("action_" + std::to_string(c));
  }
  const std::vector<std::string> actions = names;
  if (ensemble.size() > 1) {
    for (const std::string& name : actions) names.push_back("disagreement_" + name);
  }
  return fmt::format("{}\n", fmt::join(names, ","));
}

/// The ensemble, or a single policy that goes through the episodes of the data with what it remembers of them.
class Predictor {
 public:
  explicit Predictor(Ensemble& ensemble) : ensemble_(&ensemble) {
    if (ensemble.size() == 1 && ensemble.description().memory.remembers())
      session_ = std::make_unique<PolicySession>(ensemble.member(0));
  }

  void begin_episode() {
    if (session_) session_->begin_episode();
  }
  Index choose(std::span<const float> observation, float* disagreement) {
    return session_ ? session_->choose(observation) : ensemble_->choose(observation, disagreement);
  }
  void act(std::span<const float> observation, std::span<float> action, std::span<float> disagreement) {
    session_ ? session_->act(observation, action) : ensemble_->act(observation, action, disagreement);
  }
  /// What the next observation of the data follows from is what was recorded, where that is an action of the policy.
  void did(const Demonstrations& data, Index row) {
    if (!session_ || data.discrete != ensemble_->description().discrete) return;
    const Index size = ensemble_->output_size();
    if (data.discrete && data.action_count <= size) session_->did(Index{data.labels[static_cast<std::size_t>(row)]});
    if (data.discrete || data.action_size != size) return;
    session_->did(std::span(data.action_matrix().row(row).data, static_cast<std::size_t>(size)));
  }

 private:
  Ensemble* ensemble_;
  std::unique_ptr<PolicySession> session_;
};

Predictions predict(Ensemble& ensemble, const Demonstrations& data) {
  Predictions result{header(ensemble)};
  const bool several = ensemble.size() > 1, discrete = ensemble.description().discrete;
  std::vector<float> action(static_cast<std::size_t>(ensemble.output_size()));
  std::vector<float> disagreement(static_cast<std::size_t>(ensemble.disagreement_size()));
  const auto out = std::back_inserter(result.csv);
  Predictor predictor(ensemble);
  Index episode = -1;
  for (Index row = 0; row < data.rows(); ++row) {
    if (const Index now = data.episode_of(row); now != episode) {
      episode = now;
      predictor.begin_episode();
    }
    const ConstVector observation = data.observation_matrix().row(row);
    const std::span<const float> values(observation.data, static_cast<std::size_t>(observation.size));
    if (discrete) {
      const Index choice = predictor.choose(values, disagreement.data());
      fmt::format_to(out, "{}", choice);
      result.correct += data.discrete && data.labels[static_cast<std::size_t>(row)] == choice ? 1 : 0;
    } else {
      predictor.act(values, action, disagreement);
      fmt::format_to(out, "{}", fmt::join(action, ","));
      const bool comparable = !data.discrete && data.action_size == ensemble.output_size();
      for (std::size_t c = 0; comparable && c < action.size(); ++c) {
        const double error = action[c] - data.action_matrix().row(row).data[c];
        result.squared_error += error * error;
      }
    }
    predictor.did(data, row);
    if (several) fmt::format_to(out, ",{}", fmt::join(disagreement, ","));
    fmt::format_to(out, "\n");
    for (const float value : disagreement) result.disagreement += value;
  }
  return result;
}

void run(const Request& request) {
  Ensemble policy = Ensemble::load(request.policy, choose_device(request.device));
  const Demonstrations data = load_demonstrations(request.data);
  if (data.observation_size != policy.observation_size()) {
    throw input_error(request.data,
                      "has observations of " + std::to_string(data.observation_size) + " values, the policy takes " +
                          std::to_string(policy.observation_size()),
                      "give data of the task that the policy was trained for");
  }
  if (!request.out.empty()) require_writable(request.out);
  const Predictions predictions = predict(policy, data);
  if (!request.out.empty()) write_file_atomically(request.out, predictions.csv);
  nlohmann::ordered_json object{{"rows", data.rows()}};
  const auto rows = static_cast<double>(data.rows());
  if (policy.description().discrete && data.discrete) {
    object["accuracy"] = static_cast<double>(predictions.correct) / rows;
  } else if (!policy.description().discrete && !data.discrete && data.action_size == policy.output_size()) {
    object["mse"] = predictions.squared_error / rows / static_cast<double>(data.action_size);
  }
  if (policy.size() > 1) {
    object["members"] = policy.size();
    object["disagreement"] = predictions.disagreement / rows / static_cast<double>(policy.disagreement_size());
  }
  if (!request.out.empty()) object["out"] = request.out;
  if (request.json) return print_json(object);
  if (request.out.empty()) {
    std::fputs(predictions.csv.c_str(), stdout);  // main() looks whether it could be written
  } else {
    fmt::print("{} actions in {}\n", data.rows(), request.out);
  }
  if (object.contains("accuracy"))
    fmt::print(stderr, "agrees with the recorded actions in {:.2f} %\n", 100 * object["accuracy"].get<double>());
  if (object.contains("mse"))
    fmt::print(stderr, "mean squared error against the recorded actions: {:.6g}\n", object["mse"].get<double>());
  if (object.contains("disagreement"))
    fmt::print(stderr, "mean disagreement of {} members: {:.6g}\n", policy.size(),
               object["disagreement"].get<double>());
}

}  // namespace

void add_predict(CLI::App& app) {
  CLI::App* command = app.add_subcommand("predict",
                                         "The policy's action for every observation of a file, as CSV on standard "
                                         "output or in --out, and how far they\n"
                                         "are from the actions recorded there. The run of a population gives the mean "
                                         "action of its members and, behind\n"
                                         "it, their disagreement: the standard deviation of each action, or the "
                                         "mutual information in nats. A policy\n"
                                         "with a memory goes through each episode from its beginning; the last "
                                         "actions that it sees are those recorded.");
  const auto request = std::make_shared<Request>();
  command->add_option("policy", request->policy, "Run folder or policy file")->required();
  command->add_option("--data", request->data, "Observations: a file of demonstrations")->required();
  command->add_option("--out", request->out, "CSV file to write");
  command->add_option("--device", request->device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  add_json_flag(*command, request->json);
  command->callback([request] { run(*request); });
}

}  // namespace mynah::program
