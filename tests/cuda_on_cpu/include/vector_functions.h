#pragma once

#include "vector_types.h"

#define MYNAH_CUDA_MAKERS(NAME, T)                       \
  constexpr NAME##1 make_##NAME##1(T x) {                \
    return {x};                                          \
  }                                                      \
  constexpr NAME##2 make_##NAME##2(T x, T y) {           \
    return {x, y};                                       \
  }                                                      \
  constexpr NAME##3 make_##NAME##3(T x, T y, T z) {      \
    return {x, y, z};                                    \
  }                                                      \
  constexpr NAME##4 make_##NAME##4(T x, T y, T z, T w) { \
    return {x, y, z, w};                                 \
  }

MYNAH_CUDA_MAKERS(char, signed char)
MYNAH_CUDA_MAKERS(uchar, unsigned char)
MYNAH_CUDA_MAKERS(short, short)
MYNAH_CUDA_MAKERS(ushort, unsigned short)
MYNAH_CUDA_MAKERS(int, int)
MYNAH_CUDA_MAKERS(uint, unsigned int)
MYNAH_CUDA_MAKERS(long, long)
MYNAH_CUDA_MAKERS(ulong, unsigned long)
MYNAH_CUDA_MAKERS(longlong, long long)
MYNAH_CUDA_MAKERS(ulonglong, unsigned long long)
MYNAH_CUDA_MAKERS(float, float)
MYNAH_CUDA_MAKERS(double, double)

#undef MYNAH_CUDA_MAKERS
