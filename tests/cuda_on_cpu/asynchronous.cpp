#include "asynchronous.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "executor.h"
#include "schedule.h"

namespace cuda_on_cpu::detail {
namespace {

/// Of the window of shared memory, the first kilobyte belongs to the system, and statically declared memory comes next.
constexpr std::uint32_t first_dynamic_address = 1024 + 16;

void fail_unless(bool condition, const char* text, Site site) {
  if (!condition) fail_kernel(text, site);
}

bool is_multiple(const void* address, std::uintptr_t of) {
  return reinterpret_cast<std::uintptr_t>(address) % of == 0;
}

}  // namespace

void AsynchronousWork::begin_block(int threads) {
  barriers_.clear();
  copies_.clear();
  issuers_.clear();
  warpgroups_.clear();
  threads_ = threads;
}

AsynchronousWork::Issuer& AsynchronousWork::issuer(int thread) {
  if (issuers_.empty()) {  // most kernels never need them
    issuers_.resize(static_cast<std::size_t>(threads_));
    warpgroups_.resize(static_cast<std::size_t>((threads_ + warpgroup_threads - 1) / warpgroup_threads));
  }
  return issuers_[static_cast<std::size_t>(thread)];
}

std::size_t AsynchronousWork::ready_count() const {
  const auto products = std::count_if(warpgroups_.begin(), warpgroups_.end(),
                                      [](const Warpgroup& warpgroup) { return warpgroup.is_ready(); });
  return copies_.size() + static_cast<std::size_t>(products);
}

void AsynchronousWork::progress() {
  switch (choices().kind()) {
    case Schedule::Kind::forward:
      return;
    case Schedule::Kind::reverse:
      while (complete_one()) {
      }
      return;
    case Schedule::Kind::random:
      if (ready_count() > 0 && choices().choose(16) == 0) complete_one();
      return;
  }
}

bool AsynchronousWork::complete_one() {
  const std::size_t count = ready_count();
  if (count == 0) return false;
  std::size_t chosen = choices().choose(count);
  if (chosen < copies_.size()) {
    const Copy copy = copies_[chosen];
    copies_.erase(copies_.begin() + static_cast<std::ptrdiff_t>(chosen));
    complete(copy);
    return true;
  }
  chosen -= copies_.size();
  for (Warpgroup& warpgroup : warpgroups_) {
    if (warpgroup.is_ready() && chosen-- == 0) {
      complete(warpgroup);
      return true;
    }
  }
  return false;
}

void AsynchronousWork::complete(const Copy& copy) {
  std::memcpy(copy.to, copy.from, copy.bytes);
  copy.barrier->bytes -= copy.bytes;
  complete_phase(*copy.barrier);
}

void AsynchronousWork::complete(Warpgroup& warpgroup) {
  const Product product = warpgroup.products.front();
  warpgroup.products.pop_front();
  ++warpgroup.done;
  product.multiply(product.a, product.b, product.sums.data());
  std::erase_if(warpgroup.waiting, [&](const Waiting& waiting) {
    if (waiting.needed > warpgroup.done) return false;
    executor().wake(waiting.thread);
    return true;
  });
}

void AsynchronousWork::complete_phase(Barrier& barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0) return;
  ++barrier.completed;
  barrier.pending = barrier.arrivals;
  for (const int thread : std::exchange(barrier.waiting, {})) executor().wake(thread);
}

AsynchronousWork::Barrier& AsynchronousWork::at(std::uint64_t* barrier, Site site) {
  const auto found = barriers_.find(barrier);
  fail_unless(found != barriers_.end(), "an mbarrier that is not initialised", site);
  return found->second;
}

void AsynchronousWork::initialize(std::uint64_t* barrier, int arrivals, Site site) {
  shared_address(barrier, site);
  fail_unless(is_multiple(barrier, 8), "an mbarrier that is not aligned to 8 bytes", site);
  fail_unless(arrivals > 0 && arrivals < 1 << 20, "an mbarrier with an impossible number of arrivals", site);
  Barrier& fresh = barriers_[barrier];
  fresh = {};
  fresh.arrivals = fresh.pending = arrivals;
}

void AsynchronousWork::arrive(std::uint64_t* barrier, std::uint32_t expected_bytes, Site site) {
  Barrier& there = at(barrier, site);
  fail_unless(there.pending > 0, "more arrivals at an mbarrier than it was initialised for", site);
  there.bytes += expected_bytes;
  fail_unless(there.bytes < 1 << 20, "an mbarrier that expects more than 2^20 - 1 bytes", site);
  --there.pending;
  complete_phase(there);
}

void AsynchronousWork::wait(int thread, std::uint64_t* barrier, std::uint32_t parity, Site site) {
  Barrier& there = at(barrier, site);
  fail_unless(parity <= 1, "the parity of a phase is 0 or 1", site);
  while (there.completed % 2 == parity) {
    there.waiting.push_back(thread);
    executor().wait_in("mbarrier.try_wait", site);
  }
}

void AsynchronousWork::copy(void* to, const void* from, std::uint32_t bytes, std::uint64_t* barrier, Site site) {
  fail_unless(is_multiple(to, 16) && is_multiple(from, 16) && bytes % 16 == 0 && bytes > 0,
              "cp.async.bulk of addresses or sizes that are not multiples of 16 bytes", site);
  shared_address(to, site);
  shared_address(static_cast<const char*>(to) + bytes - 1, site);
  std::memset(to, 0xff, bytes);
  copies_.push_back({to, from, bytes, &at(barrier, site)});
}

void AsynchronousWork::order_registers(int thread) {
  issuer(thread).ordered = true;
}

void AsynchronousWork::multiply(int thread, MultiplyWarpgroup function, std::uint64_t a, std::uint64_t b, float* sums,
                                int count, Site site) {
  const int first = thread / warpgroup_threads * warpgroup_threads;
  fail_unless(first + warpgroup_threads <= threads_, "wgmma in a warpgroup of fewer than 128 threads", site);
  Issuer& me = issuer(thread);
  Warpgroup& warpgroup = warpgroup_of(thread);

  auto mine = std::find_if(me.registers.begin(), me.registers.end(),
                           [&](const auto& registers) { return registers->where == sums; });
  if (mine == me.registers.end()) {
    fail_unless(me.ordered, "wgmma without a wgmma.fence after its registers were read or written", site);
    auto fresh = std::make_unique<Registers>();
    fresh->where = sums;
    fresh->values.assign(sums, sums + count);
    std::memset(sums, 0xff, static_cast<std::size_t>(count) * sizeof(float));
    mine = me.registers.insert(me.registers.end(), std::move(fresh));
  }

  const auto place = static_cast<std::size_t>(me.issued - warpgroup.done);
  if (place == warpgroup.products.size()) {
    Product fresh{};
    fresh.multiply = function;
    fresh.a = a;
    fresh.b = b;
    warpgroup.products.push_back(fresh);
  }
  Product& product = warpgroup.products[place];
  fail_unless(product.multiply == function && product.a == a && product.b == b,
              "threads of a warpgroup bring different operands to their wgmma", site);
  product.sums[static_cast<std::size_t>(thread - first)] = (*mine)->values.data();
  ++product.arrived;
  (*mine)->needed = ++me.issued;
}

void AsynchronousWork::commit(int thread) {
  Issuer& me = issuer(thread);
  me.groups.push_back(me.issued);
}

void AsynchronousWork::wait_for_products(int thread, int others, Site site) {
  Issuer& me = issuer(thread);
  if (me.groups.size() <= static_cast<std::size_t>(others)) return;
  const auto last = me.groups.end() - others - 1;
  const std::int64_t needed = *last;
  me.groups.erase(me.groups.begin(), last + 1);
  Warpgroup& warpgroup = warpgroup_of(thread);
  while (warpgroup.done < needed) {
    warpgroup.waiting.push_back({thread, needed});
    executor().wait_in("wgmma.wait_group", site);
  }
  std::erase_if(me.registers, [&](const auto& registers) {
    if (registers->needed > needed) return false;
    std::copy(registers->values.begin(), registers->values.end(), registers->where);
    me.ordered = false;
    return true;
  });
}

std::uint32_t shared_address(const void* address, Site site) {
  const auto* base = static_cast<const char*>(executor().dynamic_shared());
  const std::ptrdiff_t offset = static_cast<const char*>(address) - base;
  fail_unless(offset >= 0 && offset < static_cast<std::ptrdiff_t>(executor().dynamic_shared_bytes()),
              "an address outside of the block's dynamic shared memory", site);
  return first_dynamic_address + static_cast<std::uint32_t>(offset);
}

const void* at_shared_address(std::uint32_t address, std::uint32_t bytes, Site site) {
  const bool inside =
      address >= first_dynamic_address && address - first_dynamic_address + bytes <= executor().dynamic_shared_bytes();
  fail_unless(inside, "a wgmma reads outside of the block's dynamic shared memory", site);
  return static_cast<const char*>(executor().dynamic_shared()) + (address - first_dynamic_address);
}

void initialize_barrier(std::uint64_t* barrier, int arrivals, Site site) {
  executor().asynchronous().initialize(barrier, arrivals, site);
}
void arrive(std::uint64_t* barrier, std::uint32_t expected_bytes, Site site) {
  executor().asynchronous().arrive(barrier, expected_bytes, site);
}
void wait_for_barrier(std::uint64_t* barrier, std::uint32_t parity, Site site) {
  executor().asynchronous().wait(executor().current_thread(), barrier, parity, site);
}
void copy_to_shared(void* to, const void* from, std::uint32_t bytes, std::uint64_t* barrier, Site site) {
  executor().asynchronous().copy(to, from, bytes, barrier, site);
}
void order_registers() {
  executor().asynchronous().order_registers(executor().current_thread());
}
void multiply_asynchronously(MultiplyWarpgroup multiply, std::uint64_t a, std::uint64_t b, float* sums, int count,
                             Site site) {
  executor().asynchronous().multiply(executor().current_thread(), multiply, a, b, sums, count, site);
}
void commit_products() {
  executor().asynchronous().commit(executor().current_thread());
}
void wait_for_products(int others, Site site) {
  executor().asynchronous().wait_for_products(executor().current_thread(), others, site);
}

}  // namespace cuda_on_cpu::detail
