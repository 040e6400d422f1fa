#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

#include "sanitizer.h"

namespace cuda_on_cpu::detail {

class Fiber;

/// A suspended flow of control: the launching thread's own, or one of a fiber.
struct Context {
  boost::context::detail::fcontext_t point = nullptr;
  void* fake_stack = nullptr;
  const void* stack_bottom = nullptr;
  std::size_t stack_size = 0;
  Fiber* owner = nullptr;
};

/// Leaves `from` and goes on in `to`; returns when somebody switches back.
void switch_context(Context& from, Context& to);

/// A stack with a guard page below it and a loop that runs CUDA threads on it, one at a time, for ever. A thread that
/// never waits costs no switch: the loop goes straight to the next one.
class Fiber {
 public:
  using Body = void (*)(Fiber&);

  explicit Fiber(Body body);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Forgets what was on the stack and starts from the body again. For fibers abandoned by a failed launch.
  void restart();

  Context context;
  int thread = -1;  ///< The CUDA thread it runs, or -1 when it waits for one.

 private:
  static void enter(boost::context::detail::transfer_t transfer);

  Body body_;
  void* mapping_ = nullptr;
};

}  // namespace cuda_on_cpu::detail
