#include <algorithm>
#include <cstdio>

#include "device_state.h"
#include "executor.h"
#include "kernel_module.h"
#include "thread_index.h"

// What the executor says about a failure.

namespace cuda_on_cpu::detail {
namespace {

std::string text_of(uint3 index) {
  char text[48];
  std::snprintf(text, sizeof(text), "(%u, %u, %u)", index.x, index.y, index.z);
  return text;
}

}  // namespace

void Executor::note_failure(cudaError_t error, const std::string& text) {
  failed_ = true;
  fail_device(error, text + "\n  in " + describe_running());
}

void Executor::note_stuck(const std::string& what) {
  note_failure(cudaErrorLaunchFailure, what + waiting_threads());
}

std::string Executor::name_of(int thread) const {
  const auto linear = static_cast<unsigned>(thread % stride_);
  const dim3 block = launch_->block;
  return text_of({linear % block.x, linear / block.x % block.y, linear / (block.x * block.y)});
}

std::string Executor::describe_running() const {
  if (!is_running()) return {};
  return "kernel " + kernel_name(launch_->function) + ", block " + text_of(writable_block_index()) + ", thread " +
         name_of(current_);
}

std::string Executor::describe_shared(const void* address) const {
  for (int i = 0; launch_ != nullptr && i < cluster_blocks_; ++i) {
    const Block& one = *blocks_[static_cast<std::size_t>(i)];
    if (!one.dynamic_shared.is_near(address) && !one.kept_static_shared.is_near(address)) continue;
    const char* what = !one.begun ? ", which has not begun" : one.exited == threads_ ? ", which has ended" : "";
    return "shared memory of block " + text_of(one.index) + what;
  }
  return {};
}

std::string Executor::waiting_threads() const {
  struct Group {
    const Thread* like;
    int count;
    int first;
  };
  std::vector<Group> groups;
  for (int i = 0; i < static_cast<int>(thread_.size()); ++i) {
    const Thread& thread = thread_[static_cast<std::size_t>(i)];
    if (thread.waits_in == nullptr) continue;
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
      return group.like->waits_in == thread.waits_in && group.like->waits_at.line == thread.waits_at.line &&
             group.like->waits_for == thread.waits_for && block_of(group.first) == block_of(i);
    });
    if (same != groups.end())
      ++same->count;
    else
      groups.push_back({&thread, 1, i});
  }
  std::string text;
  for (const Group& group : groups) {
    text += "\n  " + std::to_string(group.count) + (group.count == 1 ? " thread" : " threads") + " from " +
            name_of(group.first);
    if (cluster_blocks_ > 1) {
      text += " of block " + text_of(blocks_[static_cast<std::size_t>(block_of(group.first))]->index);
    }
    text += std::string(" on: in ") + group.like->waits_in;
    if (group.like->waits_for != 0) {
      char mask[24];
      std::snprintf(mask, sizeof(mask), " (mask %08x)", group.like->waits_for);
      text += mask;
    }
    if (group.like->waits_at.file != nullptr)
      text += " at " + std::string(group.like->waits_at.file) + ":" + std::to_string(group.like->waits_at.line);
  }
  return text;
}

}  // namespace cuda_on_cpu::detail
