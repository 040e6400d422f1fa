#include <algorithm>
#include <set>
#include <utility>

#include "device_state.h"
#include "include/cuda_runtime_api.h"
#include "schedule.h"
#include "stream.h"

namespace cuda_on_cpu::detail {
namespace {

using Nodes = std::vector<std::shared_ptr<CUgraphNode_st>>;

void run(const Operation& operation) {
  operation.run();
  if (auto suspended = take_suspended()) {
    fail_device(cudaErrorNotSupported, "a recorded kernel waits for the host, which only one in a stream can here");
    suspended->drop();
  }
}

/// Runs the nodes in an order that their dependencies allow and the schedule chooses.
void replay(const Nodes& nodes) {
  if (choices().kind() == Schedule::Kind::forward) {
    for (const auto& node : nodes)
      if (sticky_error() == cudaSuccess && node->operation.run) run(node->operation);
    return;
  }
  std::set<const CUgraphNode_st*> done;
  std::vector<const CUgraphNode_st*> left;
  for (const auto& node : nodes) left.push_back(node.get());
  while (!left.empty() && sticky_error() == cudaSuccess) {
    std::vector<std::size_t> free;
    for (std::size_t i = 0; i < left.size(); ++i)
      if (std::all_of(left[i]->after.begin(), left[i]->after.end(),
                      [&](const CUgraphNode_st* node) { return done.count(node) != 0; }))
        free.push_back(i);
    const std::size_t chosen = free[choices().choose(free.size())];
    const CUgraphNode_st* node = left[chosen];
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(chosen));
    if (node->operation.run) run(node->operation);
    done.insert(node);
  }
}

}  // namespace
}  // namespace cuda_on_cpu::detail

using namespace cuda_on_cpu::detail;

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (executable == nullptr || graph == nullptr) return returned(cudaErrorInvalidValue);
  *executable = new CUgraphExec_st{graph->nodes};
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  return cudaGraphInstantiate(executable, graph, flags);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t) {
  return returned(executable == nullptr ? cudaErrorInvalidValue : sticky_error());
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (executable == nullptr) return returned(cudaErrorInvalidValue);
  // Copies the list, not the nodes: the executable may be destroyed before the stream gets here.
  return returned(enqueue(stream, cudaGraphNodeTypeGraph, [nodes = executable->nodes] { replay(nodes); }));
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const DeviceLock lock;
  if (graph == nullptr) return returned(cudaErrorInvalidValue);
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const DeviceLock lock;
  if (executable == nullptr) return returned(cudaErrorInvalidValue);
  delete executable;
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  const DeviceLock lock;
  if (graph == nullptr || count == nullptr) return returned(cudaErrorInvalidValue);
  if (nodes != nullptr) {
    for (std::size_t i = 0; i < *count; ++i) nodes[i] = i < graph->nodes.size() ? graph->nodes[i].get() : nullptr;
    *count = std::min(*count, graph->nodes.size());
  } else {
    *count = graph->nodes.size();
  }
  return cudaSuccess;
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  if (node == nullptr || type == nullptr) return returned(cudaErrorInvalidValue);
  *type = node->operation.type;
  return cudaSuccess;
}
