#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "kernels/device.h"
#include "tools/program/command.h"

namespace mynah::program {
namespace {

void print_devices(bool json) {
  const auto devices = list_devices();
  const std::string reason = cuda_unavailable_reason();
  if (json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& device : devices) {
      const bool cuda = device.id.backend == Backend::cuda;
      list.push_back({{"device", cuda ? fmt::format("cuda:{}", device.id.ordinal) : "cpu"},
                      {"name", device.name},
                      {"memory_bytes", device.memory_bytes}});
    }
    nlohmann::ordered_json object{{"devices", list}};
    if (!reason.empty()) object["no_cuda_because"] = reason;
    return print_json(object);
  }
  for (const auto& device : devices) {
    const bool cuda = device.id.backend == Backend::cuda;
    fmt::print("{:8} {}", cuda ? fmt::format("cuda:{}", device.id.ordinal) : "cpu", device.name);
    if (device.memory_bytes > 0) fmt::print(", {:.1f} GiB", static_cast<double>(device.memory_bytes) / (1 << 30));
    fmt::print("\n");
  }
  if (!reason.empty()) fmt::print("no CUDA device: {}\n", reason);
  fmt::print("`--device auto` uses {}\n", devices.back().name);
}

}  // namespace

void add_devices(CLI::App& app) {
  CLI::App* command = app.add_subcommand("devices", "List the devices that networks can run on");
  const auto json = std::make_shared<bool>(false);
  add_json_flag(*command, *json);
  command->callback([json] { print_devices(*json); });
}

}  // namespace mynah::program
