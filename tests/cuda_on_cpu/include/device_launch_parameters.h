#pragma once

#include "vector_types.h"

// Written by the runtime whenever it switches to another CUDA thread; constant as seen from any one of them.
extern const uint3 threadIdx;
extern const uint3 blockIdx;
extern const dim3 blockDim;
extern const dim3 gridDim;
inline constexpr int warpSize = 32;
