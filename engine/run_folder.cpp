#include "engine/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include "engine/atomic_file.h"
#include "engine/crc32c.h"
#include "engine/file_bytes.h"
#include "kernels/error.h"

namespace mynah {
namespace fs = std::filesystem;
namespace {

constexpr const char* checksum_key = "crc32c";

void make_folder(const fs::path& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  // What create_directories says of an existing file differs between libraries.
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return;
  const bool is_file = fs::exists(path, ignored);
  throw input_error(
      path.string(),
      is_file ? "it is a file, and a run is a folder" : fmt::format("the folder cannot be made: {}", failed.message()),
      "choose another folder with `--out`");
}

/// The file of a run that is there, or nothing.
std::optional<std::string> trace_of_run(const fs::path& path) {
  std::error_code ignored;
  for (const char* name : {"config.toml", "policy.safetensors", "metrics.jsonl", "checkpoints/latest.safetensors"}) {
    if (fs::exists(path / name, ignored)) return name;
  }
  return std::nullopt;
}

/// Over everything that counts: names, types, shapes, data, and the metadata but the sum itself.
std::uint32_t checksum(const SafetensorsFile& file) {
  std::uint32_t sum = 0;
  const auto add = [&sum](std::string_view text) {
    sum = crc32c(std::as_bytes(std::span(text)), sum);
    sum = crc32c(std::as_bytes(std::span("", 1)), sum);  // a terminator, so that no two lists read the same
  };
  for (const auto& [key, value] : file.metadata) {
    if (key == checksum_key) continue;
    add(key);
    add(value);
  }
  for (const NamedTensor& tensor : file.tensors) {
    add(tensor.name);
    add(type_name(tensor.type));
    sum = crc32c(std::as_bytes(std::span(tensor.shape)), sum);
    sum = crc32c(tensor.bytes, sum);
  }
  return sum;
}

void save_with_checksum(const fs::path& path, const SafetensorsFile& checkpoint) {
  SafetensorsFile copy = checkpoint;
  copy.metadata[checksum_key] = fmt::format("{:08x}", checksum(checkpoint));
  save_safetensors(path, copy);
}

std::optional<SafetensorsFile> load_with_checksum(const fs::path& path) {
  constexpr const char* remedy = "take another copy of the run, or start it again with another `--out`";
  std::error_code failed;
  if (!fs::exists(path, failed) && !failed) return std::nullopt;
  try {
    SafetensorsFile file = load_safetensors(path);
    if (file.metadata_at(checksum_key) != fmt::format("{:08x}", checksum(file))) {
      throw input_error(path.string(), "its content does not match its checksum");
    }
    file.metadata.erase(checksum_key);
    return file;
  } catch (const Error& error) {
    throw input_error(error.place(), "the checkpoint is unreadable: " + error.problem(), remedy);
  }
}

}  // namespace

RunFolder RunFolder::create(const fs::path& path, std::string_view config_toml, Existing existing) {
  const auto refuse_existing = [&] {
    const std::optional<std::string> trace = trace_of_run(path);
    if (existing == Existing::overwrite || !trace) return;
    throw input_error(path.string(), fmt::format("the folder holds a run already ({})", *trace),
                      fmt::format("choose another `--out`, or go on with that run: `mynah resume {}`", path.string()));
  };
  refuse_existing();
  make_folder(path);
  RunFolder run(path);
  run.lock();
  refuse_existing();  // between the first look and the lock another process may have made a run here
  run.remove_earlier_run();
  make_folder(path / "checkpoints");
  run.save_config(config_toml);
  return run;
}

RunFolder RunFolder::open(const fs::path& path, Access access) {
  std::error_code ignored;
  if (!is_run(path)) {
    std::string problem = "there is no such folder";
    if (fs::is_directory(path, ignored)) {
      problem = "the folder holds no run: it has no config.toml";
    } else if (fs::exists(path, ignored)) {
      problem = "it is a file, and a run is a folder";
    }
    throw input_error(path.string(), problem, "give the folder that `mynah train ... --out RUN` wrote");
  }
  RunFolder run(path);
  if (access == Access::write) {
    run.lock();
    make_folder(path / "checkpoints");
  }
  return run;
}

bool RunFolder::is_run(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path / "config.toml", ignored);
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

void RunFolder::lock() {
  const fs::path file = path_ / ".lock";
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) {
    throw input_error(path_.string(),
                      fmt::format("the folder cannot be written: {}", std::system_category().message(errno)),
                      "choose another folder with `--out`, or allow writing to it");
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) {
    // For the message that another process would show; failing to say so is no failure.
    const std::string process = fmt::format("{}\n", ::getpid());
    if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, process.data(), process.size(), 0) < 0) return;
    return;
  }
  if (errno != EWOULDBLOCK) return;  // a file system without locks: the run goes on without one
  char text[32] = {};
  const ssize_t count = ::pread(lock_, text, sizeof(text) - 1, 0);
  int process = 0;
  if (count > 0) std::from_chars(text, text + count, process);
  throw input_error(path_.string(),
                    process > 0 ? fmt::format("process {} is writing this run", process)
                                : std::string("another process is writing this run"),
                    "wait until it ends, or choose another `--out`");
}

void RunFolder::remove_earlier_run() const {
  // config.toml is not removed but replaced afterwards, so that the folder is a run at every moment.
  std::error_code failed;
  std::vector<fs::path> files = {policy_path(), latest_path(), best_path(), metrics_path(), tuning_path()};
  for (fs::directory_iterator it(path_, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().filename().string().starts_with("events.out.tfevents.")) files.push_back(it->path());
  }
  for (const auto& [folder, extension] : {std::pair(member_path(path_, 0).parent_path(), ".safetensors"),
                                          std::pair(data_path(0).parent_path(), ".npz")}) {
    for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
      if (it->path().extension() == extension) files.push_back(it->path());
    }
  }
  for (const fs::path& file : files) {
    fs::remove(file, failed);
    if (failed) {
      throw input_error(file.string(), fmt::format("it cannot be removed: {}", failed.message()),
                        "choose another `--out`");
    }
  }
}

void RunFolder::check_writer() const {
  if (lock_ < 0) throw Error(Error::Cause::internal, path_.string(), "the run was opened for reading");
}

std::string RunFolder::config() const {
  return read_file_bytes(config_path(), std::size_t{1} << 24);
}

void RunFolder::save_config(std::string_view config_toml) const {
  check_writer();
  write_file_atomically(config_path(), config_toml);
}

void RunFolder::save_checkpoint(const SafetensorsFile& checkpoint) const {
  check_writer();
  save_with_checksum(latest_path(), checkpoint);
}

std::optional<SafetensorsFile> RunFolder::load_checkpoint() const {
  return load_with_checksum(latest_path());
}

void RunFolder::save_best(const SafetensorsFile& checkpoint) const {
  check_writer();
  save_with_checksum(best_path(), checkpoint);
}

std::optional<SafetensorsFile> RunFolder::load_best() const {
  return load_with_checksum(best_path());
}

void RunFolder::save_policy(const SafetensorsFile& policy) const {
  check_writer();
  save_safetensors(policy_path(), policy);
}

fs::path RunFolder::member_path(const fs::path& run, Index member) {
  return run / "members" / fmt::format("{:03}.safetensors", member);
}

void RunFolder::save_member(Index member, const SafetensorsFile& policy) const {
  check_writer();
  const fs::path file = member_path(path_, member);
  make_folder(file.parent_path());
  save_safetensors(file, policy);
}

fs::path RunFolder::data_path(Index iteration, bool partial) const {
  return path_ / "data" / fmt::format("iteration_{:03}{}.npz", iteration, partial ? ".partial" : "");
}

void RunFolder::save_data(Index iteration, const Demonstrations& data, bool partial) const {
  check_writer();
  const fs::path file = data_path(iteration, partial);
  make_folder(file.parent_path());
  save_demonstrations(file, data);
  std::error_code ignored;
  if (!partial) fs::remove(data_path(iteration, true), ignored);
}

}  // namespace mynah
