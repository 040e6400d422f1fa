#include "bench/mynah_bench/timed.h"

#include <array>
#include <memory>

#include "kernels/error.h"
#include "kernels/recording.h"

namespace mynah::bench {
namespace {

constexpr std::array paths{Path::automatic, Path::direct, Path::recorded, Path::resident};

/// Several calls in one recording, so that replaying costs little beside them; and one, for what is left.
constexpr Index recorded_calls = 20;

kernels::Recording record(Stream& stream, const std::function<void()>& call, Index count) {
  kernels::Recording recording;
  recording.begin(stream);
  try {
    for (Index i = 0; i < count; ++i) call();
    recording.end(stream);
  } catch (...) {
    recording.abandon(stream);
    throw;
  }
  return recording;
}

}  // namespace

std::string path_name(Path path) {
  constexpr std::array names{"automatic", "direct", "recorded", "resident"};
  return names[static_cast<std::size_t>(path)];
}

Path parse_path(const std::string& name) {
  std::vector<std::string> known;
  for (const Path path : paths) {
    known.push_back(path_name(path));
    if (name == known.back()) return path;
  }
  known.emplace_back("all");
  refuse_name("--path", name, "path", known);
}

std::vector<Path> paths_of(const Workload& workload, Backend backend) {
  std::vector<Path> all;
  if (workload.task == Task::inference && workload.batch == 1) all.push_back(Path::automatic);  // through Policy
  all.push_back(Path::direct);
  if (backend == Backend::cuda) all.push_back(Path::recorded);
  if (backend == Backend::cuda && workload.task == Task::training) all.push_back(Path::resident);
  return all;
}

Timed prepare(const Workload& workload, DeviceId device, Path path) {
  if (device.backend == Backend::cpu && path == Path::recorded) {
    throw input_error("path recorded", "the CPU has no launches to save, and records nothing");
  }
  switch (workload.task) {
    case Task::training:
      return prepare_training(workload, device, path);
    case Task::inference:
      return prepare_inference(workload, device, path);
    case Task::product:
      return prepare_product(workload, device, path);
    case Task::adam:
      return prepare_adam(workload, device, path);
    case Task::layer:
      return prepare_layer(workload, device, path);
    case Task::episodes:
      return prepare_episodes(workload, device, path);
  }
  throw Error(Error::Cause::internal, "mynah-bench", "a task that is not known");
}

void refuse_resident(Path path, const std::string& what) {
  if (path == Path::resident) throw input_error("path resident", "is there for training, not for " + what);
}

Stream open_stream(const Workload& workload, DeviceId device) {
  Stream stream(device);
  if (workload.threads > 1 && device.backend == Backend::cpu) {
    stream.use_threads(workload.threads, Stream::Binding::bound);
  }
  return stream;
}

Timed repeat(Stream& stream, Path path, std::function<void()> call) {
  Timed timed;
  timed.work.launches = 1.0;
  call();  // scratch memory grows, pages are touched
  stream.synchronize();
  if (!kernels::Recording::supported(stream) || path == Path::direct) {
    timed.description = "operations called one by one";
    timed.run = [&stream, call = std::move(call)](Index count) {
      for (Index i = 0; i < count; ++i) call();
      stream.synchronize();
    };
    return timed;
  }
  const auto many = std::make_shared<kernels::Recording>(record(stream, call, recorded_calls));
  const auto one = std::make_shared<kernels::Recording>(record(stream, call, 1));
  timed.description = "recorded, " + std::to_string(one->launches()) + " launches a step";
  timed.work.launches = one->launches();
  timed.run = [&stream, many, one, call = std::move(call)](Index count) {
    for (; count >= recorded_calls; count -= recorded_calls) many->replay(stream);
    for (; count > 0; --count) one->replay(stream);
    stream.synchronize();
  };
  return timed;
}

}  // namespace mynah::bench
