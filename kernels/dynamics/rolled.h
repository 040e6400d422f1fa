#pragma once

/// Before a loop whose number of turns is known: it stays a loop in CUDA code, where unrolling a long body would need
/// more registers than there are.
#if defined(__CUDA_ARCH__)
#define MYNAH_ROLLED _Pragma("unroll 1")
#else
#define MYNAH_ROLLED
#endif
