#include "fault.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "device_memory.h"
#include "executor.h"
#include "sanitizer.h"

namespace cuda_on_cpu::detail {
namespace {

struct sigaction previous;

// The faults answered here are raised by the very instruction that is at fault, so ordinary functions may be called.
void on_fault(int signal, siginfo_t* info, void* context) {
  const std::string kernel = running_kernel();
  if (in_device_range(info->si_addr)) {
    const std::string where = describe_address(info->si_addr);
    if (kernel.empty())
      std::fprintf(stderr, "CUDA on CPU: device memory at %p was touched by the host: %s\n", info->si_addr,
                   where.c_str());
    else
      std::fprintf(stderr, "CUDA on CPU: illegal access to device memory at %p, %s\n  in %s\n", info->si_addr,
                   where.c_str(), kernel.c_str());
    std::abort();
  }
  const std::string shared = executor().describe_shared(info->si_addr);
  if (!kernel.empty())
    std::fprintf(stderr, "CUDA on CPU: illegal access to memory at %p%s%s in %s\n", info->si_addr,
                 shared.empty() ? "" : ", ", shared.c_str(), kernel.c_str());
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(signal, info, context);
  } else {
    std::signal(signal, SIG_DFL);  // the instruction runs again, and the fault takes its usual course
  }
}

#ifdef MYNAH_EMULATOR_ASAN
void on_sanitizer_report(const char*) {
  const std::string kernel = running_kernel();
  if (!kernel.empty()) std::fprintf(stderr, "CUDA on CPU: the report above arose in %s\n", kernel.c_str());
}
#endif

}  // namespace

void install_fault_handler() {
#ifdef MYNAH_EMULATOR_ASAN
  __asan_set_error_report_callback(&on_sanitizer_report);
#endif
  // On a stack of its own, so that a fiber that overflows its stack can be reported too.
  static char alternate[64 * 1024];
  stack_t current{};
  if (sigaltstack(nullptr, &current) == 0 && (current.ss_flags & SS_DISABLE) != 0) {
    stack_t stack{};
    stack.ss_sp = alternate;
    stack.ss_size = sizeof(alternate);
    sigaltstack(&stack, nullptr);
  }
  struct sigaction action {};
  action.sa_sigaction = &on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &previous);
}

}  // namespace cuda_on_cpu::detail
