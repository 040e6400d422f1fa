// Steps of a task alone, without a policy: copies that start again by themselves.
//
// Every copy repeats one action, drawn at random: what a task costs hardly depends on it, but that episodes which
// actions can end are short, and starts count more than with a policy.

#include <memory>

#include "algorithms/experts.h"
#include "algorithms/tasks/vector_task.h"
#include "bench/mynah_bench/timed.h"

namespace mynah::bench {
namespace {

VectorTaskOptions options_of(const Workload& workload) {
  VectorTaskOptions options;
  options.copies = workload.batch;
  options.seed = 1;
  return options;
}

struct Copies {
  Copies(const Workload& workload, DeviceId device)
      : stream(open_stream(workload, device)),
        task(make_task(workload.environment)),
        copies(stream, *task, options_of(workload)) {
    make_random_policy(*task, 1)->act(stream, {copies.observations(), copies.elapsed(), 0}, copies.actions());
    stream.synchronize();
  }
  Stream stream;
  std::unique_ptr<mynah::Task> task;
  VectorTask copies;
};

}  // namespace

Timed prepare_episodes(const Workload& workload, DeviceId device, Path path) {
  refuse_resident(path, "tasks");
  const auto state = std::make_shared<Copies>(workload, device);
  Timed timed = repeat(state->stream, path, [state] { state->copies.step(); });
  timed.members = workload.batch;
  return timed;
}

}  // namespace mynah::bench
