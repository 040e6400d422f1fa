#include <cuda_on_cpu/control.h>
#include <gtest/gtest.h>

#include <vector>

#include "device_vector.h"
#include "kernels.h"

namespace {

using cuda_on_cpu::Schedule;
using cuda_on_cpu::ScheduleScope;

class CaptureTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    ASSERT_EQ(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking), cudaSuccess);
  }
  void TearDown() override {
    cuda_on_cpu::reset();
    EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(side), cudaSuccess);
  }

  cudaStreamCaptureStatus status() {
    cudaStreamCaptureStatus value{};
    EXPECT_EQ(cudaStreamIsCapturing(stream, &value), cudaSuccess);
    return value;
  }

  cudaStream_t stream = nullptr;
  cudaStream_t side = nullptr;
};

TEST_F(CaptureTest, NothingRunsUntilTheGraphIsLaunched) {
  const DeviceVector<float> y(std::vector<float>(4, 0.0f));
  EXPECT_EQ(status(), cudaStreamCaptureStatusNone);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(status(), cudaStreamCaptureStatusActive);
  // Arguments are copied: those of the launch are gone when the graph runs.
  ASSERT_EQ(correct::add(stream, y.get(), 4, 2.0f), cudaSuccess);
  ASSERT_EQ(correct::add(stream, y.get(), 4, 1.0f), cudaSuccess);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(status(), cudaStreamCaptureStatusNone);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(y.to_host(), std::vector<float>(4, 0.0f));

  std::size_t count = 0;
  ASSERT_EQ(cudaGraphGetNodes(graph, nullptr, &count), cudaSuccess);
  EXPECT_EQ(count, 2u);
  std::vector<cudaGraphNode_t> nodes(count);
  ASSERT_EQ(cudaGraphGetNodes(graph, nodes.data(), &count), cudaSuccess);
  cudaGraphNodeType type{};
  ASSERT_EQ(cudaGraphNodeGetType(nodes[0], &type), cudaSuccess);
  EXPECT_EQ(type, cudaGraphNodeTypeKernel);

  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(y.to_host(), std::vector<float>(4, 9.0f));
}

TEST_F(CaptureTest, AReplayedCopyReadsItsSourceAtEveryReplay) {
  const DeviceVector<float> y(1);
  float* source = nullptr;
  ASSERT_EQ(cudaMallocHost(&source, sizeof(float)), cudaSuccess);
  *source = 1.0f;
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(y.get(), source, sizeof(float), cudaMemcpyHostToDevice, stream), cudaSuccess);
  ASSERT_EQ(correct::add(stream, y.get(), 1, 10.0f), cudaSuccess);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph), cudaSuccess);
  for (const float value : {2.0f, 3.0f}) {
    *source = value;
    ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    EXPECT_EQ(y.to_host()[0], value + 10.0f);
  }
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(source), cudaSuccess);
}

TEST_F(CaptureTest, ForkAndJoinThroughEvents) {
  for (const Schedule schedule : {Schedule{Schedule::Kind::forward, 0}, Schedule{Schedule::Kind::reverse, 0},
                                  Schedule{Schedule::Kind::random, 9}}) {
    const ScheduleScope scope(schedule);
    const DeviceVector<float> a(4), b(4);
    cudaEvent_t fork = nullptr;
    cudaEvent_t join = nullptr;
    ASSERT_EQ(cudaEventCreate(&fork), cudaSuccess);
    ASSERT_EQ(cudaEventCreate(&join), cudaSuccess);
    ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
    ASSERT_EQ(cudaMemsetAsync(a.get(), 0, 16, stream), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(fork, stream), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(side, fork), cudaSuccess);
    ASSERT_EQ(cudaMemcpyAsync(b.get(), a.get(), 16, cudaMemcpyDeviceToDevice, side), cudaSuccess);
    ASSERT_EQ(correct::add(side, b.get(), 4, 5.0f), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(join, side), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(stream, join), cudaSuccess);
    ASSERT_EQ(cudaMemcpyAsync(a.get(), b.get(), 16, cudaMemcpyDeviceToDevice, stream), cudaSuccess);
    EXPECT_EQ(cudaEventQuery(join), cudaErrorCapturedEvent);
    cudaGraph_t graph = nullptr;
    ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    cudaGraphExec_t executable = nullptr;
    ASSERT_EQ(cudaGraphInstantiate(&executable, graph), cudaSuccess);
    ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    EXPECT_EQ(a.to_host(), std::vector<float>(4, 5.0f));
    EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    EXPECT_EQ(cudaEventDestroy(fork), cudaSuccess);
    EXPECT_EQ(cudaEventDestroy(join), cudaSuccess);
  }
}

TEST_F(CaptureTest, AForgottenJoinIsRefused) {
  const DeviceVector<float> a(4);
  cudaEvent_t fork = nullptr;
  ASSERT_EQ(cudaEventCreate(&fork), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(fork, stream), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(side, fork), cudaSuccess);
  ASSERT_EQ(correct::add(side, a.get(), 4, 5.0f), cudaSuccess);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(cudaEventDestroy(fork), cudaSuccess);
}

TEST_F(CaptureTest, CallsThatCannotBeCapturedInvalidateTheCapture) {
  const DeviceVector<float> y(4);
  void* memory = nullptr;
  float host = 0.0f;
  const auto refused = [&](const char* name, cudaError_t expected, auto call) {
    ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
    EXPECT_EQ(call(), expected) << name;
    EXPECT_EQ(status(), cudaStreamCaptureStatusInvalidated) << name;
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated) << name;
    EXPECT_EQ(status(), cudaStreamCaptureStatusNone) << name;
    cudaGetLastError();
  };
  constexpr cudaError_t unsupported = cudaErrorStreamCaptureUnsupported;
  refused("malloc", unsupported, [&] { return cudaMalloc(&memory, 16); });
  refused("free", unsupported, [&] { return cudaFree(y.get()); });
  refused("copy", unsupported, [&] { return cudaMemcpy(&host, y.get(), 4, cudaMemcpyDeviceToHost); });
  refused("synchronize", unsupported, [&] { return cudaStreamSynchronize(stream); });
  refused("device", unsupported, [&] { return cudaDeviceSynchronize(); });
  refused("query", unsupported, [&] { return cudaStreamQuery(stream); });

  cudaStream_t blocking = nullptr;
  ASSERT_EQ(cudaStreamCreate(&blocking), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeRelaxed), cudaSuccess);
  EXPECT_EQ(correct::add(nullptr, y.get(), 4, 1.0f), cudaErrorStreamCaptureImplicit);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(blocking, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(cudaStreamDestroy(blocking), cudaSuccess);
}

TEST_F(CaptureTest, MisusedCaptures) {
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorIllegalState);
  EXPECT_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal), cudaErrorStreamCaptureUnsupported);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaErrorIllegalState);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

}  // namespace
