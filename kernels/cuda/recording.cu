#include "kernels/recording.h"

#include <cuda_runtime.h>

#include "kernels/cuda/check.h"

namespace mynah::kernels::cuda {
namespace {

cudaStream_t native(const Stream& stream) {
  return static_cast<cudaStream_t>(stream.native());
}

/// A captured graph, until it is made executable.
struct Graph {
  cudaGraph_t graph = nullptr;
  Graph() = default;
  ~Graph() {
    if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
};

}  // namespace

void begin_recording(Stream& stream) {
  const CurrentDevice current(stream.device().ordinal, "record");
  // Thread-local: an allocation by this thread is an error, as it must be (the plan would not be steady); what other
  // threads of the host program do is their own business.
  check(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeThreadLocal), "record");
}

void* end_recording(Stream& stream, int* launches) {
  const CurrentDevice current(stream.device().ordinal, "record");
  Graph captured;
  check(cudaStreamEndCapture(native(stream), &captured.graph), "record");
  std::size_t nodes = 0;
  check(cudaGraphGetNodes(captured.graph, nullptr, &nodes), "record");
  *launches = static_cast<int>(nodes);
  cudaGraphExec_t executable = nullptr;
  check(cudaGraphInstantiateWithFlags(&executable, captured.graph, 0), "record");
  return executable;
}

void abandon_recording(Stream& stream) noexcept {
  Graph captured;
  static_cast<void>(cudaStreamEndCapture(native(stream), &captured.graph));
  static_cast<void>(cudaGetLastError());
}

void replay_recording(Stream& stream, void* executable) {
  const CurrentDevice current(stream.device().ordinal, "replay");
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(executable), native(stream)), "replay");
}

void run_after(Stream& stream, const Stream& before) {
  const CurrentDevice current(stream.device().ordinal, "run_after");
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "run_after");
  const cudaError_t recorded = cudaEventRecord(event, native(before));
  const cudaError_t waits = recorded == cudaSuccess ? cudaStreamWaitEvent(native(stream), event, 0) : recorded;
  static_cast<void>(cudaEventDestroy(event));  // what waits for it is not disturbed
  check(waits, "run_after");
}

void destroy_recording(void* executable) noexcept {
  static_cast<void>(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(executable)));
}

}  // namespace mynah::kernels::cuda
