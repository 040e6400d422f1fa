// `mynah-bench run`: chooses workloads, devices, paths and peers, times them, and writes what came out.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "bench/mynah_bench/commands.h"
#include "bench/mynah_bench/contest.h"
#include "bench/mynah_bench/machine.h"
#include "bench/mynah_bench/report.h"
#include "bench/mynah_bench/roof.h"
#include "engine/atomic_file.h"
#include "engine/device.h"
#include "engine/mlp.h"
#include "engine/precision_option.h"
#include "kernels/error.h"

namespace mynah::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::vector<std::string> names;
  std::string shape, layer, precision, loss, optimizer, activation;
  Index batch = 0, members = 0, size = 0, product = 0;
  bool inference = false;
  std::string device = "cpu", path = "automatic", cache = "hot", clock = "wall";
  std::vector<std::string> peers;
  int repeats = 5, threads = 1, core = -1;
  double seconds = 1.0;
  bool check = false;
  std::string csv, json;
};

void declare(CLI::App& command, Options& o) {
  command.add_option("WORKLOAD", o.names, "Names and groups of `mynah-bench list`");
  command.add_option("--shape", o.shape, "A perceptron of these sizes, the input's first, such as 17-256-6");
  command.add_flag("--inference", o.inference, "With --shape: its outputs in place of a training step");
  command.add_option("--layer", o.layer, "A layer, such as conv2d:in=1,height=28,width=28,out=64,kernel=4,stride=2");
  command.add_option("--product", o.product, "A product of matrices with edges of so many elements");
  command.add_option("--batch", o.batch, "Rows, in place of the workload's own");
  command.add_option("--population", o.members, "Networks that are trained side by side; times are of one of them");
  command.add_option("--loss", o.loss, "Of training: mse, l1, huber, softmax_cross_entropy, ...");
  command.add_option("--optimizer", o.optimizer, "Of training: adam, adamw, sgd, rmsprop");
  command.add_option("--activation", o.activation, "Of a perceptron: relu, tanh, gelu, ...");
  command.add_option("--precision", o.precision, "Of products: float32, tf32, bfloat16");
  command.add_option("--size", o.size, "Parameters of adam, edges of the products");
  command.add_option("--path", o.path, "automatic, direct, recorded, resident, or all");
  command.add_option("--device", o.device, "cpu, cuda, cuda:N, or all");
  command.add_option("--threads", o.threads, "Of the CPU, mynah's, bound to processors, and the peers'");
  command.add_option("--core", o.core,
                     "Core that one thread, mynah's and the peers', is pinned to; negative: the last");
  command.add_option(
      "--cache", o.cache,
      "hot: steps one after the other; cold: caches are written over before each, which alone is timed; both");
  command
      .add_option("--peers", o.peers,
                  "torch, torch-compiled, jax, gymnasium, cublas, cudnn; all, or none (default: torch; on CUDA all)")
      ->delimiter(',');
  command.add_option("--repeats", o.repeats, "Rounds, in which mynah and the peers take turns")
      ->check(CLI::Range(1, 1000));
  command.add_option("--seconds", o.seconds, "Of each in a round")->check(CLI::Range(1e-4, 3600.0));
  command.add_option("--clock", o.clock,
                     "wall: the time that passes; processor: that of the process, for a busy machine");
  command.add_option("--csv", o.csv, "File to write: a row for each workload and contestant");
  command.add_option("--json", o.json, "File to write: everything, every repeat; `mynah-bench table` reads it");
  command.add_flag("--check", o.check, "Exit code 1 where a ratio to PyTorch eager is below its target");
}

/// What stands on the command line beside the names, if anything.
bool override_parts(const Options& o, Workload& workload) {
  bool changed = false;
  const auto put = [&](auto& field, const auto& value, bool given) {
    if (given) field = value;
    changed = changed || given;
  };
  put(workload.batch, o.batch, o.batch != 0);
  put(workload.members, o.members, o.members != 0);
  put(workload.size, o.size, o.size != 0);
  put(workload.optimizer, o.optimizer, !o.optimizer.empty());
  put(workload.activation, o.activation, !o.activation.empty());
  if (!o.loss.empty()) put(workload.loss, parse_loss(o.loss), true);
  if (!o.precision.empty()) put(workload.precision, parse_precision(o.precision), true);
  check_optimizer(workload.optimizer);
  parse_activation(workload.activation);
  for (const auto& [value, option] : {std::pair{workload.batch, "--batch"}, {workload.members, "--population"}}) {
    if (value < 1) throw input_error(option, fmt::format("{} is below 1", value));
  }
  if (o.size < 0) throw input_error("--size", fmt::format("{} is below 1", o.size));
  return changed;
}

std::vector<Workload> workloads_of(const Options& o) {
  std::vector<Workload> chosen = find_workloads(o.names);
  const auto add = [&](Task task) -> Workload& {
    chosen.emplace_back().task = task;
    return chosen.back();
  };
  if (!o.shape.empty()) {
    Workload& workload = add(o.inference ? Task::inference : Task::training);
    workload.layers = parse_shape(o.shape);
    if (o.inference) workload.batch = 1;
  }
  if (!o.layer.empty()) add(Task::layer).layer = o.layer;
  if (o.product < 0) throw input_error("--product", fmt::format("{} is below 1", o.product));
  if (o.product > 0) add(Task::product).size = o.product;
  if (chosen.empty()) {
    throw input_error("mynah-bench run", "no workload was given",
                      "name one, or give --shape, --layer or --product; see `mynah-bench list`");
  }
  for (Workload& one : chosen) {
    one.threads = o.threads;
    if (!override_parts(o, one)) continue;
    one.target_on_cpu.reset();
    one.name.clear();
    if (o.size != 0) one.cpu_size = 0;
  }
  return chosen;
}

std::vector<DeviceId> devices_of(const Options& o) {
  if (o.device != "all") return {choose_device(o.device)};
  std::vector<DeviceId> all;
  for (const DeviceDescription& device : list_devices()) {
    if (device.id.ordinal == 0) all.push_back(device.id);
  }
  return all;
}

std::vector<std::string> peers_of(const Options& o, bool cuda) {
  std::vector<std::string> given = o.peers;
  if (given.empty()) given = {cuda ? "all" : "torch"};
  if (given == std::vector<std::string>{"none"}) return {};
  if (given == std::vector<std::string>{"all"}) given = peer_names();
  for (const std::string& peer : given) {
    if (std::find(peer_names().begin(), peer_names().end(), peer) == peer_names().end()) {
      refuse_name("--peers", peer, "peer", peer_names());
    }
  }
  if (!cuda) std::erase_if(given, is_library);
  return given;
}

Protocol protocol_of(const Options& o, DeviceId device, bool cold) {
  if (o.clock != "wall" && o.clock != "processor") refuse_name("--clock", o.clock, "clock", {"wall", "processor"});
  Protocol protocol;
  protocol.seconds = o.seconds;
  protocol.clock = o.clock == "wall" ? Clock::wall : Clock::processor;
  protocol.cold = cold;
  if (device.backend == Backend::cuda) protocol.least_steps = 20;
  return protocol;
}

std::vector<bool> caches_of(const Options& o) {
  if (o.cache == "both") return {false, true};
  if (o.cache != "hot" && o.cache != "cold") refuse_name("--cache", o.cache, "cache", {"hot", "cold", "both"});
  return {o.cache == "cold"};
}

/// Starts the workers; what each is, or why it is missing, for the result file.
Json start_peers(const std::vector<std::string>& names, const PeerSettings& settings, Peers& peers) {
  Json about = Json::object();
  for (const std::string& name : names) {
    if (is_library(name)) {
      const std::string version = library_version(name);
      about[name] = version.empty() ? Json{{"missing", "not in this build"}} : Json{{"version", version}};
      continue;
    }
    try {
      auto peer = std::make_unique<Peer>(name, settings);
      about[name] = {{"version", peer->version()}};
      peers[name] = std::move(peer);
    } catch (const Error& error) {
      about[name] = {{"missing", error.problem()}};
      std::fprintf(stderr, "mynah-bench: without %s: %s\n", name.c_str(),
                   (error.problem() + (error.remedy().empty() ? "" : "; " + error.remedy())).c_str());
    }
  }
  return about;
}

/// Files that cannot be written are found before an hour of measuring.
void try_to_write(const std::string& path) {
  if (!path.empty()) AtomicFile file(path);
}

void write_files(const Options& o, const Json& document) {
  if (!o.json.empty()) write_file_atomically(o.json, document.dump(1) + "\n");
  if (!o.csv.empty()) write_file_atomically(o.csv, csv_of(document));
}

/// Results of mynah's that are missing, and targets that are missed, go to standard error. An exit code.
int judge(const Options& o, const Json& document) {
  int code = 0;
  for (const Json& result : document.at("results")) {
    const Json* ours = nullptr;
    const Json* torch = nullptr;
    for (const Json& one : result.at("contestants")) {
      if (one.at("name") == "mynah" && ours == nullptr) ours = &one;
      if (one.at("name") == "torch") torch = &one;
    }
    const Json& workload = result.at("workload");
    if (ours == nullptr) code = 1;
    if (!o.check || ours == nullptr || torch == nullptr || result.at("device") != "cpu" || o.threads != 1 ||
        result.at("cache") != "hot" || !workload.contains("target_on_cpu")) {
      continue;
    }
    const double target = workload.at("target_on_cpu").get<double>(), ratio = ratio_of(*torch, *ours).bests;
    if (ratio >= target) continue;
    std::fprintf(stderr, "mynah-bench: %s: %.2f times as fast as PyTorch eager, below the target of %.4g\n",
                 workload.at("text").get<std::string>().c_str(), ratio, target);
    code = 1;
  }
  return code;
}

Workload sized_for(Workload workload, DeviceId device) {
  if (device.backend == Backend::cpu && workload.cpu_size != 0) workload.size = workload.cpu_size;
  return workload;
}

void run_device(const Options& o, DeviceId device, const std::vector<Workload>& workloads, Json& document) {
  const bool cuda = device.backend == Backend::cuda;
  const std::vector<bool> caches = caches_of(o);
  ContestSettings settings;
  settings.peers = peers_of(o, cuda);
  settings.repeats = o.repeats;
  Peers peers;
  const int core = o.core >= 0 ? o.core : cuda || o.threads > 1 ? -1 : last_core();
  if (core >= 0) pin(core);
  const Json about = start_peers(settings.peers, {device.backend, core, o.threads}, peers);
  document["peers"].update(about);
  std::erase_if(settings.peers, [&](const std::string& peer) { return about.at(peer).contains("missing"); });
  for (const Workload& one : workloads) {
    const Workload workload = sized_for(one, device);
    settings.paths = o.path == "all" ? paths_of(workload, device.backend) : std::vector{parse_path(o.path)};
    for (const bool cold : caches) {
      settings.protocol = protocol_of(o, device, cold);
      const Json result = run_contest(workload, device, settings, peers);
      std::printf("%s", text_of(result).c_str());
      std::fflush(stdout);
      document["results"].push_back(result);
      write_files(o, document);
    }
  }
}

int run(const Options& o, const std::string& command_line) {
  const std::vector<Workload> workloads = workloads_of(o);
  if (o.path != "all") parse_path(o.path);
  if (o.threads < 1) throw input_error("--threads", fmt::format("{} is below 1", o.threads));
  try_to_write(o.json);
  try_to_write(o.csv);
  const std::vector<DeviceId> devices = devices_of(o);
  Json document{
      {"mynah_bench", result_format},
      {"command", command_line},
      {"date", utc_time()},
      {"version", MYNAH_VERSION},
      {"machine", describe_machine(devices)},
      {"settings", {{"repeats", o.repeats}, {"seconds", o.seconds}, {"threads", o.threads}, {"clock", o.clock}}},
      {"peers", Json::object()},
      {"results", Json::array()}};
  document["machine"]["peak_instructions"] = multiply_add_instructions();
  for (const DeviceId device : devices) run_device(o, device, workloads, document);
  return judge(o, document);
}

}  // namespace

void add_run(CLI::App& app, int& exit_code, const std::string& command_line) {
  CLI::App* command = app.add_subcommand(
      "run", "Time workloads: every path, every device, beside peers. Without a GPU or a peer it says what is missing");
  command->option_defaults()->always_capture_default();
  const auto options = std::make_shared<Options>();
  declare(*command, *options);
  command->callback([options, &exit_code, command_line] { exit_code = run(*options, command_line); });
}

}  // namespace mynah::bench
