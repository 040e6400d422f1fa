#include <algorithm>
#include <chrono>

#include "device_memory.h"
#include "device_state.h"
#include "include/cuda_runtime_api.h"
#include "stream.h"

namespace cuda_on_cpu::detail {
namespace {

std::shared_ptr<EventState> find_event(cudaEvent_t event) {
  return streams().events.count(event) != 0 ? event->state : nullptr;
}

}  // namespace
}  // namespace cuda_on_cpu::detail

using namespace cuda_on_cpu::detail;

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
    if (!stream->idle()) run_first(*stream, false);
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
