#include "engine/linear_tuning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/linear_tuning_file.h"
#include "engine/nearest_name.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using kernels::LinearKey;
using kernels::cuda::LinearChoice;
using kernels::cuda::LinearProduct;

constexpr std::array products{LinearProduct::forward, LinearProduct::input_gradient, LinearProduct::weight_gradient};

std::string environment(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

}  // namespace

std::filesystem::path linear_tuning_cache() {
  std::filesystem::path folder = environment("XDG_CACHE_HOME");
  if (folder.empty()) {
    const std::string home = environment("HOME");
    if (home.empty()) {
      throw input_error("linear_tuning.json", "neither XDG_CACHE_HOME nor HOME says where it should be",
                        "name a file, with --file or MYNAH_TUNING");
    }
    folder = std::filesystem::path(home) / ".cache";
  }
  return folder / "mynah" / "linear_tuning.json";
}

void update_linear_tuning(const std::filesystem::path& path, const std::string& device,
                          const std::vector<TunedProduct>& tuned) {
  LinearTuning tuning;
  if (std::filesystem::exists(path)) tuning = load_linear_tuning(path);
  std::vector<TunedProduct>& of_device = tuning[device];
  for (const TunedProduct& one : tuned) {
    std::erase_if(of_device, [&](const TunedProduct& earlier) { return earlier.key == one.key; });
    of_device.push_back(one);
  }
  save_linear_tuning(path, tuning);
}

void use_linear_tuning(const std::filesystem::path& path) {
  const LinearTuning tuning = load_linear_tuning(path);
  kernels::forget_linear_choices();
  for (const DeviceDescription& device : list_devices()) {
    if (device.id.backend != Backend::cuda) continue;
    std::vector<kernels::TunedLinear> choices;
    if (const auto found = tuning.find(device.name); found != tuning.end()) {
      choices.reserve(found->second.size());
      for (const TunedProduct& one : found->second) choices.push_back({one.key, one.choice});
    }
    kernels::use_linear_choices(device.id, std::move(choices), path.string());
  }
}

std::filesystem::path use_linear_tuning_named(const std::string& name) {
  if (name == "off") {
    kernels::forget_linear_choices();
    return {};
  }
  std::filesystem::path path = name == "on" ? linear_tuning_cache() : std::filesystem::path(name);
  use_linear_tuning(path);
  return path;
}

std::string linear_tuning_of_environment() {
  return environment("MYNAH_TUNING");
}

std::filesystem::path use_linear_tuning_of_environment() {
  const std::string name = linear_tuning_of_environment();
  return name.empty() ? std::filesystem::path{} : use_linear_tuning_named(name);
}

std::string linear_product_name(LinearProduct product) {
  switch (product) {
    case LinearProduct::forward:
      return "forward";
    case LinearProduct::input_gradient:
      return "input_gradient";
    case LinearProduct::weight_gradient:
      return "weight_gradient";
  }
  throw Error(Error::Cause::internal, "linear product", "one that is not known");
}

LinearProduct parse_linear_product(const std::string& name, const std::string& place) {
  std::vector<std::string> names;
  names.reserve(products.size());
  for (const LinearProduct product : products) {
    names.push_back(linear_product_name(product));
    if (name == names.back()) return product;
  }
  throw input_error(place, fmt::format("there is no product '{}'", name),
                    fmt::format("products are {}", fmt::join(names, ", ")));
}

std::string linear_key_text(const LinearKey& key) {
  return fmt::format("{} {} x {} x {} {}{}", linear_product_name(key.product), key.m, key.n, key.k,
                     kernels::precision_name(key.precision), key.packs ? "" : " unaligned");
}

std::string linear_choice_text(const LinearChoice& choice) {
  const char* const name = kernels::cuda::traits_of(choice.kernel).name;
  return choice.parts == 1 ? name : fmt::format("{} in {} parts", name, choice.parts);
}

}  // namespace mynah
