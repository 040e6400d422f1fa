#pragma once

#include <string>

#include "bench/mynah_bench/timed.h"
#include "kernels/precision.h"

namespace mynah::bench {

/// What a device can do at most, as measured.
struct Roof {
  double flops = 0.0;   ///< In a second.
  double bytes = 0.0;   ///< In a second, read and written.
  double launch = 0.0;  ///< Seconds of one launch; 0 on the CPU.
};

/// Multiply-adds (two operations each) in a second on the core that this thread runs on: in registers alone, with the
/// widest vectors that the processor has, in more independent chains than its latency needs. The best of `seconds`,
/// at least 1 ms.
double multiply_add_peak(double seconds);
/// "AVX-512, 32-bit floats".
std::string multiply_add_instructions();

/// The roof of one core, measured now: multiply_add_peak(), and the most bytes that copying or adding arrays of 16
/// million floats moves. `with_copy` false: bytes is 0.
Roof measure_cpu_roof(double seconds, bool with_copy);
/// That of a GPU, measured once: copies of 64 million floats; the fastest product of 4096 x 4096 x 4096, mynah's or
/// cuBLASLt's; the smallest operation, recorded 100 times. On the emulated device all are as small as can be, and say
/// nothing.
const Roof& cuda_roof(DeviceId device, kernels::Precision precision);

/// Which roof a step is nearest to, and how long it would take there.
struct AtRoof {
  std::string name;  ///< "FLOP/s", "B/s", "launches"; empty where nothing is counted.
  double microseconds = 0.0;
};
/// Bytes that the caches hold count only where they are cold.
AtRoof at_roof(const Work& work, const Roof& roof, bool bytes_count);

}  // namespace mynah::bench
