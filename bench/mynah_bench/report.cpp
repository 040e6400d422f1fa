#include "bench/mynah_bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "bench/mynah_bench/peer.h"
#include "engine/file_bytes.h"
#include "kernels/error.h"

namespace mynah::bench {
namespace {

using Json = nlohmann::ordered_json;

/// The contestants called so: mynah's paths, or a peer.
std::vector<const Json*> named(const Json& result, const std::string& name) {
  std::vector<const Json*> found;
  for (const Json& one : result.at("contestants")) {
    if (one.at("name") == name) found.push_back(&one);
  }
  return found;
}

std::string text(const Json& object, const char* key) {
  return object.contains(key) ? object.at(key).get<std::string>() : "";
}

std::string roof_share(const Json& one) {
  if (!one.contains("roof")) return "";
  return fmt::format("{:.0f} % of {}", 100.0 * one.at("roof").at("share_of_bests").get<double>(),
                     one.at("roof").at("bound_by").get<std::string>());
}

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\n") == std::string::npos) return field;
  std::string inside;
  for (const char c : field) inside += c == '"' ? "\"\"" : std::string(1, c);
  return '"' + inside + '"';
}

/// "AMD EPYC (family 25 model 1), AVX2, one pinned thread; PyTorch eager 2.15.0; 5 repeats of 1 s in turn; 2026-11-27".
std::string heading(const Json& document) {
  const Json& machine = document.at("machine");
  std::set<std::string> devices;
  for (const Json& result : document.at("results")) devices.insert(result.at("device").get<std::string>());
  std::string line;
  if (devices.count("cuda") != 0) {
    line +=
        fmt::format("{}, driver {}, CUDA {}; ", text(machine, "gpu"), text(machine, "driver"), text(machine, "cuda"));
  }
  line += text(machine, "processor") + ", " + text(machine, "instructions");
  const Json& settings = document.at("settings");
  if (devices.count("cpu") != 0) {
    const int threads = settings.at("threads").get<int>();
    line += threads == 1 ? ", one pinned thread" : fmt::format(", {} threads", threads);
  }
  for (const auto& [peer, about] : document.at("peers").items()) {
    if (about.contains("version")) line += "; " + peer_title(peer) + " " + text(about, "version");
  }
  return fmt::format("{}; {} repeats of {} s in turn; {}", line, settings.at("repeats").get<int>(),
                     settings.at("seconds").get<double>(), text(document, "date").substr(0, 10));
}

std::string time_cell(const Json& one) {
  return rounded(one.at("best_us").get<double>()) + " (" + rounded(one.at("median_us").get<double>()) + ")";
}

/// What a table tells apart, and whom it names.
struct Columns {
  explicit Columns(const Json& document) {
    for (const Json& result : document.at("results")) {
      devices = devices || result.at("device") != document.at("results").front().at("device");
      paths = paths || named(result, "mynah").size() > 1;
      caches = caches || result.at("cache") == "cold";
      for (const Json& one : result.at("contestants")) {
        const auto name = one.at("name").get<std::string>();
        if (name != "mynah" && std::find(peers.begin(), peers.end(), name) == peers.end()) peers.push_back(name);
      }
    }
  }
  std::vector<std::string> peers;
  bool devices = false, paths = false, caches = false;
};

std::string row_of(const Json& result, const Json& ours, const Columns& columns) {
  std::string row = "| " + text(result.at("workload"), "text");
  if (columns.devices) row += ", " + text(result, "device");
  if (columns.paths) row += ", " + text(ours, "path");
  if (columns.caches) row += ", " + text(result, "cache");
  const std::string share = roof_share(ours);
  row += " | " + time_cell(ours) + (share.empty() ? " | |" : " | " + share + " |");
  for (const std::string& peer : columns.peers) {
    const std::vector<const Json*> theirs = named(result, peer);
    if (theirs.empty()) {
      row += " | |";
      continue;
    }
    const Ratio ratio = ratio_of(*theirs.front(), ours);
    row += fmt::format(" {} | {} ({}) |", time_cell(*theirs.front()), rounded(ratio.bests), rounded(ratio.medians));
  }
  return row + "\n";
}

}  // namespace

std::string rounded(double value) {
  if (!std::isfinite(value) || value <= 0.0) return "-";
  const int digits = std::max(0, 2 - static_cast<int>(std::floor(std::log10(value))));
  std::string number = fmt::format("{:.{}f}", value, digits);
  if (digits > 0) return number;
  for (auto at = static_cast<std::ptrdiff_t>(number.size()) - 3; at > 0; at -= 3) {
    number.insert(static_cast<std::size_t>(at), ",");
  }
  return number;
}

Ratio ratio_of(const Json& peer, const Json& mynah) {
  return {peer.at("best_us").get<double>() / mynah.at("best_us").get<double>(),
          peer.at("median_us").get<double>() / mynah.at("median_us").get<double>()};
}

Json read_results(const std::filesystem::path& path) {
  const std::string bytes = read_file_bytes(path);
  Json document = Json::parse(bytes, nullptr, false);
  if (document.is_discarded() || !document.is_object() || document.value("mynah_bench", 0) != result_format) {
    throw input_error(path.string(), "is no result file of mynah-bench",
                      "make one with `mynah-bench run ... --json FILE`");
  }
  return document;
}

std::string csv_of(const Json& document) {
  std::string csv =
      "workload,shape,device,cache,name,path,best_us,lower_us,median_us,upper_us,samples,bound_by,roof_share_of_bests,"
      "roof_share_of_medians,ratio_of_bests,ratio_of_medians\n";
  for (const Json& result : document.at("results")) {
    const std::vector<const Json*> ours = named(result, "mynah");
    for (const Json& one : result.at("contestants")) {
      csv += fmt::format("{},{},{},{},{},{}", quoted(text(result.at("workload"), "name")),
                         quoted(text(result.at("workload"), "text")), text(result, "device"), text(result, "cache"),
                         text(one, "name"), text(one, "path"));
      for (const char* key : {"best_us", "lower_us", "median_us", "upper_us"}) {
        csv += fmt::format(",{:.5g}", one.at(key).get<double>());
      }
      csv += fmt::format(",{}", one.at("samples").get<std::size_t>());
      if (one.contains("roof")) {
        csv += fmt::format(",{},{:.4f},{:.4f}", text(one.at("roof"), "bound_by"),
                           one.at("roof").at("share_of_bests").get<double>(),
                           one.at("roof").at("share_of_medians").get<double>());
      } else {
        csv += ",,,";
      }
      if (one.at("name") != "mynah" && !ours.empty()) {
        const Ratio ratio = ratio_of(one, *ours.front());
        csv += fmt::format(",{:.4g},{:.4g}\n", ratio.bests, ratio.medians);
      } else {
        csv += ",,\n";
      }
    }
  }
  return csv;
}

std::string text_of(const Json& result) {
  std::string lines = fmt::format("{}, {}, {} cache\n", text(result.at("workload"), "text"), text(result, "device"),
                                  text(result, "cache"));
  const std::vector<const Json*> ours = named(result, "mynah");
  for (const Json& one : result.at("contestants")) {
    const bool is_peer = one.at("name") != "mynah";
    const std::string who = is_peer ? peer_title(one.at("name")) : "mynah, " + text(one, "path");
    lines += fmt::format("  {:18} best {:>9} us, median {:>9} us ({} to {})", who,
                         rounded(one.at("best_us").get<double>()), rounded(one.at("median_us").get<double>()),
                         rounded(one.at("lower_us").get<double>()), rounded(one.at("upper_us").get<double>()));
    if (text(result.at("workload"), "task") == "episodes") {
      lines += fmt::format("; median {} million steps a second", rounded(1.0 / one.at("median_us").get<double>()));
    }
    if (is_peer && !ours.empty()) {
      const Ratio ratio = ratio_of(one, *ours.front());
      lines += fmt::format("; {:.2f} times mynah's (medians {:.2f})", ratio.bests, ratio.medians);
    } else if (one.contains("roof")) {
      lines += "; " + roof_share(one);
    }
    lines += "\n";
  }
  for (const Json& one : result.at("not_run")) {
    const std::string path = text(one, "path");
    lines += fmt::format("  {:18} not run: {}\n", text(one, "name") + (path.empty() ? "" : ", " + path),
                         text(one, "reason"));
  }
  return lines;
}

std::string table_of(const Json& document) {
  const Columns columns(document);
  std::string table = heading(document) + ". `" + text(document, "command") + "`:\n\n";
  table += "| microseconds, best (median) | mynah | share of the roof |";
  std::string rule = "| --- | --- | --- |";
  for (const std::string& peer : columns.peers) {
    table += fmt::format(" {0} | {0} / mynah |", peer_title(peer));
    rule += " --- | --- |";
  }
  table += "\n" + rule + "\n";
  for (const Json& result : document.at("results")) {
    for (const Json* ours : named(result, "mynah")) table += row_of(result, *ours, columns);
  }
  return table;
}

}  // namespace mynah::bench
