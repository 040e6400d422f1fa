// `mynah-bench list`: workloads, paths, devices and peers of this machine, and how to get what is missing.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/mynah_bench/commands.h"
#include "bench/mynah_bench/peer.h"
#include "kernels/device.h"
#include "kernels/error.h"

namespace mynah::bench {
namespace {

using Json = nlohmann::ordered_json;

Json list_peers() {
  Json peers = Json::object();
  const bool cuda = list_devices().back().id.backend == Backend::cuda;
  for (const std::string& name : peer_names()) {
    if (is_library(name)) {
      const std::string version = library_version(name);
      peers[name] = version.empty()
                        ? Json{{"missing", "it is not in this build"},
                               {"get", "install it with its headers beside the CUDA toolkit, and build again"}}
                        : Json{{"version", version}};
      continue;
    }
    try {
      peers[name] = {{"version", Peer(name, {cuda ? Backend::cuda : Backend::cpu}).version()}};
    } catch (const Error& error) {
      peers[name] = {{"missing", error.problem()}, {"get", error.remedy()}};
    }
  }
  return peers;
}

void print_text(const Json& all) {
  std::printf("workloads (name, groups, what it is):\n");
  for (const Json& one : all.at("workloads")) {
    fmt::print("  {:32} {:14} {}\n", one.at("name").get<std::string>(),
               fmt::join(one.at("groups").get<std::vector<std::string>>(), ","), one.at("text").get<std::string>());
  }
  std::printf("everything is the group of all of them; or by shape: see `mynah-bench run --help`\n\ndevices:\n");
  for (const Json& one : all.at("devices")) {
    fmt::print("  {:6} {}; paths of training: {}\n", one.at("device").get<std::string>(),
               one.at("name").get<std::string>(), fmt::join(one.at("paths").get<std::vector<std::string>>(), ", "));
  }
  if (all.contains("no_cuda_because"))
    fmt::print("  no CUDA device: {}\n", all.at("no_cuda_because").get<std::string>());
  std::printf("\npeers:\n");
  for (const auto& [name, about] : all.at("peers").items()) {
    fmt::print("  {:15} {}\n", name,
               about.contains("version") ? about.at("version").get<std::string>()
                                         : fmt::format("missing: {}; {}", about.at("missing").get<std::string>(),
                                                       about.at("get").get<std::string>()));
  }
}

void list(bool json) {
  Json all{{"workloads", Json::array()}, {"devices", Json::array()}};
  for (const Workload& one : catalogue()) {
    Json entry = one.to_json();
    entry["groups"] = one.groups;
    all["workloads"].push_back(entry);
  }
  Workload training;
  for (const DeviceDescription& device : list_devices()) {
    std::vector<std::string> paths{path_name(Path::automatic)};
    for (const Path path : paths_of(training, device.id.backend)) paths.push_back(path_name(path));
    all["devices"].push_back(
        {{"device", device.id.backend == Backend::cpu ? "cpu" : "cuda"}, {"name", device.name}, {"paths", paths}});
  }
  if (const std::string reason = cuda_unavailable_reason(); !reason.empty()) all["no_cuda_because"] = reason;
  all["peers"] = list_peers();
  if (json) {
    std::printf("%s\n", all.dump().c_str());
  } else {
    print_text(all);
  }
}

}  // namespace

void add_list(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("list", "Workloads, devices, paths and peers, and how to get those that are missing");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print one JSON object on standard output");
  command->callback([json] { list(*json); });
}

}  // namespace mynah::bench
