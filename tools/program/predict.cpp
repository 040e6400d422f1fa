#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "algorithms/policy_export.h"
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
};

std::string header(const Policy& policy) {
  const PolicyDescription& description = policy.description();
  if (description.discrete) return "action\n";
  std::string line;
  for (Index c = 0; c < policy.output_size(); ++c) {
    line += (c == 0 ? "" : ",") + (description.action_names.empty()
                                       ? "action_" + std::to_string(c)
                                       : description.action_names[static_cast<std::size_t>(c)]);
  }
  return line + "\n";
}

Predictions predict(Policy& policy, const Demonstrations& data) {
  Predictions result{header(policy)};
  std::vector<float> action(static_cast<std::size_t>(policy.output_size()));
  for (Index row = 0; row < data.rows(); ++row) {
    const ConstVector observation = data.observation_matrix().row(row);
    const std::span<const float> values(observation.data, static_cast<std::size_t>(observation.size));
    if (policy.description().discrete) {
      const Index choice = policy.choose(values);
      fmt::format_to(std::back_inserter(result.csv), "{}\n", choice);
      result.correct += data.discrete && data.labels[static_cast<std::size_t>(row)] == choice ? 1 : 0;
      continue;
    }
    policy.act(values, action);
    fmt::format_to(std::back_inserter(result.csv), "{}\n", fmt::join(action, ","));
    if (data.discrete || data.action_size != policy.output_size()) continue;
    for (std::size_t c = 0; c < action.size(); ++c) {
      const double error = action[c] - data.action_matrix().row(row).data[c];
      result.squared_error += error * error;
    }
  }
  return result;
}

void run(const Request& request) {
  Policy policy = Policy::load(find_policy(request.policy), choose_device(request.device));
  const Demonstrations data = load_demonstrations(request.data);
  if (data.observation_size != policy.observation_size()) {
    throw input_error(request.data,
                      "has observations of " + std::to_string(data.observation_size) + " values, the policy takes " +
                          std::to_string(policy.observation_size()),
                      "give data of the task that the policy was trained for");
  }
  const Predictions predictions = predict(policy, data);
  if (!request.out.empty()) write_file_atomically(request.out, predictions.csv);
  nlohmann::ordered_json object{{"rows", data.rows()}};
  const auto rows = static_cast<double>(data.rows());
  if (policy.description().discrete && data.discrete) {
    object["accuracy"] = static_cast<double>(predictions.correct) / rows;
  } else if (!policy.description().discrete && !data.discrete && data.action_size == policy.output_size()) {
    object["mse"] = predictions.squared_error / rows / static_cast<double>(data.action_size);
  }
  if (!request.out.empty()) object["out"] = request.out;
  if (request.json) return print_json(object);
  if (request.out.empty()) {
    fmt::print("{}", predictions.csv);
  } else {
    fmt::print("{} actions in {}\n", data.rows(), request.out);
  }
  if (object.contains("accuracy"))
    fmt::print(stderr, "agrees with the recorded actions in {:.2f} %\n", 100 * object["accuracy"].get<double>());
  if (object.contains("mse"))
    fmt::print(stderr, "mean squared error against the recorded actions: {:.6g}\n", object["mse"].get<double>());
}

}  // namespace

void add_predict(CLI::App& app) {
  CLI::App* command = app.add_subcommand("predict",
                                         "The policy's action for every observation of a file, as CSV on standard "
                                         "output or in --out, and how far they are\n"
                                         "from the actions recorded there.");
  const auto request = std::make_shared<Request>();
  command->add_option("policy", request->policy, "Run folder or policy file")->required();
  command->add_option("--data", request->data, "Observations: a file of demonstrations")->required();
  command->add_option("--out", request->out, "CSV file to write");
  command->add_option("--device", request->device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  add_json_flag(*command, request->json);
  command->callback([request] { run(*request); });
}

}  // namespace mynah::program
