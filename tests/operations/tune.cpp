#include "tests/operations/tune.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/atomic_file.h"
#include "engine/device.h"
#include "engine/precision_option.h"
#include "kernels/error.h"
#include "tests/cuda_schedule.h"
#include "tests/operations/rivals/rivals.h"
#include "tests/operations/tuner.h"

namespace mynah::tests {
namespace {

using kernels::cuda::LinearProduct;

struct Options {
  std::string shapes, network, product = "all", device = "cuda", cache = "cold", file, json;
  std::vector<std::string> precisions{"float32"};
  Index batch = 32;
  int rounds = 7;
};

void declare(CLI::App& command, Options& o) {
  command.add_option("--shape", o.shapes,
                     "Layers, as rows,inputs,outputs with semicolons between them, such as \"32,17,256;32,256,6\"");
  command.add_option("--network", o.network, "All layers of a perceptron of these sizes, such as 17-256-6");
  command.add_option("--batch", o.batch, "Rows of --network (default 32)");
  command.add_option("--product", o.product,
                     "forward, input_gradient, weight_gradient, or all (default), which for a network leaves out the "
                     "gradient of its input");
  command.add_option("--precision", o.precisions, "float32 (default), tf32, bfloat16, with commas between them")
      ->delimiter(',');
  command.add_option("--device", o.device, "cuda (default) or cuda:N");
  command
      .add_option("--cache", o.cache,
                  "cold (default): operands change from call to call, so that a cache does not hold them; hot: always "
                  "the same ones, as in a small network, whose values stay in the cache from layer to layer")
      ->check(CLI::IsMember({"cold", "hot"}));
  command.add_option("--rounds", o.rounds, "In which the contestants take turns; medians are taken (default 7)")
      ->check(CLI::Range(5, 1000));
  command.add_option("--file", o.file,
                     "Keeps the choices, beside those for other devices and products (default "
                     "$XDG_CACHE_HOME/mynah/linear_tuning.json or ~/.cache/mynah/linear_tuning.json)");
  command.add_option("--json", o.json, "Writes the report, every contestant of it, to this file as well");
}

/// Whole numbers above 0 with `separator` between them, or an error.
std::vector<Index> sizes_of(const std::string& text, char separator, const char* option, const char* example) {
  std::vector<Index> sizes;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    Index& size = sizes.emplace_back();
    const auto [stop, error] = std::from_chars(at, end, size);
    const bool fits = error == std::errc{} && size >= 1 && size <= 1'000'000'000 && (stop == end || *stop == separator);
    if (!fits) {
      throw input_error(option, fmt::format("'{}' is not a list of whole numbers above 0", text),
                        fmt::format("write {}", example));
    }
    if (stop == end) return sizes;
    at = stop + 1;
  }
}

void add_product(std::vector<LayerProduct>& all, const LayerProduct& one) {
  if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
}

void add_layer(std::vector<LayerProduct>& all, const Options& o, Index rows, Index inputs, Index outputs, bool first) {
  const bool every = o.product == "all";
  for (const std::string& name : o.precisions) {
    const kernels::Precision precision = parse_precision(name);
    for (const LinearProduct product :
         {LinearProduct::forward, LinearProduct::input_gradient, LinearProduct::weight_gradient}) {
      const bool unwanted = every && first && product == LinearProduct::input_gradient;
      const bool wanted = every || product == parse_linear_product(o.product, "--product");
      if (wanted && !unwanted) add_product(all, {product, precision, rows, inputs, outputs});
    }
  }
}

std::vector<LayerProduct> products_of(const Options& o) {
  constexpr const char* example = "rows,inputs,outputs, such as --shape 32,17,256";
  std::vector<LayerProduct> all;
  for (std::size_t at = 0; !o.shapes.empty() && at <= o.shapes.size();) {
    const std::size_t end = std::min(o.shapes.find(';', at), o.shapes.size());
    const std::vector<Index> sizes = sizes_of(o.shapes.substr(at, end - at), ',', "--shape", example);
    if (sizes.size() != 3) throw input_error("--shape", "a layer has three sizes", fmt::format("write {}", example));
    add_layer(all, o, sizes[0], sizes[1], sizes[2], false);
    at = end + 1;
  }
  if (!o.network.empty()) {
    const std::vector<Index> sizes = sizes_of(o.network, '-', "--network", "its sizes, such as --network 17-256-6");
    if (sizes.size() < 2) throw input_error("--network", "has no layer", "write its sizes, such as 17-256-6");
    if (o.batch < 1) throw input_error("--batch", fmt::format("{} is below 1", o.batch), "give a number of rows");
    for (std::size_t i = 1; i < sizes.size(); ++i) add_layer(all, o, o.batch, sizes[i - 1], sizes[i], i == 1);
  }
  if (all.empty()) throw input_error("tune", "no product was given", "give --shape or --network; see --help");
  return all;
}

DeviceId device_of(const Options& o) {
  if (const std::string reason = cuda_unavailable_reason(); !reason.empty()) {
    throw input_error("tune", "there is no CUDA device to measure on: " + reason,
                      "run it where there is one; mynah-operations-cuda-on-cpu shows how it works without");
  }
  const DeviceId device = choose_device(o.device);
  if (device.backend == Backend::cuda) return device;
  throw input_error("--device " + o.device, "is not a CUDA device, and choices are for those", "use --device cuda");
}

std::string times(double ratio) {
  return ratio >= 1.0 ? fmt::format("{:.2f} times as fast as", ratio) : fmt::format("at {:.2f} of the speed of", ratio);
}

/// Who won, in one line.
std::string verdict(const ProductContest& contest) {
  const Contestant& best = contest.best();
  if (best.microseconds <= 0.0) return "nobody was timed";
  std::string text = best.name + " wins";
  if (contest.winner == 0) {
    text += ", as the rule has it";
  } else if (contest.rule().microseconds > 0.0) {
    text +=
        fmt::format(", {} the rule's {}", times(contest.rule().microseconds / best.microseconds), contest.rule().name);
  }
  const Contestant* const rival = contest.rival();
  if (rival == nullptr || rival->microseconds <= 0.0) return text;
  const double ratio = rival->microseconds / best.microseconds;
  if (ratio >= 1.0) return text + fmt::format(", {} cuBLASLt", times(ratio));
  return fmt::format("cuBLASLt wins, {} ours; of ours ", times(1.0 / ratio)) + text;
}

void print(const ProductContest& contest) {
  const double of_rule = contest.rule().microseconds;
  fmt::print("\n{}{}\n", linear_key_text(contest.key),
             contest.copies > 1 ? fmt::format(", operands in {} copies", contest.copies) : "");
  fmt::print("  {:>12}  {:>13}\n", "microseconds", "of the rule's");
  for (const Contestant& one : contest.contestants) {
    const std::string mark = &one == &contest.rule() ? " (the rule's)" : "";
    if (one.problem.empty()) {
      fmt::print("  {:>12.2f}  {:>13}  {}{}\n", one.microseconds,
                 of_rule > 0.0 ? fmt::format("{:.2f}", one.microseconds / of_rule) : "", one.name, mark);
    } else {
      fmt::print("  {:>12}  {:>13}  {}{}: {}\n", "not timed", "", one.name, mark, one.problem);
    }
  }
  fmt::print("  {}\n", verdict(contest));
}

nlohmann::ordered_json to_json(const ProductContest& contest) {
  auto contestants = nlohmann::ordered_json::array();
  for (const Contestant& one : contest.contestants) {
    nlohmann::ordered_json object{{"name", one.name}};
    if (one.problem.empty()) {
      object["microseconds"] = one.microseconds;
    } else {
      object["problem"] = one.problem;
    }
    contestants.push_back(std::move(object));
  }
  return {{"product", linear_product_name(contest.key.product)},
          {"precision", kernels::precision_name(contest.key.precision)},
          {"m", contest.key.m},
          {"n", contest.key.n},
          {"k", contest.key.k},
          {"packs", contest.key.packs},
          {"copies", contest.copies},
          {"rule", contest.rule().name},
          {"chosen", contest.best().name},
          {"verdict", verdict(contest)},
          {"contestants", std::move(contestants)}};
}

std::string note_on_times() {
  return has_cuda_schedules() ? "an emulated device: its times say nothing of a GPU, and its choices serve none" : "";
}

int tune(const Options& o) {
  const std::vector<LayerProduct> products = products_of(o);
  const DeviceId device = device_of(o);
  const std::string name = device_name(device);
  const std::filesystem::path file = o.file.empty() ? linear_tuning_cache() : std::filesystem::path(o.file);
  update_linear_tuning(file, name, {});  // a file that cannot be kept is refused before the time is spent
  const std::string library = cublas::version();
  fmt::print("{}: {} products, {} rounds, cache {}; {}\n", name, products.size(), o.rounds, o.cache,
             library.empty() ? "cuBLASLt is not in this build, and takes no part" : "beside cuBLASLt " + library);
  if (!note_on_times().empty()) fmt::print("{}\n", note_on_times());
  nlohmann::ordered_json report{{"device", name},      {"note", note_on_times()},
                                {"rounds", o.rounds},  {"cache", o.cache},
                                {"cublaslt", library}, {"products", nlohmann::ordered_json::array()}};
  int others = 0;
  bool wrong = false;
  for (const LayerProduct& product : products) {
    const ProductContest contest = hold_contest(device, product, {o.cache == "cold", o.rounds});
    print(contest);
    std::fflush(stdout);
    report["products"].push_back(to_json(contest));
    wrong = wrong || contest.wrong;
    if (contest.best().microseconds <= 0.0) continue;
    others += contest.winner == 0 ? 0 : 1;
    update_linear_tuning(file, name, {contest.tuned()});
  }
  if (!o.json.empty()) write_file_atomically(o.json, report.dump(1) + "\n");
  fmt::print("\n{} of {} products are computed faster by another kernel than the rule's; choices are in {}\n", others,
             products.size(), file.string());
  fmt::print("they are used where asked for: MYNAH_TUNING={}\n", o.file.empty() ? "on" : file.string());
  return wrong ? 1 : 0;
}

}  // namespace

void add_tune(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "tune",
      "measures which kernel computes the products of linear layers fastest on a CUDA device, beside cuBLASLt where "
      "this "
      "build has it (which is reported, and never chosen: the engine does without it), checks every result, and keeps "
      "the choices in a file; exit code 1 where a result is wrong");
  const auto options = std::make_shared<Options>();
  declare(*command, *options);
  command->callback([options, &exit_code] { exit_code = tune(*options); });
}

}  // namespace mynah::tests
