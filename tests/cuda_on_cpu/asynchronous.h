#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "include/cuda_on_cpu/asynchronous.h"

namespace cuda_on_cpu::detail {

constexpr int warpgroup_threads = 128;

/// The copies and products that threads of one block have started: see the header of this name for kernels.
class AsynchronousWork {
 public:
  void begin_block(int threads);
  /// Does what the schedule lets happen while threads go on.
  void progress();
  /// Does one piece of work that nothing keeps waiting; false if there is none.
  bool complete_one();
  bool is_copying() const { return !copies_.empty(); }

  // Called by the thread of this number.
  void initialize(std::uint64_t* barrier, int arrivals, Site site);
  void arrive(std::uint64_t* barrier, std::uint32_t expected_bytes, Site site);
  void wait(int thread, std::uint64_t* barrier, std::uint32_t parity, Site site);
  void copy(void* to, const void* from, std::uint32_t bytes, std::uint64_t* barrier, Site site);
  void order_registers(int thread);
  void multiply(int thread, MultiplyWarpgroup function, std::uint64_t a, std::uint64_t b, float* sums, int count,
                Site site);
  void commit(int thread);
  void wait_for_products(int thread, int others, Site site);

 private:
  struct Barrier {
    int arrivals = 0;
    int pending = 0;              // arrivals that this phase waits for
    std::int64_t bytes = 0;       // expected, but for those that have come
    std::uint32_t completed = 0;  // phases
    std::vector<int> waiting;
  };
  struct Copy {
    void* to;
    const void* from;
    std::uint32_t bytes;
    Barrier* barrier;
  };
  /// Sums of one thread while products are added to them.
  struct Registers {
    float* where;
    std::vector<float> values;
    std::int64_t needed = 0;  // how many products of the warpgroup are done when these sums are
  };
  struct Issuer {
    std::int64_t issued = 0;
    bool ordered = false;
    std::vector<std::int64_t> groups;  // how many were issued when each was committed
    std::vector<std::unique_ptr<Registers>> registers;
  };
  struct Product {
    MultiplyWarpgroup multiply;
    std::uint64_t a, b;
    int arrived = 0;
    std::array<float*, warpgroup_threads> sums{};
  };
  struct Waiting {
    int thread;
    std::int64_t needed;
  };
  struct Warpgroup {
    std::deque<Product> products;  // not done yet
    std::int64_t done = 0;
    std::vector<Waiting> waiting;
    bool is_ready() const { return !products.empty() && products.front().arrived == warpgroup_threads; }
  };

  Barrier& at(std::uint64_t* barrier, Site site);
  std::size_t ready_count() const;
  void complete(const Copy& copy);
  void complete(Warpgroup& warpgroup);
  static void complete_phase(Barrier& barrier);
  Issuer& issuer(int thread);
  Warpgroup& warpgroup_of(int thread) { return warpgroups_[static_cast<std::size_t>(thread / warpgroup_threads)]; }

  int threads_ = 0;
  std::unordered_map<std::uint64_t*, Barrier> barriers_;
  std::deque<Copy> copies_;
  std::vector<Issuer> issuers_;
  std::vector<Warpgroup> warpgroups_;
};

}  // namespace cuda_on_cpu::detail
