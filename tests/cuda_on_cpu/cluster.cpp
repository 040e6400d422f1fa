#include <string>

#include "executor.h"

// The parts of the executor that blocks of a cluster meet in.

namespace cuda_on_cpu::detail {

void Executor::cluster_arrive(Site site) {
  Thread& me = thread_[static_cast<std::size_t>(current_)];
  me.waits_in = "the cluster's barrier";
  me.waits_at = site;
  if (me.has_arrived) {
    note_stuck("thread " + name_of(current_) + " comes to the cluster's barrier twice without waiting in between");
    abandon();
  }
  if (cluster_arrived_ == 0) cluster_site_ = site;
  if (!is_same(site, cluster_site_)) {
    note_stuck("divergent barrier: threads of one cluster come to it at different lines");
    abandon();
  }
  if (cluster_gone_ > 0) {
    note_stuck("threads wait for the whole cluster after " + std::to_string(cluster_gone_) + " of it returned");
    abandon();
  }
  me.waits_in = nullptr;
  me.has_arrived = true;
  me.arrived_in = cluster_phase_;
  if (++cluster_arrived_ < threads_ * cluster_blocks_) return;
  cluster_arrived_ = cluster_gone_ = 0;
  ++cluster_phase_;
  for (int i = 0; i < static_cast<int>(thread_.size()); ++i) {
    Thread& thread = thread_[static_cast<std::size_t>(i)];
    if (thread.exited) ++cluster_gone_;
    if (thread.waits_for_cluster) set_ready(i);
    thread.waits_for_cluster = false;
  }
}

void Executor::cluster_wait(Site site) {
  Thread& me = thread_[static_cast<std::size_t>(current_)];
  me.waits_in = "the cluster's barrier";
  me.waits_at = site;
  if (!me.has_arrived) {
    note_stuck("thread " + name_of(current_) + " waits at the cluster's barrier without having come to it");
    abandon();
  }
  if (me.arrived_in == cluster_phase_) {
    me.waits_for_cluster = true;
    set_waiting(current_);
    suspend();
  }
  me.has_arrived = false;
  me.waits_in = nullptr;
}

char* Executor::in_block(const void* mine, unsigned rank, Site site) {
  if (rank >= cluster_size()) {
    note_failure(cudaErrorLaunchFailure, "there is no block " + std::to_string(rank) + " in a cluster of " +
                                             std::to_string(cluster_size()) + ", asked for at " + site.file + ":" +
                                             std::to_string(site.line));
    abandon();
  }
  const Block& other = *blocks_[rank];
  const char* at = static_cast<const char*>(mine);
  const std::ptrdiff_t in_dynamic = at - block().dynamic_shared.data(), in_static = at - static_shared_;
  if (in_dynamic >= 0 && in_dynamic <= static_cast<std::ptrdiff_t>(launch_->dynamic_shared_bytes)) {
    return other.dynamic_shared.data() + in_dynamic;
  }
  if (in_static >= 0 && in_static <= static_cast<std::ptrdiff_t>(static_shared_bytes_)) {
    return (&other == &block() ? static_shared_ : other.kept_static_shared.data()) + in_static;
  }
  fail_kernel("what is to be found in another block is not in the own block's shared memory", site);
}

}  // namespace cuda_on_cpu::detail
