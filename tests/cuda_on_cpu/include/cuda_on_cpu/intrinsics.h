#pragma once

#include <math.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <type_traits>

// Arithmetic, conversion and load/store intrinsics, and the functions CUDA adds to the C library.

namespace cuda_on_cpu::detail {

template <class To, class From>
To reinterpret_bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

/// Conversion as the device does it: out of range goes to the nearest end, NaN to zero.
template <class To, class From>
To saturated(From value) {
  if (std::isnan(value)) return 0;
  constexpr To low = static_cast<To>(-1) < To{0} ? static_cast<To>(To{1} << (sizeof(To) * 8 - 2)) * -2 : To{0};
  constexpr To high = static_cast<To>(~low);
  if (value <= static_cast<From>(low)) return low;
  if (value >= static_cast<From>(high)) return high;
  return static_cast<To>(value);
}

}  // namespace cuda_on_cpu::detail

// Minimum and maximum for the types CUDA has them for.
#define MYNAH_MIN_MAX(T)      \
  constexpr T min(T a, T b) { \
    return b < a ? b : a;     \
  }                           \
  constexpr T max(T a, T b) { \
    return a < b ? b : a;     \
  }
MYNAH_MIN_MAX(int)
MYNAH_MIN_MAX(unsigned int)
MYNAH_MIN_MAX(long)
MYNAH_MIN_MAX(unsigned long)
MYNAH_MIN_MAX(long long)
MYNAH_MIN_MAX(unsigned long long)
#undef MYNAH_MIN_MAX
#define MYNAH_MIN_MAX_MIXED(A, B, T)                  \
  constexpr T min(A a, B b) {                         \
    return min(static_cast<T>(a), static_cast<T>(b)); \
  }                                                   \
  constexpr T min(B a, A b) {                         \
    return min(static_cast<T>(a), static_cast<T>(b)); \
  }                                                   \
  constexpr T max(A a, B b) {                         \
    return max(static_cast<T>(a), static_cast<T>(b)); \
  }                                                   \
  constexpr T max(B a, A b) {                         \
    return max(static_cast<T>(a), static_cast<T>(b)); \
  }
MYNAH_MIN_MAX_MIXED(int, unsigned int, unsigned int)
MYNAH_MIN_MAX_MIXED(long, unsigned long, unsigned long)
MYNAH_MIN_MAX_MIXED(long long, unsigned long long, unsigned long long)
#undef MYNAH_MIN_MAX_MIXED
inline float min(float a, float b) {
  return fminf(a, b);
}
inline float max(float a, float b) {
  return fmaxf(a, b);
}
inline double min(double a, double b) {
  return fmin(a, b);
}
inline double max(double a, double b) {
  return fmax(a, b);
}
inline double min(float a, double b) {
  return fmin(static_cast<double>(a), b);
}
inline double min(double a, float b) {
  return fmin(a, static_cast<double>(b));
}
inline double max(float a, double b) {
  return fmax(static_cast<double>(a), b);
}
inline double max(double a, float b) {
  return fmax(a, static_cast<double>(b));
}

// Functions beyond the C library.
inline float rsqrtf(float x) {
  return static_cast<float>(1.0 / sqrt(static_cast<double>(x)));
}
inline double rsqrt(double x) {
  return 1.0 / sqrt(x);
}
inline float rcbrtf(float x) {
  return 1.0f / cbrtf(x);
}
inline float fdividef(float a, float b) {
  return a / b;
}
inline double sinpi(double x) {
  return sin(M_PI * fmod(x, 2.0));
}
inline double cospi(double x) {
  return cos(M_PI * fmod(x, 2.0));
}
inline float sinpif(float x) {
  return static_cast<float>(sinpi(static_cast<double>(x)));
}
inline float cospif(float x) {
  return static_cast<float>(cospi(static_cast<double>(x)));
}
inline void sincospif(float x, float* s, float* c) {
  *s = sinpif(x), *c = cospif(x);
}
inline void sincospi(double x, double* s, double* c) {
  *s = sinpi(x), *c = cospi(x);
}
inline double normcdf(double x) {
  return 0.5 * erfc(-x * M_SQRT1_2);
}
inline float normcdff(float x) {
  return static_cast<float>(normcdf(static_cast<double>(x)));
}

// Fast approximations: here as exact as the C library. Those that glibc declares as well carry its linkage.
extern "C" {
inline float __expf(float x) noexcept {
  return expf(x);
}
inline float __exp10f(float x) noexcept {
  return powf(10.0f, x);
}
inline float __logf(float x) noexcept {
  return logf(x);
}
inline float __log2f(float x) noexcept {
  return log2f(x);
}
inline float __log10f(float x) noexcept {
  return log10f(x);
}
inline float __sinf(float x) noexcept {
  return sinf(x);
}
inline float __cosf(float x) noexcept {
  return cosf(x);
}
inline float __tanf(float x) noexcept {
  return tanf(x);
}
inline float __tanhf(float x) noexcept {
  return tanhf(x);
}
inline float __powf(float x, float y) noexcept {
  return powf(x, y);
}
inline void __sincosf(float x, float* s, float* c) noexcept {
  *s = sinf(x), *c = cosf(x);
}
}
inline float __fdividef(float a, float b) {
  return a / b;
}
inline float __saturatef(float x) {
  return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f;
}

// Arithmetic with a stated rounding (to nearest even, as the host has it).
inline float __fadd_rn(float a, float b) {
  return a + b;
}
inline float __fsub_rn(float a, float b) {
  return a - b;
}
inline float __fmul_rn(float a, float b) {
  return a * b;
}
inline float __fdiv_rn(float a, float b) {
  return a / b;
}
inline float __frcp_rn(float a) {
  return 1.0f / a;
}
inline float __fsqrt_rn(float a) {
  return sqrtf(a);
}
inline float __frsqrt_rn(float a) {
  return rsqrtf(a);
}
inline float __fmaf_rn(float a, float b, float c) {
  return fmaf(a, b, c);
}
inline double __dadd_rn(double a, double b) {
  return a + b;
}
inline double __dsub_rn(double a, double b) {
  return a - b;
}
inline double __dmul_rn(double a, double b) {
  return a * b;
}
inline double __ddiv_rn(double a, double b) {
  return a / b;
}
inline double __dsqrt_rn(double a) {
  return sqrt(a);
}
inline double __fma_rn(double a, double b, double c) {
  return fma(a, b, c);
}

// Conversions.
inline int __float2int_rn(float x) {
  return cuda_on_cpu::detail::saturated<int>(nearbyintf(x));
}
inline int __float2int_rz(float x) {
  return cuda_on_cpu::detail::saturated<int>(truncf(x));
}
inline int __float2int_rd(float x) {
  return cuda_on_cpu::detail::saturated<int>(floorf(x));
}
inline int __float2int_ru(float x) {
  return cuda_on_cpu::detail::saturated<int>(ceilf(x));
}
inline unsigned __float2uint_rn(float x) {
  return cuda_on_cpu::detail::saturated<unsigned>(nearbyintf(x));
}
inline unsigned __float2uint_rz(float x) {
  return cuda_on_cpu::detail::saturated<unsigned>(truncf(x));
}
inline unsigned __float2uint_rd(float x) {
  return cuda_on_cpu::detail::saturated<unsigned>(floorf(x));
}
inline unsigned __float2uint_ru(float x) {
  return cuda_on_cpu::detail::saturated<unsigned>(ceilf(x));
}
inline int __double2int_rn(double x) {
  return cuda_on_cpu::detail::saturated<int>(nearbyint(x));
}
inline int __double2int_rz(double x) {
  return cuda_on_cpu::detail::saturated<int>(trunc(x));
}
inline long long __float2ll_rn(float x) {
  return cuda_on_cpu::detail::saturated<long long>(nearbyintf(x));
}
inline long long __double2ll_rn(double x) {
  return cuda_on_cpu::detail::saturated<long long>(nearbyint(x));
}
inline float __int2float_rn(int x) {
  return static_cast<float>(x);
}
inline float __uint2float_rn(unsigned x) {
  return static_cast<float>(x);
}
inline double __int2double_rn(int x) {
  return static_cast<double>(x);
}
inline double __uint2double_rn(unsigned x) {
  return static_cast<double>(x);
}
inline float __ll2float_rn(long long x) {
  return static_cast<float>(x);
}
inline float __ull2float_rn(unsigned long long x) {
  return static_cast<float>(x);
}
inline double __ll2double_rn(long long x) {
  return static_cast<double>(x);
}
inline float __double2float_rn(double x) {
  return static_cast<float>(x);
}
inline int __float_as_int(float x) {
  return cuda_on_cpu::detail::reinterpret_bits<int>(x);
}
inline unsigned __float_as_uint(float x) {
  return cuda_on_cpu::detail::reinterpret_bits<unsigned>(x);
}
inline float __int_as_float(int x) {
  return cuda_on_cpu::detail::reinterpret_bits<float>(x);
}
inline float __uint_as_float(unsigned x) {
  return cuda_on_cpu::detail::reinterpret_bits<float>(x);
}
inline long long __double_as_longlong(double x) {
  return cuda_on_cpu::detail::reinterpret_bits<long long>(x);
}
inline double __longlong_as_double(long long x) {
  return cuda_on_cpu::detail::reinterpret_bits<double>(x);
}

// Integers and bits.
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(a) * b) >> 32);
}
inline int __mulhi(int a, int b) {
  return static_cast<int>((static_cast<std::int64_t>(a) * b) >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<unsigned long long>((static_cast<Wide>(a) * b) >> 64);
}
inline int __popc(unsigned x) {
  return __builtin_popcount(x);
}
inline int __popcll(unsigned long long x) {
  return __builtin_popcountll(x);
}
inline int __clz(int x) {
  return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}
inline int __clzll(long long x) {
  return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x));
}
inline int __ffs(int x) {
  return __builtin_ffs(x);
}
inline int __ffsll(long long x) {
  return __builtin_ffsll(x);
}
inline unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int i = 0; i < 32; ++i) reversed |= ((x >> i) & 1u) << (31 - i);
  return reversed;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>((((static_cast<std::uint64_t>(high) << 32) | low) << (shift & 31)) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>(((static_cast<std::uint64_t>(high) << 32) | low) >> (shift & 31));
}

// Loads and stores with a cache hint.
#define MYNAH_LOAD(NAME)            \
  template <class T>                \
  inline T NAME(const T* address) { \
    return *address;                \
  }
MYNAH_LOAD(__ldg)
MYNAH_LOAD(__ldca)
MYNAH_LOAD(__ldcg)
MYNAH_LOAD(__ldcs)
MYNAH_LOAD(__ldlu)
MYNAH_LOAD(__ldcv)
#undef MYNAH_LOAD
#define MYNAH_STORE(NAME)                                     \
  template <class T>                                          \
  inline void NAME(T* address, std::common_type_t<T> value) { \
    *address = value;                                         \
  }
MYNAH_STORE(__stwb)
MYNAH_STORE(__stcg)
MYNAH_STORE(__stcs)
MYNAH_STORE(__stwt)
#undef MYNAH_STORE

inline long long clock64() {
  return static_cast<long long>(std::clock());
}
