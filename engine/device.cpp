#include "engine/device.h"

#include <algorithm>
#include <charconv>

#include "kernels/error.h"

namespace mynah {
namespace {

Error no_such_device(std::string_view request, const std::string& reason) {
  return input_error("--device " + std::string(request), reason,
                     "use `--device cpu` or `--device auto`; `mynah devices` lists what is there");
}

}  // namespace

DeviceId choose_device(std::string_view request) {
  if (request == "cpu") return {Backend::cpu, 0};
  const auto devices = list_devices();
  const auto first_gpu =
      std::find_if(devices.begin(), devices.end(), [](const auto& d) { return d.id.backend == Backend::cuda; });
  if (request == "auto") return first_gpu == devices.end() ? DeviceId{} : first_gpu->id;
  if (!request.starts_with("cuda")) throw no_such_device(request, "not a device: known are auto, cpu, cuda and cuda:N");
  if (first_gpu == devices.end()) throw no_such_device(request, "no CUDA device (" + cuda_unavailable_reason() + ")");
  int ordinal = 0;
  if (request != "cuda") {
    const std::string_view digits = request.substr(std::min<std::size_t>(5, request.size()));
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
    if (request[4] != ':' || failure != std::errc{} || end != digits.data() + digits.size() || digits.empty()) {
      throw no_such_device(request, "not a device: known are auto, cpu, cuda and cuda:N");
    }
  }
  const DeviceId id{Backend::cuda, ordinal};
  if (std::none_of(devices.begin(), devices.end(), [&](const auto& d) { return d.id == id; })) {
    throw no_such_device(request, "this machine has no CUDA device " + std::to_string(ordinal));
  }
  return id;
}

std::string device_name(DeviceId device) {
  for (const auto& one : list_devices()) {
    if (one.id == device) return one.name;
  }
  return "unknown device";
}

}  // namespace mynah
