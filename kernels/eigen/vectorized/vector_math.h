#pragma once

#include "kernels/eigen/vectorized/vector.h"

/// Exponentials and what is made of them, one vector at a time. Each is within about two units in the last place of the
/// exact value (the tail of the normal distribution: five), keeps NaN, and has the limits of the function. The
/// coefficients are minimax fits of the relative error, each well below half a unit in the last place; they are good
/// for float and for nothing else.
namespace mynah::kernels::eigen::vectorized {
namespace {

typedef std::int32_t IntVec __attribute__((vector_size(vector_bytes)));
typedef std::uint32_t WordVec __attribute__((vector_size(vector_bytes)));

/// Comparisons with NaN are false, and so it passes.
MYNAH_INLINE Vec at_least(Vec x, float low) {
  return x < broadcast(low) ? broadcast(low) : x;
}
MYNAH_INLINE Vec at_most(Vec x, float high) {
  return x > broadcast(high) ? broadcast(high) : x;
}
MYNAH_INLINE Vec magnitude(Vec x) {
  return __builtin_bit_cast(Vec, __builtin_bit_cast(WordVec, x) & 0x7fffffffu);
}
MYNAH_INLINE Vec with_sign_of(Vec magnitude, Vec sign) {
  return __builtin_bit_cast(Vec,
                            __builtin_bit_cast(WordVec, magnitude) | (__builtin_bit_cast(WordVec, sign) & 0x80000000u));
}

/// c0 + c1 x + c2 x² + ...
template <class... Rest>
MYNAH_INLINE Vec polynomial(Vec x, float c0, Rest... rest) {
  if constexpr (sizeof...(Rest) == 0) {
    return broadcast(c0);
  } else {
    return broadcast(c0) + x * polynomial(x, rest...);
  }
}

/// p 2ⁿ for whole n, -150 <= n <= 128.
MYNAH_INLINE Vec times_power_of_two(Vec p, Vec n) {
#if defined(__AVX512F__)
  return _mm512_maskz_scalef_ps(0xffff, p, n);
#else
  // Two factors: 2ⁿ itself need not be a normal number. The exponent of each is what it says above -127.
  const WordVec both = __builtin_bit_cast(WordVec, __builtin_convertvector(n, IntVec)) + 254u;
  const WordVec one = both >> 1, other = both - one;
  return p * __builtin_bit_cast(Vec, one << 23) * __builtin_bit_cast(Vec, other << 23);
#endif
}

/// eᵃ⁺ᵇ = 2ⁿ (1 + rest) with whole n and |rest| < 0.42.
struct Exponential {
  Vec n, rest;
};

/// |a| at most about 100, |b| small beside it: what was rounded off a. n = round((a + b) / ln 2), and what remains of
/// a + b has |r| <= ln 2 / 2. ln 2 is subtracted in two parts, the first with so few digits that n times it is exact.
MYNAH_INLINE Exponential exponential(Vec a, Vec b) {
  constexpr float to_whole = 12582912.0f;  // 1.5 2²³: added, it leaves no digit behind the point.
  const Vec n = ((a + b) * 1.44269504f + to_whole) - to_whole;
  const Vec r = (a - n * 0.693359375f) + n * 2.12194440e-4f + b;
  return {n, r + r * r * polynomial(r, 0.49999997f, 0.16666543f, 0.0416672f, 0.0083665475f, 0.0013882517f)};
}
MYNAH_INLINE Exponential exponential(Vec a) {
  return exponential(a, Vec{});
}

/// eˣ. What is above the largest float is infinite.
MYNAH_INLINE Vec exp(Vec x) {
  const Exponential e = exponential(at_least(at_most(x, 89.0f), -104.0f));
  return times_power_of_two(1.0f + e.rest, e.n);
}

/// eˣ - 1 for x <= 0.
MYNAH_INLINE Vec expm1_of_negative(Vec x) {
  const Exponential e = exponential(at_least(x, -20.0f));  // -1 from there on
  const WordVec exponent = __builtin_bit_cast(WordVec, __builtin_convertvector(e.n, IntVec)) + 127u;
  const Vec power = __builtin_bit_cast(Vec, exponent << 23);
  return power * e.rest + (power - 1.0f);
}

/// ln(1 + x) for 0 <= x <= 1, by ln(1 + x) = 2 artanh(s), s = x / (2 + x).
MYNAH_INLINE Vec log1p_of_fraction(Vec x) {
  const Vec s = x / (2.0f + x), square = s * s;
  return 2.0f * s + s * square * polynomial(square, 0.6666641f, 0.40021706f, 0.27999014f, 0.28025141f);
}

/// With e = e^(-2|x|) - 1, |tanh x| = -e / (2 + e).
MYNAH_INLINE Vec tanh(Vec x) {
  const Vec e = expm1_of_negative(-2.0f * magnitude(x));
  return with_sign_of(-e / (2.0f + e), x);
}

/// 1 / (1 + e⁻ˣ), by the exponential of a number that is not positive.
MYNAH_INLINE Vec sigmoid(Vec x) {
  const Vec e = exp(-magnitude(x));
  return (x > Vec{} ? broadcast(1.0f) : e) / (1.0f + e);
}

/// The standard normal Φ(x) and φ(x).
struct Normal {
  Vec distribution, density;
};

/// With t = |x|: Φ(-t) = e^(-t²/2) m(t), where m is smooth and slow, and a ratio of polynomials with positive
/// coefficients comes close. The exponent needs more digits than a float has, else the tail would lose them: t = t₁ +
/// t₂ with t₁² exact, and t² = t₁² + t₂ (t + t₁).
MYNAH_INLINE Normal normal(Vec x) {
  const Vec t = at_most(magnitude(x), 15.0f);
  const Vec first = __builtin_bit_cast(Vec, __builtin_bit_cast(WordVec, t) & 0xfffff000u);
  const Exponential e = exponential(-0.5f * (first * first), -0.5f * ((t - first) * (t + first)));
  const Vec falling = times_power_of_two(1.0f + e.rest, e.n);
  const Vec tail = falling * polynomial(t, 0.80589235f, 0.70643646f, 0.2953351f, 0.06549185f, 0.006634579f) /
                   polynomial(t, 1.6117847f, 2.6988916f, 1.9381742f, 0.7566843f, 0.16417411f, 0.01663023f);
  return {x > Vec{} ? 1.0f - tail : tail, falling * 0.39894228f};
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
