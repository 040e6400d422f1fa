// The most multiply-adds that a core can do. GCC's and Clang's vector types, compiled for each instruction set, so that
// one binary measures every processor.

#include <algorithm>
#include <chrono>

#include "bench/mynah_bench/roof.h"

namespace mynah::bench {
namespace {

constexpr int chains = 12;  // two units of a latency of 4 or 5 are busy with 10; 12 and two operands fit 16 registers
constexpr int rounds = 2000;

#if defined(__x86_64__)
#define MYNAH_BENCH_TARGET(instructions) __attribute__((target(instructions), noinline))
#else
#define MYNAH_BENCH_TARGET(instructions) __attribute__((noinline))
#endif

#if defined(__x86_64__)
#define MYNAH_BENCH_OPAQUE(variable) asm volatile("" : "+x"(variable))
#elif defined(__aarch64__)
#define MYNAH_BENCH_OPAQUE(variable) asm volatile("" : "+w"(variable))
#else
#define MYNAH_BENCH_OPAQUE(variable) asm volatile("" : "+m"(variable))
#endif

/// `rounds` multiply-adds of each chain. After each round the compiler is told that every chain may have any value, so
/// that it can neither merge nor shorten them.
#define MYNAH_BENCH_CHAINS(name, instructions, bytes)                                                           \
  MYNAH_BENCH_TARGET(instructions) float name(float factor, float summand) {                                    \
    using Lanes = float __attribute__((vector_size(bytes)));                                                    \
    const Lanes b = Lanes{} + factor, c = Lanes{} + summand;                                                    \
    Lanes a0 = b, a1 = b, a2 = b, a3 = b, a4 = b, a5 = b, a6 = b, a7 = b, a8 = b, a9 = b, a10 = b, a11 = b;     \
    for (int i = 0; i < rounds; ++i) {                                                                          \
      MYNAH_BENCH_OPAQUE(a0);                                                                                   \
      MYNAH_BENCH_OPAQUE(a1);                                                                                   \
      MYNAH_BENCH_OPAQUE(a2);                                                                                   \
      MYNAH_BENCH_OPAQUE(a3);                                                                                   \
      MYNAH_BENCH_OPAQUE(a4);                                                                                   \
      MYNAH_BENCH_OPAQUE(a5);                                                                                   \
      MYNAH_BENCH_OPAQUE(a6);                                                                                   \
      MYNAH_BENCH_OPAQUE(a7);                                                                                   \
      MYNAH_BENCH_OPAQUE(a8);                                                                                   \
      MYNAH_BENCH_OPAQUE(a9);                                                                                   \
      MYNAH_BENCH_OPAQUE(a10);                                                                                  \
      MYNAH_BENCH_OPAQUE(a11);                                                                                  \
      a0 = a0 * b + c, a1 = a1 * b + c, a2 = a2 * b + c, a3 = a3 * b + c, a4 = a4 * b + c, a5 = a5 * b + c;     \
      a6 = a6 * b + c, a7 = a7 * b + c, a8 = a8 * b + c, a9 = a9 * b + c, a10 = a10 * b + c, a11 = a11 * b + c; \
    }                                                                                                           \
    const Lanes sum = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;                              \
    return sum[0];                                                                                              \
  }

#if defined(__x86_64__)
MYNAH_BENCH_CHAINS(chains_of_16, "avx512f,fma", 64)
MYNAH_BENCH_CHAINS(chains_of_8, "avx2,fma", 32)
MYNAH_BENCH_CHAINS(chains_of_4, "sse2", 16)
#else
MYNAH_BENCH_CHAINS(chains_of_4, "", 16)
#endif

struct Loop {
  float (*run)(float, float);
  int lanes;
  const char* name;
};

Loop widest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0) return {chains_of_16, 16, "AVX-512"};
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return {chains_of_8, 8, "AVX2"};
#endif
  return {chains_of_4, 4, "vectors of 4"};
}

}  // namespace

std::string multiply_add_instructions() {
  return widest().name;
}

double multiply_add_peak(double seconds) {
  using Clock = std::chrono::steady_clock;
  const Loop loop = widest();
  const double operations = 2.0 * rounds * chains * loop.lanes;
  // Converges to 1: no infinities, no denormal numbers.
  volatile float factor = 0.5f, summand = 0.5f;
  volatile float kept = loop.run(factor, summand);
  double most = 0.0;
  const auto start = Clock::now();
  auto end = start;
  do {
    const auto begin = end;
    for (int i = 0; i < 8; ++i) kept = loop.run(factor, summand);
    end = Clock::now();
    most = std::max(most, 8 * operations / std::chrono::duration<double>(end - begin).count());
  } while (std::chrono::duration<double>(end - start).count() < std::max(seconds, 1e-3));
  (void)kept;
  return most;
}

}  // namespace mynah::bench
