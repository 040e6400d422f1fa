#include "tests/operations/registry.h"

#include <algorithm>
#include <array>

#include "tests/every_device.h"

namespace mynah::tests {
namespace {

const char* const subjects_of_headers[] = {
#include "declared_subjects.inc"
};

}  // namespace

const char* aspect_name(Aspect aspect) {
  static constexpr std::array names{"parity", "gradient", "tangent", "pytorch", "speed"};
  return names.at(static_cast<std::size_t>(aspect));
}

Registry& registry() {
  static Registry one;
  return one;
}

std::vector<std::string> declared_subjects() {
  return {std::begin(subjects_of_headers), std::end(subjects_of_headers)};
}

Family::Family(std::string name, const std::function<void(Family&)>& fill) : name_(std::move(name)) {
  fill(*this);
}

void Family::operation(const std::string& operation, const std::string& shape, std::function<void(Parity&)> describe,
                       kernels::Precision precision) {
  speed(operation, shape, describe, precision);
  parity(operation, shape, std::move(describe), precision);
}

void Family::speed(const std::string& operation, const std::string& shape, std::function<void(Parity&)> describe,
                   kernels::Precision precision) {
  registry().checks.push_back({Aspect::speed, {operation}, shape, precision, std::move(describe), {}});
}

void Family::parity(const std::string& operation, const std::string& shape, std::function<void(Parity&)> describe,
                    kernels::Precision precision) {
  registry().checks.push_back({Aspect::parity, {operation}, shape, precision, std::move(describe), {}});
}

void Family::gradient(std::vector<std::string> subjects, const std::string& shape,
                      const std::function<Differentiable()>& make) {
  check(Aspect::gradient, subjects, shape, [make] { expect_gradient(make()); });
  if (make().tangent == nullptr) return;  // nothing to count
  check(Aspect::tangent, std::move(subjects), shape, [make] { expect_tangent(make()); });
}

void Family::check(Aspect aspect, std::vector<std::string> subjects, const std::string& name,
                   std::function<void()> run) {
  registry().checks.push_back({aspect, std::move(subjects), name, kernels::Precision::float32, {}, std::move(run)});
}

void Family::pytorch(const std::vector<std::string>& subjects, const std::string& name,
                     const std::function<void(PyTorchCase&)>& compare) {
  const std::string path = std::string(MYNAH_SOURCE_DIR) + "/tests/pytorch/dumps/" + name_ + ".safetensors";
  for (const Backend backend : {Backend::cpu, Backend::cuda}) {
    const std::string on = backend == Backend::cpu ? "cpu" : "cuda";
    check(Aspect::pytorch, subjects, std::string(name).append(" on ").append(on), [=] {
      const auto devices = list_devices();
      const auto device =
          std::find_if(devices.begin(), devices.end(), [&](const auto& one) { return one.id.backend == backend; });
      if (device == devices.end()) GTEST_SKIP() << "no CUDA device here (" << cuda_unavailable_reason() << "): skipped";
      const SafetensorsFile file = load_safetensors(path);
      Stream stream(device->id);
      PyTorchCase one(stream, file, name);
      compare(one);
    });
  }
}

void Family::without(const char* subject, Aspect aspect, const std::string& reason) {
  registry().reasons[{subject, aspect}] = reason;
}

void Family::without(const std::vector<std::string>& subjects, const std::vector<Aspect>& aspects,
                     const std::string& reason) {
  for (const std::string& subject : subjects) {
    for (const Aspect aspect : aspects) without(subject.c_str(), aspect, reason);
  }
}

}  // namespace mynah::tests
