#include "stream.h"

#include <algorithm>
#include <utility>

#include "device_memory.h"
#include "device_state.h"
#include "include/cuda_on_cpu/control.h"
#include "include/cuda_runtime_api.h"
#include "schedule.h"

namespace cuda_on_cpu::detail {

Streams& streams() {
  static auto* instance = new Streams;
  return *instance;
}

void run_first(StreamState& stream, bool host_waits) {
  if (stream.suspended) {
    if (stream.suspended->go_on(host_waits)) stream.suspended.reset();
    return;
  }
  Operation operation = std::move(stream.queue.front());
  stream.queue.pop_front();
  if (&stream == streams().legacy.get()) {
    const auto others = streams().all;
    for (const auto& other : others)
      if (other.get() != &stream && other->blocking) run_before(*other, operation.sequence);
  } else if (stream.blocking) {
    run_before(*streams().legacy, operation.sequence);
  }
  if (operation.wait_first) operation.wait_first();
  if (sticky_error() == cudaSuccess && operation.run) operation.run();
  stream.suspended = take_suspended();
  if (stream.suspended) stream.suspended->sequence = operation.sequence;
}

void run_before(StreamState& stream, std::uint64_t limit) {
  for (;;) {
    if (stream.idle()) return;
    if ((stream.suspended ? stream.suspended->sequence : stream.queue.front().sequence) >= limit) return;
    run_first(stream);
  }
}

std::shared_ptr<StreamState> find_stream(cudaStream_t stream) {
  if (stream == nullptr || stream == cudaStreamLegacy) return streams().legacy;
  if (stream == cudaStreamPerThread) return streams().per_thread;
  return streams().handles.count(stream) != 0 ? stream->state : nullptr;
}

void drain(StreamState& stream) {
  if (stream.idle()) return;
  const OpenMemory open;
  run_before(stream, everything);
}

void drain_all() {
  const OpenMemory open;
  for (;;) {
    std::vector<StreamState*> busy;
    for (const auto& stream : streams().all)
      if (!stream->queue.empty() && !stream->suspended) busy.push_back(stream.get());
    // What waits for the host is no reason for others to wait.
    for (const auto& stream : streams().all)
      if (busy.empty() && stream->suspended) busy.push_back(stream.get());
    if (busy.empty()) return;
    run_first(*busy[choices().choose(busy.size())]);
  }
}

void drop_all_work() {
  for (const auto& stream : streams().all) {
    stream->queue.clear();
    if (stream->suspended) {
      const OpenMemory open;
      stream->suspended->drop();
      stream->suspended.reset();
    }
    if (stream->capture && stream->capture->origin == stream.get()) delete stream->capture->graph;
    stream->capture.reset();
    stream->last.clear();
  }
}

cudaError_t enqueue(cudaStream_t handle, cudaGraphNodeType type, std::function<void()> run) {
  const auto stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (stream->capture) {
    if (stream->capture->invalid) return cudaErrorStreamCaptureInvalidated;
    auto node = std::make_shared<CUgraphNode_st>();
    node->operation.type = type;
    node->operation.run = std::move(run);
    node->after = stream->last;
    stream->last = {node.get()};
    stream->capture->graph->nodes.push_back(std::move(node));
    return cudaSuccess;
  }
  if (stream == streams().legacy)
    if (const cudaError_t error = refuse_implicit_wait()) return error;
  stream->queue.push_back({type, std::move(run), {}, streams().next_sequence++});
  return cudaSuccess;
}

namespace {

cudaError_t create_stream(cudaStream_t* stream, unsigned flags) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (stream == nullptr || (flags & ~cudaStreamNonBlocking) != 0) return returned(cudaErrorInvalidValue);
  auto state = std::make_shared<StreamState>();
  state->flags = flags;
  state->blocking = (flags & cudaStreamNonBlocking) == 0;
  streams().all.push_back(state);
  *stream = new CUstream_st{std::move(state)};
  streams().handles.insert(*stream);
  return cudaSuccess;
}

}  // namespace
}  // namespace cuda_on_cpu::detail

using namespace cuda_on_cpu::detail;

void cuda_on_cpu::reset() {
  const DeviceLock lock;
  drop_all_work();
  clear_errors();
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return create_stream(stream, cudaStreamDefault);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags) {
  return create_stream(stream, flags);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int flags, int) {
  return create_stream(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const DeviceLock lock;
  if (streams().handles.count(stream) == 0) return returned(cudaErrorInvalidResourceHandle);
  if (stream->state->capture) stream->state->capture->invalid = true;
  drain(*stream->state);
  auto& all = streams().all;
  all.erase(std::find(all.begin(), all.end(), stream->state));
  streams().handles.erase(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  const DeviceLock lock;
  const auto stream = find_stream(handle);
  if (!stream) return returned(cudaErrorInvalidResourceHandle);
  if (stream->capture) {
    stream->capture->invalid = true;
    return returned(cudaErrorStreamCaptureUnsupported);
  }
  if (stream == streams().legacy) {
    if (const cudaError_t error = refuse_implicit_wait()) return returned(error);
    const OpenMemory open;
    const auto others = streams().all;
    for (const auto& other : others)
      if (other->blocking) run_before(*other, everything);
  }
  drain(*stream);
  return returned(sticky_error());
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  const DeviceLock lock;
  const auto stream = find_stream(handle);
  if (!stream) return returned(cudaErrorInvalidResourceHandle);
  if (stream->capture) {
    stream->capture->invalid = true;
    return returned(cudaErrorStreamCaptureUnsupported);
  }
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (stream->idle()) return cudaSuccess;
  // Asking makes progress, so that a loop that polls comes to an end.
  const OpenMemory open;
  run_first(*stream, false);
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  return cudaErrorNotReady;
}

cudaError_t cudaStreamGetFlags(cudaStream_t handle, unsigned int* flags) {
  const DeviceLock lock;
  const auto stream = find_stream(handle);
  if (!stream) return returned(cudaErrorInvalidResourceHandle);
  *flags = stream->flags;
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  const DeviceLock lock;
  if (const cudaError_t error = refuse_during_capture()) return returned(error);
  drain_all();
  return returned(sticky_error());
}

cudaError_t cudaDeviceReset() {
  const DeviceLock lock;
  drop_all_work();
  free_everything();
  clear_errors();
  return cudaSuccess;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* user_data) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (function == nullptr) return returned(cudaErrorInvalidValue);
  return returned(enqueue(stream, cudaGraphNodeTypeHost, [function, user_data] {
    const CloseMemory close;
    function(user_data);
  }));
}
