#include "engine/linear_tuning_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/atomic_file.h"
#include "engine/file_bytes.h"
#include "engine/text_excerpt.h"
#include "kernels/error.h"

// {
//   "format": "mynah linear tuning", "version": 1,
//   "devices": [{
//     "device": "NVIDIA H100 80GB HBM3 (sm_90)",
//     "products": [{"product": "forward", "precision": "float32", "m": 32, "n": 256, "k": 17, "packs": false,
//                   "kernel": "small", "parts": 1, "microseconds": 2.5,
//                   "rule": {"kernel": "small", "parts": 1, "microseconds": 2.5}}]
//   }]
// }

namespace mynah {
namespace {

using Json = nlohmann::ordered_json;
using kernels::LinearKey;
using kernels::Precision;
using kernels::cuda::LinearChoice;

constexpr const char* format_name = "mynah linear tuning";
constexpr int version = 1;
constexpr std::size_t largest_file = std::size_t{1} << 26;
constexpr const char* tune_again = "remove it, or name another file, and measure again with `mynah-operations tune`";

/// Where a reader is: a file, and a place in it such as "devices[0].products[3].kernel".
struct Place {
  std::filesystem::path file;
  std::string field;

  Place inside(const std::string& name) const { return {file, field.empty() ? name : field + "." + name}; }
  Place element(const std::string& name, std::size_t index) const { return inside(fmt::format("{}[{}]", name, index)); }
  [[noreturn]] void refuse(const std::string& problem, const std::string& remedy = tune_again) const {
    throw input_error(file.string() + (field.empty() ? "" : ", " + field), problem, remedy);
  }
};

/// An object of the file whose every field has to be asked for.
class Fields {
 public:
  Fields(const Json& object, Place place) : object_(&object), place_(std::move(place)) {
    if (!object.is_object()) place_.refuse("is not an object");
  }

  const Json& at(const char* name) {
    asked_.insert(name);
    const auto found = object_->find(name);
    if (found == object_->end()) place_.inside(name).refuse("is missing");
    return *found;
  }
  std::string text(const char* name) {
    const Json& value = at(name);
    if (!value.is_string()) place_.inside(name).refuse("is not a text");
    return value.get<std::string>();
  }
  Index count(const char* name) {
    const Json& value = at(name);
    constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < 1 || value.get<std::uint64_t>() > most) {
      place_.inside(name).refuse(fmt::format("is not a whole number from 1 to {}", most));
    }
    return value.get<Index>();
  }
  double microseconds(const char* name) {
    const Json& value = at(name);
    if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < 0.0) {
      place_.inside(name).refuse("is not a time");
    }
    return value.get<double>();
  }
  bool truth(const char* name) {
    const Json& value = at(name);
    if (!value.is_boolean()) place_.inside(name).refuse("is not true or false");
    return value.get<bool>();
  }
  const Json& array(const char* name) {
    const Json& value = at(name);
    if (!value.is_array()) place_.inside(name).refuse("is not an array");
    return value;
  }
  /// One of several names, by its place among them.
  std::size_t one_of(const char* name, const std::vector<std::string>& names) {
    const std::string given = text(name);
    const auto found = std::find(names.begin(), names.end(), given);
    if (found == names.end()) {
      place_.inside(name).refuse(fmt::format("has {}, which this mynah does not know", excerpt(given)),
                                 fmt::format("it knows {}; {}", fmt::join(names, ", "), tune_again));
    }
    return static_cast<std::size_t>(found - names.begin());
  }
  void refuse_others() const {
    for (const auto& [name, value] : object_->items()) {
      if (!asked_.contains(name)) place_.refuse(fmt::format("has a field {}, which there is not", excerpt(name)));
    }
  }
  const Place& place() const { return place_; }

 private:
  const Json* object_;
  Place place_;
  std::set<std::string> asked_;
};

LinearChoice read_choice(Fields& fields) {
  std::vector<std::string> names;
  names.reserve(kernels::cuda::linear_kernels.size());
  for (const auto& kernel : kernels::cuda::linear_kernels) names.emplace_back(kernel.name);
  return {kernels::cuda::linear_kernels.at(fields.one_of("kernel", names)).kernel, fields.count("parts")};
}

Precision read_precision(Fields& fields) {
  constexpr std::array precisions{Precision::float32, Precision::tf32, Precision::bfloat16};
  std::vector<std::string> names;
  names.reserve(precisions.size());
  for (const Precision precision : precisions) names.emplace_back(kernels::precision_name(precision));
  return precisions.at(fields.one_of("precision", names));
}

TunedProduct read_product(const Json& object, const Place& place) {
  Fields fields(object, place);
  TunedProduct result;
  result.key.product = parse_linear_product(fields.text("product"), place.file.string() + ", " + place.field);
  result.key.precision = read_precision(fields);
  result.key.m = fields.count("m");
  result.key.n = fields.count("n");
  result.key.k = fields.count("k");
  result.key.packs = fields.truth("packs");
  result.choice = read_choice(fields);
  result.microseconds = fields.microseconds("microseconds");
  Fields rule(fields.at("rule"), place.inside("rule"));
  result.rule = read_choice(rule);
  result.rule_microseconds = rule.microseconds("microseconds");
  rule.refuse_others();
  fields.refuse_others();
  if (const std::string reason = not_allowed(result.key, result.choice); !reason.empty()) place.refuse(reason);
  return result;
}

LinearTuning read(const Json& json, const Place& place) {
  Fields fields(json, place);
  if (!json.contains("format") || fields.text("format") != format_name) {
    place.refuse("is not a file of measured kernels (its \"format\" says otherwise)", "name another file");
  }
  if (const Index given = fields.count("version"); given > version) {
    place.refuse(fmt::format("was written by a later mynah: version {}, and this one reads {}", given, version),
                 "update mynah, or name another file");
  }
  LinearTuning tuning;
  const Json& devices = fields.array("devices");
  fields.refuse_others();
  for (std::size_t d = 0; d < devices.size(); ++d) {
    Fields device(devices[d], place.element("devices", d));
    const std::string name = device.text("device");
    const Json& products = device.array("products");
    device.refuse_others();
    const auto [entry, is_new] = tuning.try_emplace(name);
    if (!is_new) device.place().refuse(fmt::format("is the second entry for {}", excerpt(name)));
    std::set<LinearKey> seen;
    for (std::size_t p = 0; p < products.size(); ++p) {
      const Place here = device.place().element("products", p);
      entry->second.push_back(read_product(products[p], here));
      const LinearKey& key = entry->second.back().key;
      if (!seen.insert(key).second) here.refuse("is the second entry for " + linear_key_text(key));
    }
  }
  return tuning;
}

Json choice_json(const LinearChoice& choice, double microseconds) {
  return {{"kernel", kernels::cuda::traits_of(choice.kernel).name},
          {"parts", choice.parts},
          {"microseconds", microseconds}};
}

Json product_json(const TunedProduct& one) {
  Json json{{"product", linear_product_name(one.key.product)},
            {"precision", kernels::precision_name(one.key.precision)},
            {"m", one.key.m},
            {"n", one.key.n},
            {"k", one.key.k},
            {"packs", one.key.packs}};
  json.update(choice_json(one.choice, one.microseconds));
  json["rule"] = choice_json(one.rule, one.rule_microseconds);
  return json;
}

}  // namespace

LinearTuning load_linear_tuning(const std::filesystem::path& path) {
  const std::string bytes = read_file_bytes(path, largest_file);
  const Place place{path, ""};
  Json json;
  try {
    json = Json::parse(bytes);
  } catch (const Json::parse_error& error) {
    const std::size_t end = std::min(error.byte, bytes.size());
    const auto line = 1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    throw input_error(fmt::format("{}, line {}", path.string(), line), "is not JSON, or ends too early", tune_again);
  }
  return read(json, place);
}

void save_linear_tuning(const std::filesystem::path& path, const LinearTuning& tuning) {
  Json devices = Json::array();
  for (const auto& [name, products] : tuning) {
    Json device{{"device", name}, {"products", Json::array()}};
    for (const TunedProduct& one : products) device["products"].push_back(product_json(one));
    devices.push_back(std::move(device));
  }
  const Json json{{"format", format_name}, {"version", version}, {"devices", std::move(devices)}};
  std::error_code ignored;  // AtomicFile says what is wrong with the folder
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  write_file_atomically(path, json.dump(1) + "\n");
}

}  // namespace mynah
