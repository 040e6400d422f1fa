#pragma once

// CUDA's keywords, as a host compiler can take them.

// Included before the keywords are defined, so that no standard header meets them.
#include <math.h>
#include <stdio.h>

#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __managed__
#define __grid_constant__
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __maxnreg__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __builtin_align__(bytes) __attribute__((aligned(bytes)))

// Empty rather than an attribute: standard libraries write __attribute__((__noinline__)) themselves.
#define __noinline__
#define __forceinline__ inline __attribute__((always_inline))

// Shared memory is the thread-local storage of the library that holds the kernels. A block runs on one operating-system
// thread, so its CUDA threads (fibers) share it; the runtime fills it with NaN before every block.
#define __shared__ thread_local
