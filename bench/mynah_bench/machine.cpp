#include "bench/mynah_bench/machine.h"

#include <sched.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>

#include "engine/device.h"
#include "kernels/error.h"
#include "kernels/linear_tuning.h"
#include "kernels/processor.h"

namespace mynah::bench {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  const std::size_t last = text.find_last_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

/// "AMD EPYC (family 25 model 1)".
std::string processor() {
  std::map<std::string, std::string> facts;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line) && !line.empty();) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    facts[trimmed(line.substr(0, colon))] = colon < line.size() ? trimmed(line.substr(colon + 1)) : "";
  }
  std::string name = facts["model name"];
  if (name.empty()) return "a processor without a name";
  if (!facts["cpu family"].empty()) name += " (family " + facts["cpu family"] + " model " + facts["model"] + ")";
  return name;
}

std::string nvidia_driver() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  std::smatch found;
  if (std::getline(file, line) && std::regex_search(line, found, std::regex(R"( (\d+\.\d+(\.\d+)?) )")))
    return found[1];
  return {};
}

}  // namespace

nlohmann::ordered_json describe_machine(const std::vector<DeviceId>& devices) {
  nlohmann::ordered_json machine{{"processor", processor()},
                                 {"cores", std::thread::hardware_concurrency()},
                                 {"instructions", kernels::processor_target_name()}};
  for (const DeviceId device : devices) {
    if (device.backend != Backend::cuda) continue;
    machine["gpu"] = device_name(device);
    machine["driver"] = nvidia_driver();
    machine["cuda"] = MYNAH_CUDA_VERSION;
    const std::string tuning = kernels::linear_choices_origin(device);
    if (!tuning.empty()) machine["measured_kernels"] = tuning;
    break;
  }
  return machine;
}

std::string utc_time() {
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::string text(32, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
  return text;
}

void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (core >= 0 && core < CPU_SETSIZE) CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) {
    throw input_error("--core", "cannot run on core " + std::to_string(core));
  }
}

int last_core() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  int last = 0;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) last = core;
  }
  return last;
}

}  // namespace mynah::bench
