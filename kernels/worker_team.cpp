#include "kernels/worker_team.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "kernels/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mynah::kernels {
namespace {

/// Rounds of a spin before a worker goes to sleep: some tens of microseconds, longer than what lies between two shared
/// operations of one training step, shorter than anybody would notice.
constexpr int rounds_awake = 2000;
/// Rounds before a member that waits for others offers them its processor.
constexpr int rounds_before_yield = 4000;

void pause() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// Where a thread may run, and what the teams that it called into being have made of that: the processors that were its
/// own before the first of them bound it are those that the next team, or this thread after the last, has to find.
struct Caller {
  int bound_teams = 0;
  cpu_set_t before{};  ///< Of use while bound_teams > 0.

  cpu_set_t allowed() const {
    if (bound_teams > 0) return before;
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    return set;
  }
};
thread_local Caller caller;

std::vector<int> processors_of(const cpu_set_t& set) {
  std::vector<int> found;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &set)) found.push_back(processor);
  }
  return found;
}

bool bind_to(pthread_t thread, int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  return pthread_setaffinity_np(thread, sizeof(one), &one) == 0;
}

/// A cache line each, so that waiting for one does not slow the other.
struct alignas(64) Line {
  std::atomic<unsigned> value{0};
};

}  // namespace

struct WorkerTeam::State {
  int size = 1;
  bool bound = false;
  pthread_t owner = pthread_self();
  Line calls;       ///< Counts run(): what workers wait for.
  Line sleepers;    ///< Workers that have to be woken.
  Line unfinished;  ///< Workers that have not returned from the current one.
  Line arrived;     ///< Members at the current meeting,
  Line meetings;    ///< and how many meetings are over.
  Call call = nullptr;
  const void* context = nullptr;
  bool ends = false;
  std::vector<std::thread> threads;

  unsigned wait_for_call(unsigned seen) {
    for (int round = 0; round < rounds_awake; ++round) {
      const unsigned now = calls.value.load(std::memory_order_acquire);
      if (now != seen) return now;
      pause();
    }
    sleepers.value.fetch_add(1, std::memory_order_seq_cst);
    calls.value.wait(seen, std::memory_order_seq_cst);
    sleepers.value.fetch_sub(1, std::memory_order_relaxed);
    return calls.value.load(std::memory_order_acquire);
  }

  void wake() {
    calls.value.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers.value.load(std::memory_order_seq_cst) > 0) calls.value.notify_all();
  }

  void work(WorkerTeam& team, int index) {
    unsigned seen = 0;
    while (true) {
      seen = wait_for_call(seen);
      if (ends) return;
      call(context, {index, size, &team});
      unfinished.value.fetch_sub(1, std::memory_order_release);
    }
  }

  static void spin_while(const std::atomic<unsigned>& value, unsigned unwanted) {
    for (int round = 0; value.load(std::memory_order_acquire) == unwanted; ++round) {
      if (round < rounds_before_yield) {
        pause();
      } else {
        sched_yield();
      }
    }
  }

  void end() noexcept {
    ends = true;
    wake();
    for (std::thread& thread : threads) thread.join();
  }
};

WorkerTeam::WorkerTeam(int threads, bool bind) : state_(std::make_unique<State>()) {
  state_->size = threads;
  const cpu_set_t allowed = caller.allowed();
  const std::vector<int> places = processors_of(allowed);
  state_->bound = bind && static_cast<std::size_t>(threads) <= places.size();
  try {
    for (int index = 1; index < threads; ++index) {
      state_->threads.emplace_back([this, index] { state_->work(*this, index); });
    }
  } catch (const std::system_error& error) {
    const std::size_t started = state_->threads.size();
    state_->end();
    throw input_error("threads",
                      "the system gives " + std::to_string(started + 1) + " of " + std::to_string(threads) +
                          " threads (" + error.what() + ")",
                      "ask for fewer");
  }
  if (!state_->bound) {  // a thread starts where its maker may run, which another team may have bound
    for (std::thread& thread : state_->threads)
      pthread_setaffinity_np(thread.native_handle(), sizeof(allowed), &allowed);
    return;
  }
  caller.before = allowed;
  ++caller.bound_teams;
  bind_to(pthread_self(), places[0]);
  for (std::size_t i = 0; i < state_->threads.size(); ++i) bind_to(state_->threads[i].native_handle(), places[i + 1]);
}

WorkerTeam::~WorkerTeam() {
  state_->end();
  // The name of a thread that has ended may be another's by now, which has bound none.
  if (!state_->bound || caller.bound_teams == 0 || pthread_equal(state_->owner, pthread_self()) == 0) return;
  if (--caller.bound_teams == 0) pthread_setaffinity_np(pthread_self(), sizeof(caller.before), &caller.before);
}

int WorkerTeam::size() const noexcept {
  return state_->size;
}

bool WorkerTeam::bound() const noexcept {
  return state_->bound;
}

void WorkerTeam::run_call(Call call, const void* context) {
  State& state = *state_;
  state.call = call;
  state.context = context;
  state.unfinished.value.store(static_cast<unsigned>(state.size - 1), std::memory_order_relaxed);
  state.wake();
  call(context, {0, state.size, this});
  for (unsigned left = state.unfinished.value.load(std::memory_order_acquire); left != 0;
       left = state.unfinished.value.load(std::memory_order_acquire)) {
    State::spin_while(state.unfinished.value, left);
  }
}

void WorkerTeam::meet() {
  State& state = *state_;
  const unsigned meeting = state.meetings.value.load(std::memory_order_acquire);
  if (state.arrived.value.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<unsigned>(state.size)) {
    state.arrived.value.store(0, std::memory_order_relaxed);
    state.meetings.value.fetch_add(1, std::memory_order_release);
    return;
  }
  State::spin_while(state.meetings.value, meeting);
}

}  // namespace mynah::kernels
