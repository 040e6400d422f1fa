#pragma once

#include <bit>
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/precision.h"

namespace mynah::kernels {

/// How many of float32's 23 bits of fraction a precision drops.
constexpr int dropped_bits(Precision precision) {
  return precision == Precision::float32 ? 0 : precision == Precision::tf32 ? 13 : 16;
}

/// The bits of a float32, rounded to nearest, ties to even, so that the last `dropped` bits of the fraction are zero.
///
/// Adding half of what is dropped (less one, if what is kept is even) carries into what is kept exactly where rounding
/// goes up, and on into the exponent where the fraction overflows; so numbers whose rounded magnitude float32's
/// exponent cannot hold become infinite, as IEEE 754 has it. Infinities stay, zeros keep their sign, subnormal numbers
/// are rounded like all others. A NaN stays one (its sign and the payload bits that are kept stay, it becomes quiet):
/// with the addition it could turn into a zero.
template <int dropped>
MYNAH_HOST_DEVICE constexpr std::uint32_t rounded_bits(std::uint32_t bits) {
  constexpr std::uint32_t rest = (std::uint32_t{1} << dropped) - 1;
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const std::uint32_t rounded = bits + (rest >> 1) + ((bits >> dropped) & 1u);
  return (is_nan ? bits | 0x00400000u : rounded) & ~rest;
}

template <Precision precision>
MYNAH_HOST_DEVICE constexpr float rounded_to(float x) {
  if constexpr (precision == Precision::float32) {
    return x;
  } else {
    return std::bit_cast<float>(rounded_bits<dropped_bits(precision)>(std::bit_cast<std::uint32_t>(x)));
  }
}

/// To 10 bits of fraction; finite numbers from 2¹²⁸ - 2¹¹⁶ on become infinite.
MYNAH_HOST_DEVICE constexpr float round_to_tf32(float x) {
  return rounded_to<Precision::tf32>(x);
}

/// To 7 bits of fraction; finite numbers from 2¹²⁸ - 2¹¹⁹ on become infinite.
MYNAH_HOST_DEVICE constexpr float round_to_bfloat16(float x) {
  return rounded_to<Precision::bfloat16>(x);
}

}  // namespace mynah::kernels
