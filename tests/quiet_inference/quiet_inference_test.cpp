// Policy::act on the CPU allocates nothing, takes no lock and makes no system call, from the first call on: in a
// program that counts every allocation and every lock, and in a process that the kernel ends at any system call but
// exit.

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <functional>
#include <mutex>
#include <new>
#include <vector>

#include "algorithms/policy.h"
#include "algorithms/policy_session.h"
#include "algorithms/resident_inference.h"
#include "tests/quiet_inference/interposed.h"

namespace mynah::tests {
namespace {

constexpr int calls = 1000;

Policy make(std::vector<Index> layers, kernels::Activation activation = kernels::Activation::relu,
            bool discrete = false, const PolicyHead& head = {}) {
  PolicyDescription description;
  description.mlp = {layers.front(), {layers.begin() + 1, layers.end() - 1}, layers.back()};
  description.mlp.activation = activation;
  description.discrete = discrete;
  description.head = head;
  description.normalize_actions = !discrete;
  if (!discrete) {
    description.action_low.assign(static_cast<std::size_t>(layers.back()), -0.5f);
    description.action_high.assign(static_cast<std::size_t>(layers.back()), 0.5f);
  }
  return Policy({}, description, 1);
}

/// The end of a process that may do nothing: 0 if `work` was done, 128 + signal if the kernel ended it, -1 if there is
/// no such filter here.
int run_without_system_calls(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    // Everything kills but exit; with another instruction set than this program's, everything does.
#if defined(__x86_64__)
    constexpr unsigned architecture = AUDIT_ARCH_X86_64;
#else
    constexpr unsigned architecture = AUDIT_ARCH_AARCH64;
#endif
    std::array<sock_filter, 6> filter{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    }};
    const sock_fprog program{filter.size(), filter.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      _exit(77);
    }
    work();
    syscall(SYS_exit_group, 0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
  return WEXITSTATUS(status) == 77 ? -1 : WEXITSTATUS(status);
}

/// `work` counted here, and done in a process without system calls.
void expect_quiet(const std::function<void()>& work) {
  const Counts counts = counted(work);
  EXPECT_EQ(counts.allocations, 0);
  EXPECT_EQ(counts.locks, 0);
}

void expect_no_system_call(const std::function<void()>& work) {
  const int end = run_without_system_calls(work);
  if (end == -1) GTEST_SKIP() << "no system-call filter in this process";
  EXPECT_EQ(end, 0) << "ended by signal " << end - 128;
}

TEST(Instruments, SeeWhatTheyAreFor) {
  std::mutex mutex;
  // (Not by new expressions, whose allocation the compiler may leave out.)
  EXPECT_EQ(counted([] { ::operator delete(::operator new(10)); }).allocations, 1);
  EXPECT_EQ(counted([] {
              ::operator delete (::operator new (10, std::align_val_t{256}), std::align_val_t{256});
            }).allocations,
            1);
  EXPECT_EQ(counted([&] { const std::lock_guard lock(mutex); }).locks, 1);
  const int end = run_without_system_calls([] { static_cast<void>(getppid()); });
  if (end == -1) GTEST_SKIP() << "no system-call filter in this process";
  EXPECT_EQ(end, 128 + SIGSYS);
  EXPECT_EQ(run_without_system_calls([] {}), 0);
}

class QuietInference : public testing::TestWithParam<std::vector<Index>> {};

TEST_P(QuietInference, ActsFromTheFirstCallOn) {
  // Two policies, so that both times it is the first call.
  for (const bool in_a_cage : {false, true}) {
    Policy policy = make(GetParam());
    std::vector<float> observation(static_cast<std::size_t>(policy.observation_size()), 0.5f);
    std::vector<float> action(static_cast<std::size_t>(policy.output_size()));
    const auto work = [&] {
      for (int i = 0; i < calls; ++i) {
        policy.act(observation, action);
        observation[0] = action[0];
      }
    };
    if (in_a_cage) {
      expect_no_system_call(work);
    } else {
      expect_quiet(work);
    }
  }
}

TEST_P(QuietInference, ActsWithWeightsThatChange) {
  Policy policy = make(GetParam());
  std::vector<float> observation(static_cast<std::size_t>(policy.observation_size()), 0.5f);
  std::vector<float> action(static_cast<std::size_t>(policy.output_size()));
  const auto work = [&] {
    for (int i = 0; i < 10; ++i) {
      policy.network().parameters.changed();
      policy.act(observation, action);
    }
  };
  expect_quiet(work);
  expect_no_system_call(work);
}

INSTANTIATE_TEST_SUITE_P(Networks, QuietInference,
                         testing::Values(std::vector<Index>{17, 256, 6}, std::vector<Index>{11, 256, 256, 3},
                                         std::vector<Index>{4, 2}, std::vector<Index>{3, 5, 7, 5, 7, 5, 7, 5, 2}),
                         [](const auto& of) {
                           std::string name;
                           for (const Index size : of.param) name += (name.empty() ? "" : "_") + std::to_string(size);
                           return name;
                         });

TEST(QuietInferenceOf, EveryActivation) {
  const auto kinds = kernels::activation_kinds();
  for (Index i = 0; i < kinds.size; ++i) {
    SCOPED_TRACE(kernels::Activation(kinds.data[i]).name());
    Policy policy = make({5, 33, 2}, kinds.data[i]);
    const std::vector<float> observation{1.0f, -2.0f, 0.5f, 8.0f, -30.0f};
    std::vector<float> action(2);
    const auto work = [&] {
      for (int call = 0; call < calls; ++call) policy.act(observation, action);
    };
    expect_quiet(work);
    expect_no_system_call(work);
  }
}

TEST(QuietInferenceOf, ChoosingAndTheOutputsAndTheResidentType) {
  Policy policy = make({5, 33, 4}, kernels::Activation::tanh, true);
  ResidentInference resident(policy);
  const std::vector<float> observation(5, 0.25f);
  std::vector<float> scores(4);
  Index chosen = 0;
  const auto work = [&] {
    for (int call = 0; call < calls; ++call) {
      chosen += policy.choose(observation);
      policy.outputs(observation, scores);
      chosen += resident.choose(observation);
      resident.outputs(observation, scores);
    }
  };
  expect_quiet(work);
  expect_no_system_call(work);
}

TEST(QuietInferenceOf, EveryHead) {
  using Kind = PolicyHead::Kind;
  for (const bool in_a_cage : {false, true}) {
    for (const PolicyHead& head : {PolicyHead{Kind::gaussian, 5, true}, PolicyHead{Kind::gaussian, 5, false},
                                   PolicyHead{Kind::mixture, 5, true}, PolicyHead{Kind::mixture, 5, false}}) {
      SCOPED_TRACE(head.describe(2));
      Policy policy = make({5, 33, 2}, kernels::Activation::relu, false, head);
      const std::vector<float> observations(3 * 5, 0.25f);
      std::vector<float> action(2);
      const auto work = [&] {
        for (int call = 0; call < calls; ++call) policy.act(std::span(observations).first(5), action);
      };
      in_a_cage ? expect_no_system_call(work) : expect_quiet(work);
    }
  }
}

/// From its construction on, whatever it remembers.
TEST(QuietInferenceOf, SessionsWithAMemory) {
  std::vector<PolicyMemory> memories(4);
  memories[0].history = 4;
  memories[1].chunk = 8;
  memories[2].history = 2, memories[2].chunk = 3;
  memories[2].chunk_execution = PolicyMemory::ChunkExecution::open_loop;
  memories[3].recurrent = 32;
  for (const PolicyMemory& memory : memories) {
    SCOPED_TRACE(memory.describe());
    PolicyDescription description;
    description.mlp = {5, {33, 17}, 2};
    description.normalize_actions = true;
    description.memory = memory;
    Policy policy({}, description, 1);
    PolicySession session(policy);
    const std::vector<float> observation{1.0f, -2.0f, 0.5f, 8.0f, -30.0f};
    std::vector<float> action(2);
    const auto work = [&] {
      for (int call = 0; call < calls; ++call) {
        if (call % 100 == 0) session.begin_episode();
        session.act(observation, action);
      }
    };
    expect_quiet(work);
    expect_no_system_call(work);
  }
}

TEST(QuietInferenceOf, SeveralRowsAtOnce) {
  Policy policy = make({5, 33, 2}), second = make({5, 33, 2});
  const std::vector<float> observations(64 * 5, 0.25f);
  std::vector<float> results(64 * 2);
  const auto work_of = [&](Policy& one) {
    return [&] {
      for (const Index rows : {64, 1, 3, 16, 17}) {
        one.outputs(ConstMatrix{observations.data(), rows, 5}, Matrix{results.data(), rows, 2});
      }
    };
  };
  expect_quiet(work_of(policy));
  expect_no_system_call(work_of(second));
}

}  // namespace
}  // namespace mynah::tests
