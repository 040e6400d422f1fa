#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/atomic_file.h"
#include "engine/demonstrations.h"
#include "engine/demonstrations_formats.h"
#include "engine/file_bytes.h"
#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace fs = std::filesystem;
namespace {

enum class Format { npz, csv, json_lines };

constexpr const char* readable_formats = "give an .npz, .csv or .jsonl file";

/// Content decides where it is unmistakable, so that a wrong extension does no harm; then the extension.
Format format_of(const fs::path& path, std::string_view start) {
  if (start.starts_with("\x89HDF\r\n\x1a\n")) {
    throw input_error(path.string(), "is an HDF5 file, which is not read",
                      "convert it, e.g. with h5py and `numpy.savez(path, observations=..., actions=..., "
                      "terminals=..., episode_ends=...)`");
  }
  if (start.starts_with("\x93NUMPY")) {
    throw input_error(path.string(), "is a single NumPy array, not a set of them",
                      "write observations, actions and episode_ends into one file with `numpy.savez`");
  }
  if (start.starts_with("\x1f\x8b")) {
    throw input_error(path.string(), "is compressed with gzip",
                      fmt::format("unpack it with `gunzip {}`", shell_quoted(path.string())));
  }
  if (start.starts_with("PK")) return Format::npz;
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
  if (extension == ".npz") return Format::npz;
  if (extension == ".csv") return Format::csv;
  if (extension == ".jsonl" || extension == ".ndjson") return Format::json_lines;
  if (extension == ".pkl" || extension == ".pickle" || extension == ".pt") {
    throw input_error(path.string(), "is a pickle, which is never read: it can run any program", readable_formats);
  }
  if (start.starts_with("\xef\xbb\xbf")) start.remove_prefix(3);
  start.remove_prefix(std::min(start.find_first_not_of(" \t\r\n"), start.size()));
  if (start.starts_with('{') || start.starts_with('[')) return Format::json_lines;
  if (start.find(',') != std::string_view::npos) return Format::csv;
  throw input_error(path.string(), "is none of the formats that are read", readable_formats);
}

}  // namespace

Demonstrations load_demonstrations(const fs::path& path, const LoadOptions& options) {
  const std::string bytes = read_file_bytes(path, options.max_bytes);
  if (bytes.empty()) throw input_error(path.string(), "is empty", "record some, e.g. with `mynah record`");
  switch (format_of(path, std::string_view(bytes).substr(0, 256))) {
    case Format::csv:
      return parse_demonstrations_csv(bytes, path.string(), options);
    case Format::json_lines:
      return parse_demonstrations_jsonl(bytes, path.string(), options);
    case Format::npz:
      break;
  }
  return parse_demonstrations_npz(std::as_bytes(std::span(bytes)), path.string(), options);
}

void save_demonstrations(const fs::path& path, const Demonstrations& d) {
  d.validate_structure();
  const Index n = d.rows();
  std::vector<NpyArray> arrays;
  arrays.push_back(npy_array("observations", std::span(d.observations), {n, d.observation_size}));
  if (d.discrete) {
    const std::vector<std::int64_t> labels(d.labels.begin(), d.labels.end());
    arrays.push_back(npy_array("actions", std::span(labels), {n}));
    arrays.push_back(npy_array("action_count", std::span(&d.action_count, 1), {}));
  } else {
    arrays.push_back(npy_array("actions", std::span(d.actions), {n, d.action_size}));
  }
  if (!d.rewards.empty()) arrays.push_back(npy_array("rewards", std::span(d.rewards), {n}));
  if (!d.next_observations.empty()) {
    arrays.push_back(npy_array("next_observations", std::span(d.next_observations), {n, d.observation_size}));
  }
  arrays.push_back(npy_array_of_flags("terminals", d.terminals));
  if (!d.timeouts.empty()) arrays.push_back(npy_array_of_flags("timeouts", d.timeouts));
  arrays.push_back(npy_array("episode_ends", std::span(d.episode_ends), {d.episodes()}));
  if (!d.observation_names.empty()) arrays.push_back(npy_array_of_text("observation_names", d.observation_names));
  if (!d.action_names.empty()) arrays.push_back(npy_array_of_text("action_names", d.action_names));
  write_file_atomically(path, serialize_npz(arrays));
}

void validate_as_asked(const Demonstrations& demonstrations, const LoadOptions& options) {
  if (options.require_finite) {
    demonstrations.validate();
  } else {
    demonstrations.validate_structure();
  }
}

void settle_actions(Demonstrations& d, LoadOptions::Actions wanted,
                    const std::function<std::string(Index row)>& place_of_row) {
  if (wanted == LoadOptions::Actions::continuous) return;
  const bool asked = wanted == LoadOptions::Actions::discrete;
  if (d.action_size != 1) {
    if (!asked) return;
    throw input_error(d.source, fmt::format("has {} columns of actions; discrete actions have one", d.action_size),
                      "keep one column of actions, or read them as continuous with `--actions continuous`");
  }
  constexpr float beyond_labels = 2147483648.0f;
  const auto stranger = std::find_if(d.actions.begin(), d.actions.end(), [](float value) {
    return !(value >= 0.0f && value < beyond_labels && value == std::floor(value));
  });
  if (stranger != d.actions.end()) {
    if (!asked) return;
    throw input_error(place_of_row(stranger - d.actions.begin()),
                      fmt::format("the action is {}, which is not a class number (0, 1, 2, ...)", *stranger),
                      "number the actions from 0, or read them as continuous with `--actions continuous`");
  }
  d.discrete = true;
  d.action_size = 0;
  d.labels.assign(d.actions.begin(), d.actions.end());
  d.actions.clear();
  d.actions.shrink_to_fit();
  d.action_names.clear();
  d.action_count = d.labels.empty() ? 0 : Index{*std::max_element(d.labels.begin(), d.labels.end())} + 1;
}

}  // namespace mynah
