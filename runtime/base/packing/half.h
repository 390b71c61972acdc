#pragma once

#include <cstdint>
#include <cstring>

// IEEE binary16 and bfloat16 kept as their bits in a uint16_t. Portable scalar code, the reference for faster
// versions in kernels. Narrowing rounds to nearest, ties to even, with subnormals; too large becomes infinity; NaN
// becomes a quiet NaN.
namespace concord::packing {

inline uint32_t F32Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float F32FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Tests of bits, so that they hold under -ffast-math too.
inline bool IsFiniteF32(float value) { return (F32Bits(value) & 0x7f800000u) != 0x7f800000u; }
inline bool IsFiniteF16(uint16_t half) { return (half & 0x7c00u) != 0x7c00u; }
inline bool IsFiniteBf16(uint16_t brain) { return (brain & 0x7f80u) != 0x7f80u; }

inline float F16ToF32(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 31u;
  const uint32_t fraction = half & 1023u;
  if (exponent == 31) return F32FromBits(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return F32FromBits(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

inline uint16_t F32ToF16(float value) {
  const uint32_t bits = F32Bits(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | ((magnitude >> 13) & 1023u);
  } else if (magnitude >= 0x477ff000u) {  // 65520, halfway between the largest half and 65536, and above
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: the unit is 2^-24, as it is for floats from 0.5 to 1
    half = F32Bits(F32FromBits(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}

inline float Bf16ToF32(uint16_t brain) { return F32FromBits(static_cast<uint32_t>(brain) << 16); }

inline uint16_t F32ToBf16(float value) {
  const uint32_t bits = F32Bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// The half nearest to `value` that is no smaller in magnitude. Scales of integers of limited range round away from
// zero: rounded down, a subnormal scale could lose up to a half and push the largest values out of range.
inline uint16_t F32ToF16Away(float value) {
  const uint16_t half = F32ToF16(value);
  const uint32_t kept = F32Bits(F16ToF32(half)) & 0x7fffffffu;
  return kept < (F32Bits(value) & 0x7fffffffu) ? static_cast<uint16_t>(half + 1) : half;
}

}  // namespace concord::packing
