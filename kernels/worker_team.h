#pragma once

#include <memory>

namespace mynah::kernels {

/// Threads that share the work of one operation with the thread that calls it.
///
/// They wait for the next operation in a short spin and then asleep, so that a team costs nothing while it is not
/// used; within an operation they meet by spinning, since the others are at most microseconds away. Used by one thread
/// at a time.
class WorkerTeam {
 public:
  /// One of the threads within run(): 0 is the caller's.
  struct Member {
    int index = 0;
    int count = 1;
    WorkerTeam* team = nullptr;

    /// Returns when every member has called it as often: what they wrote before, all may read after.
    void meet() const {
      if (count > 1) team->meet();
    }
  };

  /// threads >= 2, the caller's among them. `bind` keeps each, the caller's too, on a processor of its own, of those
  /// that the caller may use; where there are fewer than threads, none is bound. The last bound team of a thread gives
  /// it the processors back that it had before, where that thread ends the team. Errors: input_error for threads that
  /// the system does not give.
  WorkerTeam(int threads, bool bind);
  ~WorkerTeam();
  WorkerTeam(const WorkerTeam&) = delete;
  WorkerTeam& operator=(const WorkerTeam&) = delete;

  int size() const noexcept;
  bool bound() const noexcept;

  /// work(member) on every thread; returns when all have returned. work throws nothing.
  template <class Work>
  void run(const Work& work) {
    run_call([](const void* context, const Member& member) { (*static_cast<const Work*>(context))(member); }, &work);
  }

 private:
  struct State;
  using Call = void (*)(const void* context, const Member& member);
  void run_call(Call call, const void* context);
  void meet();

  std::unique_ptr<State> state_;
};

}  // namespace mynah::kernels
