#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "include/driver_types.h"
#include "suspended_launch.h"

namespace cuda_on_cpu::detail {

/// Something the device does: queued in a stream, or a node of a graph.
struct Operation {
  cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
  std::function<void()> run;
  std::function<void()> wait_first;  ///< Brings about what the operation has to wait for in other streams.
  std::uint64_t sequence = 0;
};

struct EventState {
  bool recorded = false;
  bool done = false;
  std::uint64_t sequence = 0;  // of the record last asked for
  std::chrono::steady_clock::time_point time;
  std::weak_ptr<struct StreamState> stream;
  std::shared_ptr<struct Capture> capture;  // set when last recorded in a capturing stream
  std::vector<CUgraphNode_st*> captured;
};

struct StreamState {
  bool blocking = true;
  unsigned flags = 0;
  std::deque<Operation> queue;
  std::optional<SuspendedLaunch> suspended;  ///< The operation that runs; those in the queue come after it.

  bool idle() const { return queue.empty() && !suspended; }
  std::shared_ptr<struct Capture> capture;
  std::vector<CUgraphNode_st*> last;  // the nodes that the next captured operation comes after
};

struct Capture {
  cudaGraph_t graph = nullptr;
  StreamState* origin = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  bool invalid = false;
  std::vector<std::shared_ptr<StreamState>> streams;
};

/// Every stream and event there is.
struct Streams {
  std::shared_ptr<StreamState> legacy = std::make_shared<StreamState>();
  std::shared_ptr<StreamState> per_thread = std::make_shared<StreamState>();
  std::vector<std::shared_ptr<StreamState>> all{legacy, per_thread};  // in order of creation
  std::set<cudaStream_t> handles;
  std::set<cudaEvent_t> events;
  std::uint64_t next_sequence = 1;
};

Streams& streams();

/// nullptr for a handle that is none.
std::shared_ptr<StreamState> find_stream(cudaStream_t stream);

/// Queues an operation, or records it where the stream captures. The usual end of every asynchronous call.
cudaError_t enqueue(cudaStream_t stream, cudaGraphNodeType type, std::function<void()> run);

/// For calls that are not allowed while this thread captures: invalidates the captures and says so.
cudaError_t refuse_during_capture();

/// The same for calls on the legacy stream.
cudaError_t refuse_implicit_wait();

/// Runs the first operation of a stream after what it has to wait for, all of which was queued before it; or lets the
/// suspended one go on. host_waits: see SuspendedLaunch.
void run_first(StreamState& stream, bool host_waits = true);

/// Runs what was queued in a stream before the operation numbered `limit`.
void run_before(StreamState& stream, std::uint64_t limit);
inline constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

/// Runs everything in one stream, or in all.
void drain(StreamState& stream);
void drain_all();

/// Forgets queued work and captures.
void drop_all_work();

}  // namespace cuda_on_cpu::detail

struct CUstream_st {
  std::shared_ptr<cuda_on_cpu::detail::StreamState> state;
};

struct CUevent_st {
  std::shared_ptr<cuda_on_cpu::detail::EventState> state;
  unsigned flags = 0;
};

struct CUgraphNode_st {
  cuda_on_cpu::detail::Operation operation;
  std::vector<CUgraphNode_st*> after;
};

struct CUgraph_st {
  std::vector<std::shared_ptr<CUgraphNode_st>> nodes;  // in the order of the capture, which respects their dependencies
};

struct CUgraphExec_st {
  std::vector<std::shared_ptr<CUgraphNode_st>> nodes;
};
