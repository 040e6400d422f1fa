#include "stream.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "device_memory.h"
#include "device_state.h"
#include "include/cuda_on_cpu/control.h"
#include "include/cuda_runtime_api.h"
#include "schedule.h"

namespace cuda_on_cpu::detail {
namespace {

struct Streams {
  std::shared_ptr<StreamState> legacy = std::make_shared<StreamState>();
  std::shared_ptr<StreamState> per_thread = std::make_shared<StreamState>();
  std::vector<std::shared_ptr<StreamState>> all{legacy, per_thread};  // in order of creation
  std::set<cudaStream_t> handles;
  std::set<cudaEvent_t> events;
  std::uint64_t next_sequence = 1;
};

Streams& streams() {
  static auto* instance = new Streams;
  return *instance;
}

constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

void run_before(StreamState& stream, std::uint64_t limit);

/// Runs the first operation of a stream after what it has to wait for, all of which was queued before it.
void run_first(StreamState& stream) {
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
}

void run_before(StreamState& stream, std::uint64_t limit) {
  while (!stream.queue.empty() && stream.queue.front().sequence < limit) run_first(stream);
}

}  // namespace

std::shared_ptr<StreamState> find_stream(cudaStream_t stream) {
  if (stream == nullptr || stream == cudaStreamLegacy) return streams().legacy;
  if (stream == cudaStreamPerThread) return streams().per_thread;
  return streams().handles.count(stream) != 0 ? stream->state : nullptr;
}

void drain(StreamState& stream) {
  if (stream.queue.empty()) return;
  const OpenMemory open;
  run_before(stream, everything);
}

void drain_all() {
  const OpenMemory open;
  for (;;) {
    std::vector<StreamState*> busy;
    for (const auto& stream : streams().all)
      if (!stream->queue.empty()) busy.push_back(stream.get());
    if (busy.empty()) return;
    run_first(*busy[choices().choose(busy.size())]);
  }
}

void drop_all_work() {
  for (const auto& stream : streams().all) {
    stream->queue.clear();
    if (stream->capture && stream->capture->origin == stream.get()) delete stream->capture->graph;
    stream->capture.reset();
    stream->last.clear();
  }
}

cudaError_t refuse_during_capture() {
  cudaError_t result = cudaSuccess;
  for (const auto& stream : streams().all)
    if (stream->capture && stream->capture->mode != cudaStreamCaptureModeRelaxed) {
      stream->capture->invalid = true;
      result = cudaErrorStreamCaptureUnsupported;
    }
  return result;
}

cudaError_t refuse_implicit_wait() {
  cudaError_t result = cudaSuccess;
  for (const auto& stream : streams().all)
    if (stream->capture && stream->blocking) {
      stream->capture->invalid = true;
      result = cudaErrorStreamCaptureImplicit;
    }
  return result;
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

std::shared_ptr<EventState> find_event(cudaEvent_t event) {
  return streams().events.count(event) != 0 ? event->state : nullptr;
}

/// Whether every node of `nodes` comes before, or is, one of `ends`.
bool all_lead_to(const std::vector<CUgraphNode_st*>& nodes, const std::vector<CUgraphNode_st*>& ends) {
  std::set<CUgraphNode_st*> reached;
  std::vector<CUgraphNode_st*> open = ends;
  while (!open.empty()) {
    CUgraphNode_st* node = open.back();
    open.pop_back();
    if (reached.insert(node).second) open.insert(open.end(), node->after.begin(), node->after.end());
  }
  return std::all_of(nodes.begin(), nodes.end(), [&](CUgraphNode_st* node) { return reached.count(node) != 0; });
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
  if (stream->queue.empty()) return cudaSuccess;
  // Asking makes progress, so that a loop that polls comes to an end.
  const OpenMemory open;
  run_first(*stream);
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

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (event == nullptr) return returned(cudaErrorInvalidValue);
  *event = new CUevent_st{std::make_shared<EventState>(), flags};
  streams().events.insert(*event);
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const DeviceLock lock;
  if (streams().events.erase(event) == 0) return returned(cudaErrorInvalidResourceHandle);
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream_handle) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  const auto event = find_event(handle);
  const auto stream = find_stream(stream_handle);
  if (!event || !stream) return returned(cudaErrorInvalidResourceHandle);
  if (stream->capture) {
    if (stream->capture->invalid) return returned(cudaErrorStreamCaptureInvalidated);
    event->capture = stream->capture;
    event->captured = stream->last;
    return cudaSuccess;
  }
  const std::uint64_t sequence = streams().next_sequence;
  const cudaError_t error = enqueue(stream_handle, cudaGraphNodeTypeEmpty, [event, sequence] {
    if (event->sequence != sequence) return;
    event->done = true;
    event->time = std::chrono::steady_clock::now();
  });
  if (error != cudaSuccess) return returned(error);
  event->capture.reset();
  event->recorded = true;
  event->done = false;
  event->sequence = sequence;
  event->stream = stream;
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream_handle, cudaEvent_t handle, unsigned int) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  const auto event = find_event(handle);
  const auto stream = find_stream(stream_handle);
  if (!event || !stream) return returned(cudaErrorInvalidResourceHandle);
  if (event->capture && event->capture->graph != nullptr) {
    // Waiting for an event of a capture draws the stream into it.
    if (stream->capture && stream->capture != event->capture) return returned(cudaErrorStreamCaptureMerge);
    if (stream == streams().legacy) return returned(cudaErrorStreamCaptureImplicit);
    if (!stream->capture) {
      stream->capture = event->capture;
      stream->last.clear();
      event->capture->streams.push_back(stream);
    }
    for (CUgraphNode_st* node : event->captured)
      if (std::find(stream->last.begin(), stream->last.end(), node) == stream->last.end()) stream->last.push_back(node);
    return cudaSuccess;
  }
  if (stream->capture) {
    if (!event->recorded) return cudaSuccess;
    stream->capture->invalid = true;
    return returned(cudaErrorStreamCaptureIsolation);
  }
  if (!event->recorded || event->done) return cudaSuccess;
  const auto source = event->stream;
  const std::uint64_t sequence = event->sequence;
  if (const cudaError_t error = enqueue(stream_handle, cudaGraphNodeTypeEmpty, {})) return returned(error);
  stream->queue.back().wait_first = [source, sequence] {
    if (const auto other = source.lock()) run_before(*other, sequence + 1);
  };
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  const DeviceLock lock;
  const auto event = find_event(handle);
  if (!event) return returned(cudaErrorInvalidResourceHandle);
  if (event->capture) return returned(cudaErrorCapturedEvent);
  if (event->recorded && !event->done)
    if (const auto stream = event->stream.lock()) {
      const OpenMemory open;
      run_before(*stream, event->sequence + 1);
    }
  return returned(sticky_error());
}

cudaError_t cudaEventQuery(cudaEvent_t handle) {
  const DeviceLock lock;
  const auto event = find_event(handle);
  if (!event) return returned(cudaErrorInvalidResourceHandle);
  if (event->capture) return returned(cudaErrorCapturedEvent);
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (!event->recorded || event->done) return cudaSuccess;
  if (const auto stream = event->stream.lock()) {
    const OpenMemory open;
    if (!stream->queue.empty()) run_first(*stream);
  }
  return cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start_handle, cudaEvent_t end_handle) {
  const DeviceLock lock;
  const auto start = find_event(start_handle);
  const auto end = find_event(end_handle);
  if (!start || !end || !start->recorded || !end->recorded ||
      ((start_handle->flags | end_handle->flags) & cudaEventDisableTiming) != 0)
    return returned(cudaErrorInvalidResourceHandle);
  if (!start->done || !end->done) return cudaErrorNotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  const auto stream = find_stream(handle);
  if (!stream) return returned(cudaErrorInvalidResourceHandle);
  if (stream == streams().legacy) return returned(cudaErrorStreamCaptureUnsupported);
  if (stream->capture) return returned(cudaErrorIllegalState);
  auto capture = std::make_shared<Capture>();
  capture->graph = new CUgraph_st;
  capture->origin = stream.get();
  capture->mode = mode;
  capture->streams = {stream};
  stream->capture = std::move(capture);
  stream->last.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  const DeviceLock lock;
  const auto stream = find_stream(handle);
  if (!stream) return returned(cudaErrorInvalidResourceHandle);
  if (graph == nullptr) return returned(cudaErrorInvalidValue);
  *graph = nullptr;
  if (!stream->capture) return returned(cudaErrorIllegalState);
  const auto capture = stream->capture;
  if (capture->origin != stream.get()) {
    capture->invalid = true;
    return returned(cudaErrorStreamCaptureUnmatched);
  }
  bool joined = true;
  for (const auto& member : capture->streams) {
    if (member != stream && !all_lead_to(member->last, stream->last)) joined = false;
  }
  for (const auto& member : capture->streams) {
    member->capture.reset();
    member->last.clear();
  }
  cudaGraph_t recorded = std::exchange(capture->graph, nullptr);
  capture->streams.clear();
  if (capture->invalid || !joined) {
    delete recorded;
    return returned(capture->invalid ? cudaErrorStreamCaptureInvalidated : cudaErrorStreamCaptureUnjoined);
  }
  *graph = recorded;
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  const DeviceLock lock;
  const auto stream = find_stream(handle);
  if (!stream) return returned(cudaErrorInvalidResourceHandle);
  *status = !stream->capture           ? cudaStreamCaptureStatusNone
            : stream->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                       : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
