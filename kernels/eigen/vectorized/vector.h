#pragma once

#include <cstdint>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

/// One vector register of floats of the instruction set this source is compiled for, and what C++ has no operator for.
namespace mynah::kernels::eigen::vectorized {
namespace {

using Size = std::int64_t;

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif
constexpr int lanes = vector_bytes / 4;

typedef float Vec __attribute__((vector_size(vector_bytes)));
typedef float UnalignedVec __attribute__((vector_size(vector_bytes), aligned(4), may_alias));

#define MYNAH_INLINE inline __attribute__((always_inline, unused))

MYNAH_INLINE Vec load(const float* from) {
  return *reinterpret_cast<const UnalignedVec*>(from);
}

MYNAH_INLINE void store(float* to, Vec value) {
  *reinterpret_cast<UnalignedVec*>(to) = value;
}

#if defined(__AVX512F__)

/// The first `count` lanes of a vector, 1 <= count <= lanes.
struct First {
  __mmask16 mask;
  explicit MYNAH_INLINE First(Size count) : mask(static_cast<__mmask16>((1u << count) - 1u)) {}
};
MYNAH_INLINE Vec load(const float* from, First first) {
  return _mm512_maskz_loadu_ps(first.mask, from);
}
MYNAH_INLINE void store(float* to, Vec value, First first) {
  _mm512_mask_storeu_ps(to, first.mask, value);
}
/// The same for at most four lanes: a wide load, masked or not, takes two turns where it crosses a cache line.
MYNAH_INLINE Vec load_few(const float* from, First first) {
  return _mm512_zextps128_ps512(_mm_maskz_loadu_ps(static_cast<__mmask8>(first.mask), from));
}
MYNAH_INLINE Vec broadcast(float value) {
  return _mm512_set1_ps(value);
}
MYNAH_INLINE Vec square_root(Vec x) {
  return _mm512_maskz_sqrt_ps(0xffff, x);  // (GCC 12 warns of the header behind _mm512_sqrt_ps.)
}
/// x in the first lanes, y in the others.
MYNAH_INLINE Vec select(First first, Vec x, Vec y) {
  return _mm512_mask_blend_ps(first.mask, y, x);
}

#elif defined(__AVX2__)

struct First {
  __m256i mask;
  explicit MYNAH_INLINE First(Size count)
      : mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                                _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}
};
MYNAH_INLINE Vec load(const float* from, First first) {
  return _mm256_maskload_ps(from, first.mask);
}
MYNAH_INLINE void store(float* to, Vec value, First first) {
  _mm256_maskstore_ps(to, first.mask, value);
}
MYNAH_INLINE Vec broadcast(float value) {
  return _mm256_set1_ps(value);
}
MYNAH_INLINE Vec square_root(Vec x) {
  return _mm256_sqrt_ps(x);
}
MYNAH_INLINE Vec select(First first, Vec x, Vec y) {
  return _mm256_blendv_ps(y, x, _mm256_castsi256_ps(first.mask));
}

#else

struct First {
  Size count;
  explicit MYNAH_INLINE First(Size count_) : count(count_) {}
};
MYNAH_INLINE Vec load(const float* from, First first) {
  Vec value = {};
  for (Size i = 0; i < first.count; ++i) value[i] = from[i];
  return value;
}
MYNAH_INLINE void store(float* to, Vec value, First first) {
  for (Size i = 0; i < first.count; ++i) to[i] = value[i];
}
MYNAH_INLINE Vec broadcast(float value) {
  return Vec{value, value, value, value};
}
MYNAH_INLINE Vec square_root(Vec x) {
  for (int i = 0; i < lanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
MYNAH_INLINE Vec select(First first, Vec x, Vec y) {
  for (Size i = 0; i < first.count; ++i) y[i] = x[i];
  return y;
}

#endif

#if !defined(__AVX512F__)
MYNAH_INLINE Vec load_few(const float* from, First first) {
  return load(from, first);
}
#endif

/// max(x, 0) that leaves NaN as it is.
MYNAH_INLINE Vec rectified(Vec x) {
  const Vec zero = {};
  return x <= zero ? zero : x;
}

MYNAH_INLINE Size smaller(Size a, Size b) {
  return a < b ? a : b;
}
MYNAH_INLINE Size divided_up(Size a, Size b) {
  return (a + b - 1) / b;
}

template <int... Lane>
struct LaneList {};
template <int N, int... Lane>
struct MakeLaneList : MakeLaneList<N - 1, N - 1, Lane...> {};
template <int... Lane>
struct MakeLaneList<0, Lane...> {
  using type = LaneList<Lane...>;
};
using AllLanes = MakeLaneList<lanes>::type;

/// One step of a transposition: exchanges the lanes of a whose number has the bit `Distance` with those of b that have
/// it not.
template <int Distance, int... Lane>
MYNAH_INLINE void exchange(Vec& a, Vec& b, LaneList<Lane...>) {
  const Vec low = __builtin_shufflevector(a, b, ((Lane & Distance) ? lanes + Lane - Distance : Lane)...);
  const Vec high = __builtin_shufflevector(a, b, ((Lane & Distance) ? lanes + Lane : Lane + Distance)...);
  a = low;
  b = high;
}

template <int Distance = 1>
MYNAH_INLINE void transpose(Vec (&rows)[lanes]) {
  if constexpr (Distance < lanes) {
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      if ((i & Distance) == 0) exchange<Distance>(rows[i], rows[i + Distance], AllLanes{});
    }
    transpose<2 * Distance>(rows);
  }
}

/// One step of sums_of_lanes: lanes of the result that have the bit `Distance` not are sums of two lanes of a, the
/// others of b. One shuffle and one blend, since shuffles are the scarcer.
template <int Distance, int... Lane>
MYNAH_INLINE Vec pairwise_sums(Vec a, Vec b, LaneList<Lane...>) {
  const Vec stay = __builtin_shufflevector(a, b, ((Lane & Distance) ? lanes + Lane : Lane)...);
  const Vec move = __builtin_shufflevector(a, b, ((Lane & Distance) ? lanes + Lane - Distance : Lane + Distance)...);
  return stay + move;
}

/// Lane i of the result is the sum of the lanes of values[i]: a transposition that adds on the way.
template <int Distance = 1>
MYNAH_INLINE Vec sums_of_lanes(Vec (&values)[lanes]) {
  if constexpr (Distance == lanes) {
    return values[0];
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < lanes; i += 2 * Distance) {
      values[i] = pairwise_sums<Distance>(values[i], values[i + Distance], AllLanes{});
    }
    return sums_of_lanes<2 * Distance>(values);
  }
}

/// While it lives, numbers below the smallest normal one are zeros, for this thread: arithmetic with them takes a
/// hundred times as long, and what dead units leave in Adam's moments shrinks to them and stays there.
class DenormalsAreZeros {
 public:
#if defined(__SSE2__)
  MYNAH_INLINE DenormalsAreZeros() : before_(__builtin_ia32_stmxcsr()) {
    constexpr unsigned int flush_results = 0x8000, flush_operands = 0x0040;
    __builtin_ia32_ldmxcsr(before_ | flush_results | flush_operands);
  }
  MYNAH_INLINE ~DenormalsAreZeros() {
    __builtin_ia32_ldmxcsr(before_);
  }

 private:
  unsigned int before_;
#else
  MYNAH_INLINE DenormalsAreZeros() {}
  MYNAH_INLINE ~DenormalsAreZeros() {}
#endif
  DenormalsAreZeros(const DenormalsAreZeros&) = delete;
  DenormalsAreZeros& operator=(const DenormalsAreZeros&) = delete;
};

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
