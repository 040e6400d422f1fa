#include "bench/mynah_bench/workload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "algorithms/tasks/task.h"
#include "engine/nearest_name.h"
#include "kernels/error.h"

namespace mynah::bench {
namespace {

using kernels::Precision;

constexpr std::array task_names{"training", "inference", "product", "adam", "layer", "episodes"};
constexpr std::array losses{Loss::mse,
                            Loss::l1,
                            Loss::huber,
                            Loss::binary_cross_entropy,
                            Loss::hinge,
                            Loss::wasserstein,
                            Loss::softmax_cross_entropy,
                            Loss::gaussian_likelihood};

std::string joined(const std::vector<Index>& layers) {
  return fmt::format("{}", fmt::join(layers, "-"));
}

Workload training(const std::string& group, const std::vector<Index>& layers, Index batch,
                  std::optional<double> target = {}) {
  Workload workload;
  workload.name = "train-" + joined(layers);
  workload.groups = {group};
  workload.layers = layers;
  workload.batch = batch;
  workload.target_on_cpu = target;
  return workload;
}

Workload inference(const std::vector<Index>& layers, Index batch) {
  Workload workload;
  workload.name = fmt::format("infer-{}-b{}", joined(layers), batch);
  workload.groups = {"inference"};
  workload.task = Task::inference;
  workload.layers = layers;
  workload.batch = batch;
  return workload;
}

Workload population(const std::vector<Index>& layers, Index batch, Index members) {
  Workload workload = training("populations", layers, batch);
  workload.name = fmt::format("population-{}-x{}", joined(layers), members);
  workload.members = members;
  return workload;
}

Workload product(Precision precision) {
  Workload workload;
  workload.name = std::string("product-") + kernels::precision_name(precision);
  workload.groups = {"products"};
  workload.task = Task::product;
  workload.precision = precision;
  workload.size = 4096;
  workload.cpu_size = 1024;
  return workload;
}

Workload layer(const std::string& group, const std::string& name, const std::string& text, Index batch) {
  Workload workload;
  workload.name = fmt::format("{}-b{}", name, batch);
  workload.groups = {group};
  workload.task = Task::layer;
  workload.layer = text;
  workload.batch = batch;
  return workload;
}

/// "CartPole-v1" is called "cartpole".
Workload episodes(const std::string& environment) {
  Workload workload;
  for (const char c : environment.substr(0, environment.rfind("-v"))) {
    workload.name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  workload.groups = {"tasks"};
  workload.task = Task::episodes;
  workload.environment = environment;
  workload.batch = 4096;
  return workload;
}

void add_layers(std::vector<Workload>& all) {
  // The generator and the discriminator of a DCGAN for images of 28x28.
  const std::pair<const char*, const char*> dcgan[] = {
      {"generator-1", "conv_transpose2d:in=64,height=1,width=1,out=128,kernel=7"},
      {"generator-2", "conv_transpose2d:in=128,height=7,width=7,out=64,kernel=4,stride=2,padding=1"},
      {"generator-3", "conv_transpose2d:in=64,height=14,width=14,out=1,kernel=4,stride=2,padding=1"},
      {"discriminator-1", "conv2d:in=1,height=28,width=28,out=64,kernel=4,stride=2,padding=1"},
      {"discriminator-2", "conv2d:in=64,height=14,width=14,out=128,kernel=4,stride=2,padding=1"},
      {"discriminator-3", "conv2d:in=128,height=7,width=7,out=1,kernel=7"},
  };
  for (const Index batch : {1, 16, 64, 128}) {
    all.push_back(layer("dcgan", "dcgan-step", "dcgan_step", batch));
    for (const auto& [name, text] : dcgan)
      all.push_back(layer("dcgan-layers", std::string("dcgan-") + name, text, batch));
  }
  for (const Index batch : {1, 16, 64}) {
    all.push_back(layer("layers", "gru", "gru:steps=20,features=32,hidden=64", batch));
  }
  for (const auto& [rows, columns] : {std::pair{32, 64}, {64, 256}, {256, 1024}}) {
    all.push_back(
        layer("layers", fmt::format("layer-norm-{}", columns), fmt::format("layer_norm:columns={}", columns), rows));
  }
  for (const auto& [rows, classes] : {std::pair{64, 10}, {64, 1000}, {256, 64}}) {
    all.push_back(layer("layers", fmt::format("softmax-cross-entropy-{}", classes),
                        fmt::format("softmax_cross_entropy:classes={}", classes), rows));
  }
  for (const char* activation : {"relu", "gelu"}) {
    all.push_back(layer("layers", std::string("linear-256-256-") + activation,
                        std::string("linear:in=256,out=256,activation=") + activation, 64));
  }
  for (const char* activation : {"relu", "leaky_relu", "tanh", "sigmoid", "elu", "gelu", "silu", "softplus"}) {
    all.push_back(layer("layers", std::string(activation) + "-1024",
                        std::string("nonlinearity:columns=1024,activation=") + activation, 64));
  }
}

std::vector<Workload> make_catalogue() {
  const std::vector<Workload> steps{
      training("training", {17, 256, 6}, 32, 20.0),
      training("training", {11, 256, 256, 3}, 256, 1.45),
      training("training", {376, 400, 300, 17}, 256, 1.3),
      training("training", {111, 1024, 1024, 8}, 1024, 1.08),
  };
  std::vector<Workload> all = steps;
  all.push_back(training("gpu-training", {17, 64, 64, 6}, 256));
  all.push_back(training("gpu-training", {17, 256, 256, 6}, 256));
  all.push_back(training("gpu-training", {111, 1024, 1024, 8}, 4096));
  all.back().name += "-tf32";
  all.back().precision = Precision::tf32;
  for (const Index batch : {1, 65536}) {
    for (const Workload& step : steps) all.push_back(inference(step.layers, batch));
  }
  all.push_back(population({17, 256, 6}, 32, 64));
  all.push_back(population({17, 64, 64, 6}, 256, 1024));
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16}) {
    all.push_back(product(precision));
  }
  Workload adam;
  adam.name = "adam";
  adam.groups = {"optimizers"};
  adam.task = Task::adam;
  adam.size = 100'000'000;
  adam.cpu_size = 10'000'000;
  all.push_back(adam);
  add_layers(all);
  for (const std::string& environment : mynah::task_names()) all.push_back(episodes(environment));
  return all;
}

}  // namespace

std::string Workload::text() const {
  std::string text;
  switch (task) {
    case Task::training:
      text = joined(layers) + fmt::format(", batch {}", batch);
      if (members > 1) text = fmt::format("{} networks ", members) + text;
      if (loss != Loss::mse) text += ", " + loss_name(loss);
      if (optimizer != "adam") text += ", " + optimizer;
      break;
    case Task::inference:
      text = "inference " + joined(layers) + fmt::format(", batch {}", batch);
      break;
    case Task::product:
      text = fmt::format("product {0} x {0} x {0}, bias, ReLU", size);
      break;
    case Task::adam:
      text = size % 1'000'000 == 0 ? fmt::format("Adam, {} million parameters", size / 1'000'000)
                                   : fmt::format("Adam, {} parameters", size);
      break;
    case Task::layer:
      text = layer + fmt::format(", batch {}", batch);
      break;
    case Task::episodes:
      text = fmt::format("a step of {}, {} copies", environment, batch);
      break;
  }
  if ((task == Task::training || task == Task::inference) && activation != "relu") text += ", " + activation;
  if (precision != Precision::float32) text += std::string(", ") + kernels::precision_name(precision);
  return text;
}

nlohmann::ordered_json Workload::to_json() const {
  nlohmann::ordered_json object{{"name", name}, {"text", text()}, {"task", task_names[static_cast<std::size_t>(task)]}};
  if (!layers.empty()) object["layers"] = layers;
  if (task == Task::layer) object["layer"] = layer;
  if (task == Task::episodes) object["environment"] = environment;
  if (task != Task::product && task != Task::adam) object["batch"] = batch;
  if (task == Task::product || task == Task::adam) object["size"] = size;
  if (task == Task::training) {
    object["members"] = members;
    object["loss"] = loss_name(loss);
    object["optimizer"] = optimizer;
  }
  if (task == Task::training || task == Task::inference) object["activation"] = activation;
  object["precision"] = kernels::precision_name(precision);
  if (target_on_cpu) object["target_on_cpu"] = *target_on_cpu;
  return object;
}

const std::vector<Workload>& catalogue() {
  static const std::vector<Workload> all = make_catalogue();
  return all;
}

void refuse_name(const std::string& place, const std::string& given, const std::string& kind,
                 const std::vector<std::string>& known) {
  const std::string nearest = nearest_name(given, known);
  throw input_error(
      place, fmt::format("there is no {} '{}'", kind, given),
      nearest.empty() ? fmt::format("one of: {}", fmt::join(known, ", ")) : fmt::format("did you mean '{}'?", nearest));
}

std::vector<Workload> find_workloads(const std::vector<std::string>& names) {
  std::vector<Workload> chosen;
  for (const std::string& name : names) {
    const std::size_t before = chosen.size();
    std::vector<std::string> known;
    for (const Workload& one : catalogue()) {
      known.push_back(one.name);
      known.insert(known.end(), one.groups.begin(), one.groups.end());
      const bool in_group = std::find(one.groups.begin(), one.groups.end(), name) != one.groups.end();
      if (one.name == name || in_group || name == "everything") chosen.push_back(one);
    }
    if (chosen.size() == before) {
      const std::string nearest = nearest_name(name, known);
      throw input_error("WORKLOAD", fmt::format("there is no workload or group '{}'", name),
                        (nearest.empty() ? "" : "did you mean '" + nearest + "'? ") + "see `mynah-bench list`");
    }
  }
  return chosen;
}

std::vector<Index> parse_shape(const std::string& text) {
  std::vector<Index> sizes;
  const auto wrong = [&] {
    return input_error("--shape", "'" + text + "' is no shape of a network",
                       "give sizes of 1 and more, the input's first, such as 17-256-6");
  };
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('-', begin), text.size());
    const std::string size = text.substr(begin, end - begin);
    if (size.empty() || size.size() > 7 ||
        !std::all_of(size.begin(), size.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      throw wrong();
    }
    sizes.push_back(std::stoll(size));
    if (sizes.back() < 1) throw wrong();
    begin = end + 1;
  }
  if (sizes.size() < 2) throw wrong();
  return sizes;
}

Loss parse_loss(const std::string& name) {
  std::vector<std::string> known;
  for (const Loss loss : losses) {
    known.push_back(loss_name(loss));
    if (name == known.back()) return loss;
  }
  refuse_name("--loss", name, "loss", known);
}

void check_optimizer(const std::string& name) {
  const std::vector<std::string> known{"adam", "adamw", "sgd", "rmsprop"};
  if (std::find(known.begin(), known.end(), name) == known.end()) refuse_name("--optimizer", name, "optimizer", known);
}

}  // namespace mynah::bench
