#include "fiber.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

namespace cuda_on_cpu::detail {
namespace {

namespace context = boost::context::detail;

constexpr std::size_t guard_bytes = 4096;
constexpr std::size_t stack_bytes = address_sanitizer ? 512 * 1024 : 128 * 1024;

// A new fiber is handed nothing but where its caller stopped, so switch_context leaves its destination here.
Context* destination = nullptr;

/// Notes where the flow of control that has just been left can be taken up, and on which stack it was.
void arrive(Context& here, context::transfer_t transfer) {
  auto& left = *static_cast<Context*>(transfer.data);
  left.point = transfer.fctx;
  finish_switch(here.fake_stack, &left.stack_bottom, &left.stack_size);
}

}  // namespace

void switch_context(Context& from, Context& to) {
  destination = &to;
  start_switch(&from.fake_stack, to.stack_bottom, to.stack_size);
  arrive(from, context::jump_fcontext(to.point, &from));
}

Fiber::Fiber(Body body) : body_(body) {
  mapping_ = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED || mprotect(mapping_, guard_bytes, PROT_NONE) != 0) {
    std::fputs("CUDA on CPU: no memory for the stack of a thread\n", stderr);
    std::abort();
  }
  restart();
}

Fiber::~Fiber() {
  munmap(mapping_, guard_bytes + stack_bytes);
}

void Fiber::restart() {
  char* bottom = static_cast<char*>(mapping_) + guard_bytes;
  unpoison(bottom, stack_bytes);
  thread = -1;
  context = {};
  context.stack_bottom = bottom;
  context.stack_size = stack_bytes;
  context.owner = this;
  context.point = boost::context::detail::make_fcontext(bottom + stack_bytes, stack_bytes, &Fiber::enter);
}

void Fiber::enter(boost::context::detail::transfer_t transfer) {
  Fiber& fiber = *destination->owner;
  arrive(fiber.context, transfer);
  fiber.body_(fiber);
}

}  // namespace cuda_on_cpu::detail
