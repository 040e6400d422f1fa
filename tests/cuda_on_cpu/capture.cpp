#include <algorithm>
#include <set>
#include <utility>

#include "device_state.h"
#include "include/cuda_runtime_api.h"
#include "stream.h"

namespace cuda_on_cpu::detail {
namespace {

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

}  // namespace cuda_on_cpu::detail

using namespace cuda_on_cpu::detail;

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
