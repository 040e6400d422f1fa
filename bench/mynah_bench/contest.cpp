#include "bench/mynah_bench/contest.h"

#include <algorithm>
#include <optional>

#include "bench/mynah_bench/roof.h"
#include "kernels/error.h"

namespace mynah::bench {
namespace {

using Json = nlohmann::ordered_json;

/// One of those that are timed in turn.
struct Contestant {
  std::string name;  ///< "mynah", or a peer's.
  Path path = Path::automatic;
  std::string description;
  std::function<Spread()> measure;
  std::optional<Timed> timed;  ///< What it was made for; empty for a worker.
  std::vector<Spread> repeats = {};
};

Json to_json(const Spread& spread) {
  return {{"median_us", spread.median},
          {"best_us", spread.best},
          {"lower_us", spread.lower},
          {"upper_us", spread.upper},
          {"samples", spread.samples}};
}

std::string one_line(const Error& error) {
  return error.place() + ": " + error.problem() + (error.remedy().empty() ? "" : "; " + error.remedy());
}

class Contest {
 public:
  Contest(const Workload& workload, DeviceId device, const ContestSettings& settings, Peers& peers)
      : workload_(workload), device_(device), settings_(settings), not_run_(Json::array()) {
    if (settings.protocol.cold) flush_.emplace(device);
    for (const Path path : settings.paths) {
      enter("mynah", path, [&] { return from_timed(prepare(workload, device, path)); });
    }
    for (const std::string& peer : settings.peers) {
      enter(peer, Path::automatic, [&] {
        return is_library(peer) ? from_timed(prepare_library(peer, workload, device)) : from_worker(peer, peers);
      });
    }
  }

  Json run() {
    for (int round = 0; round < settings_.repeats; ++round) {
      if (device_.backend == Backend::cpu) {
        roofs_.push_back(measure_cpu_roof(0.03, bytes_matter()));
        roofs_.back().flops *= workload_.threads;
      }
      for (std::size_t i = 0; i < contestants_.size(); ++i) {
        Contestant& one = contestants_[round % 2 == 0 ? i : contestants_.size() - 1 - i];
        one.repeats.push_back(one.measure());
      }
    }
    return result();
  }

 private:
  template <class Make>
  void enter(const std::string& name, Path path, const Make& make) {
    try {
      Contestant one = make();
      one.name = name;
      one.path = path;
      contestants_.push_back(std::move(one));
    } catch (const Error& error) {
      Json entry{{"name", name}, {"reason", one_line(error)}};
      if (name == "mynah") entry["path"] = path_name(path);
      not_run_.push_back(std::move(entry));
    }
  }

  Contestant from_timed(Timed timed) {
    Contestant one;
    const Index steps = steps_of_sample(timed, settings_.protocol);
    one.description = timed.description;
    one.measure = [this, timed, steps] {
      return measure(timed, settings_.protocol, steps, flush_ ? &*flush_ : nullptr);
    };
    one.timed = std::move(timed);
    return one;
  }

  Contestant from_worker(const std::string& name, Peers& peers) {
    Peer& peer = *peers.at(name);
    Contestant one;
    one.description = peer.prepare(workload_);
    one.measure = [this, &peer] { return peer.measure(settings_.protocol); };
    return one;
  }

  /// Whether memory may be what bounds it.
  bool bytes_matter() const {
    return std::any_of(contestants_.begin(), contestants_.end(),
                       [&](const Contestant& one) { return one.timed && bytes_count(one.timed->work); });
  }
  bool bytes_count(const Work& work) const {
    return work.bytes > 0.0 && (settings_.protocol.cold || work.bytes > static_cast<double>(largest_cache(device_)));
  }

  /// The best that was seen, and the median of the rounds.
  std::pair<Roof, Roof> roof() const {
    if (device_.backend == Backend::cuda) {
      const Roof& known = cuda_roof(device_, workload_.precision);
      return {known, known};
    }
    Roof best, middle;
    for (double Roof::*field : {&Roof::flops, &Roof::bytes}) {
      std::vector<double> values;
      for (const Roof& one : roofs_) values.push_back(one.*field);
      std::sort(values.begin(), values.end());
      best.*field = values.back();
      middle.*field = values[values.size() / 2];
    }
    return {best, middle};
  }

  Json contestant_json(const Contestant& one, const Roof& best, const Roof& middle) const {
    const Spread all = spread_of_repeats(one.repeats);
    Json object{{"name", one.name}};
    if (one.name == "mynah") object["path"] = path_name(one.path);
    object["description"] = one.description;
    object.update(to_json(all));
    if (one.timed && one.name == "mynah") {
      const Work& work = one.timed->work;
      const auto members = static_cast<double>(one.timed->members);
      const AtRoof at_best = at_roof(work, best, bytes_count(work)),
                   at_middle = at_roof(work, middle, bytes_count(work));
      if (!at_best.name.empty()) {
        object["roof"] = {{"bound_by", at_best.name},
                          {"best_us", at_best.microseconds / members},
                          {"share_of_bests", at_best.microseconds / members / all.best},
                          {"share_of_medians", at_middle.microseconds / members / all.median}};
      }
      object["flops"] = work.flops / members;
      object["bytes"] = work.bytes / members;
      object["launches"] = device_.backend == Backend::cuda ? work.launches / members : 0.0;
    }
    object["repeats"] = Json::array();
    for (const Spread& repeat : one.repeats) object["repeats"].push_back(to_json(repeat));
    return object;
  }

  Json result() const {
    Json object{{"workload", workload_.to_json()},
                {"device", device_.backend == Backend::cpu ? "cpu" : "cuda"},
                {"cache", settings_.protocol.cold ? "cold" : "hot"}};
    const auto [best, middle] = roof();
    object["roof"] = {{"gflops", best.flops * 1e-9}, {"gflops_median", middle.flops * 1e-9}};
    if (best.bytes > 0.0) object["roof"]["copy_gb_per_s"] = best.bytes * 1e-9;
    if (best.launch > 0.0) object["roof"]["launch_us"] = best.launch * 1e6;
    object["contestants"] = Json::array();
    for (const Contestant& one : contestants_) object["contestants"].push_back(contestant_json(one, best, middle));
    object["not_run"] = not_run_;
    return object;
  }

  const Workload& workload_;
  DeviceId device_;
  const ContestSettings& settings_;
  std::optional<CacheFlush> flush_;
  std::vector<Contestant> contestants_;
  std::vector<Roof> roofs_;
  Json not_run_;
};

}  // namespace

Json run_contest(const Workload& workload, DeviceId device, const ContestSettings& settings, Peers& peers) {
  return Contest(workload, device, settings, peers).run();
}

}  // namespace mynah::bench
