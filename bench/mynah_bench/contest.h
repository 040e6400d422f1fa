#pragma once

#include <map>
#include <nlohmann/json.hpp>

#include "bench/mynah_bench/measurement.h"
#include "bench/mynah_bench/peer.h"

namespace mynah::bench {

struct ContestSettings {
  std::vector<Path> paths;         ///< Of mynah's.
  std::vector<std::string> peers;  ///< By name.
  int repeats = 5;
  Protocol protocol;
};

/// Workers that were started, by name.
using Peers = std::map<std::string, std::unique_ptr<Peer>>;

/// Times one workload on one device: mynah's paths and the peers in turn, round by round; every second round in the
/// reverse order. On the CPU the roof of the core is measured at the beginning of each round; several threads have so
/// many times its multiply-adds.
///
/// Returns the result as it stands in a result file; what could not be run stands in it under "not_run" with the
/// reason.
nlohmann::ordered_json run_contest(const Workload& workload, DeviceId device, const ContestSettings& settings,
                                   Peers& peers);

}  // namespace mynah::bench
