#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "algorithms/policy_export.h"
#include "kernels/error.h"
#include "tools/program/command.h"

namespace mynah::program {
namespace {

struct Request {
  std::string policy;
  std::string format = "safetensors";
  std::string out;
  bool json = false;
};

void run(const Request& request) {
  if (request.format != "safetensors") {
    throw input_error("--format " + request.format, "is not a format that mynah exports", "use --format safetensors");
  }
  Policy policy = Policy::load(find_policy(request.policy));
  const SafetensorsFile file = plain_network(policy);
  save_safetensors(request.out, file);
  if (request.json) {
    nlohmann::ordered_json tensors = nlohmann::ordered_json::object();
    for (const NamedTensor& tensor : file.tensors) tensors[tensor.name] = tensor.shape;
    nlohmann::ordered_json object{{"out", request.out}, {"network", file.metadata_at("torch.nn.Sequential")}};
    if (policy.description().head.is_distribution()) object["outputs"] = file.metadata_at("mynah.outputs");
    object["tensors"] = tensors;
    return print_json(object);
  }
  fmt::print("{}: torch.nn.Sequential({})\n", request.out, file.metadata_at("torch.nn.Sequential"));
  if (policy.description().head.is_distribution()) {
    fmt::print("its outputs, of actions in their own units: {}\n", file.metadata_at("mynah.outputs"));
  }
}

}  // namespace

void add_export(CLI::App& app) {
  CLI::App* command = app.add_subcommand("export",
                                         "Write a policy's network for other programs: plain weights under "
                                         "torch.nn.Sequential names, with the normalisation\n"
                                         "of observations and actions folded into the first and last layer. Of a "
                                         "policy with --head gaussian or\n"
                                         "mixture the outputs are the parameters of the actions' distribution.");
  const auto request = std::make_shared<Request>();
  command->add_option("policy", request->policy, "Run folder or policy file")->required();
  command->add_option("--format", request->format, "File format: safetensors")->capture_default_str();
  command->add_option("--out", request->out, "File to write")->required();
  add_json_flag(*command, request->json);
  command->callback([request] { run(*request); });
}

}  // namespace mynah::program
