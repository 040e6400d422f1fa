#pragma once

// CUDA's built-in vector types, with the sizes and alignments that the CUDA C++ Programming Guide lists.

#define MYNAH_CUDA_VECTORS(NAME, T, ALIGN2, ALIGN4) \
  struct NAME##1 {                                  \
    T x;                                            \
  };                                                \
  struct alignas(ALIGN2) NAME##2 {                  \
    T x, y;                                         \
  };                                                \
  struct NAME##3 {                                  \
    T x, y, z;                                      \
  };                                                \
  struct alignas(ALIGN4) NAME##4 {                  \
    T x, y, z, w;                                   \
  };

MYNAH_CUDA_VECTORS(char, signed char, 2, 4)
MYNAH_CUDA_VECTORS(uchar, unsigned char, 2, 4)
MYNAH_CUDA_VECTORS(short, short, 4, 8)
MYNAH_CUDA_VECTORS(ushort, unsigned short, 4, 8)
MYNAH_CUDA_VECTORS(int, int, 8, 16)
MYNAH_CUDA_VECTORS(uint, unsigned int, 8, 16)
MYNAH_CUDA_VECTORS(long, long, 16, 16)
MYNAH_CUDA_VECTORS(ulong, unsigned long, 16, 16)
MYNAH_CUDA_VECTORS(longlong, long long, 16, 16)
MYNAH_CUDA_VECTORS(ulonglong, unsigned long long, 16, 16)
MYNAH_CUDA_VECTORS(float, float, 8, 16)
MYNAH_CUDA_VECTORS(double, double, 16, 16)

#undef MYNAH_CUDA_VECTORS

/// Extents of a grid or a block; what is not given is 1.
struct dim3 {
  unsigned int x, y, z;
  constexpr dim3(unsigned int x_ = 1, unsigned int y_ = 1, unsigned int z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return uint3{x, y, z}; }
};
