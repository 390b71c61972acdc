#include "runtime/base/packing/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace concord::packing {
namespace {

// The value of a small float format, from its definition.
double ValueOf(uint32_t bits, int exponent_bits, int fraction_bits) {
  const int exponent = static_cast<int>(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = std::ldexp(bits & ((1u << fraction_bits) - 1), -fraction_bits);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = bits >> (exponent_bits + fraction_bits) & 1 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  }
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

// Narrowing by search: the neighbour with the smaller distance, on ties the one with an even fraction. Infinity stands
// for the next power of two, as IEEE 754 has it.
uint16_t Nearest(float value, int exponent_bits, int fraction_bits) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(static_cast<double>(value));
  const uint32_t infinity = ((1u << exponent_bits) - 1) << fraction_bits;
  uint32_t low = 0, high = infinity;  // finite values grow with their bits
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    (ValueOf(middle, exponent_bits, fraction_bits) <= magnitude ? low : high) = middle;
  }
  const double below = ValueOf(low, exponent_bits, fraction_bits);
  const double above =
      high == infinity ? std::ldexp(1.0, 1 << (exponent_bits - 1)) : ValueOf(high, exponent_bits, fraction_bits);
  const double down = magnitude - below, up = above - magnitude;
  return static_cast<uint16_t>(sign | (down < up || (down == up && low % 2 == 0) ? low : high));
}

TEST(Half, EveryHalfWidensExactlyAndComesBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const double want = ValueOf(bits, 5, 10);
    const float got = F16ToF32(half);
    ASSERT_EQ(IsFiniteF16(half), std::isfinite(want)) << bits;
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(got)) << bits;
      ASSERT_TRUE(std::isnan(F16ToF32(F32ToF16(got)))) << bits;
      ASSERT_EQ(F32ToF16(got) & 0x8200, (bits & 0x8000) | 0x200) << bits;  // sign kept, quiet
      continue;
    }
    ASSERT_EQ(got, want) << bits;
    ASSERT_EQ(std::signbit(got), std::signbit(want)) << bits;
    ASSERT_EQ(F32ToF16(got), half) << bits;
  }
}

TEST(Half, EveryBf16WidensExactlyAndComesBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto brain = static_cast<uint16_t>(bits);
    const double want = ValueOf(bits, 8, 7);
    const float got = Bf16ToF32(brain);
    ASSERT_EQ(IsFiniteBf16(brain), std::isfinite(want)) << bits;
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(got) && std::isnan(Bf16ToF32(F32ToBf16(got)))) << bits;
      continue;
    }
    ASSERT_EQ(got, want) << bits;
    ASSERT_EQ(F32ToBf16(got), brain) << bits;
  }
}

// Around every midpoint between neighbours, where rounding decides: itself and the floats on both sides.
TEST(Half, NarrowingRoundsToNearestEvenAtEveryMidpoint) {
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const double below = ValueOf(bits, 5, 10);
    const double above = bits + 1 == 0x7c00 ? 65536 : ValueOf(bits + 1, 5, 10);
    const auto middle = static_cast<float>((below + above) / 2);
    for (float value : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f)}) {
      ASSERT_EQ(F32ToF16(value), Nearest(value, 5, 10)) << value;
      ASSERT_EQ(F32ToF16(-value), Nearest(-value, 5, 10)) << -value;
    }
  }
  for (uint32_t bits = 0; bits < 0x7f80; ++bits) {
    const float middle = F32FromBits(bits << 16 | 0x8000);
    for (uint32_t raw : {F32Bits(middle), F32Bits(middle) - 1, F32Bits(middle) + 1}) {
      ASSERT_EQ(F32ToBf16(F32FromBits(raw)), Nearest(F32FromBits(raw), 8, 7)) << raw;
    }
  }
}

TEST(Half, NarrowingOfRandomBits) {
  std::mt19937 generator(1);
  for (int i = 0; i < 300000; ++i) {
    const float value = F32FromBits(static_cast<uint32_t>(generator()));
    ASSERT_EQ(IsFiniteF32(value), std::isfinite(value));
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(F16ToF32(F32ToF16(value))) && std::isnan(Bf16ToF32(F32ToBf16(value))));
      continue;
    }
    ASSERT_EQ(F32ToF16(value), std::isinf(value) ? (value > 0 ? 0x7c00 : 0xfc00) : Nearest(value, 5, 10)) << value;
    if (std::isfinite(value)) {
      ASSERT_EQ(F32ToBf16(value), Nearest(value, 8, 7)) << value;
    }
  }
}

TEST(Half, AwayIsTheNearestThatIsNoSmaller) {
  std::mt19937 generator(2);
  for (int i = 0; i < 100000; ++i) {
    const float mantissa = 1 + static_cast<float>(generator() % 8388608) / 8388608;
    const float magnitude = std::ldexp(mantissa, static_cast<int>(generator() % 44) - 28);
    for (float value : {magnitude, -magnitude}) {
      const uint16_t half = F32ToF16Away(value);
      ASSERT_GE(std::fabs(F16ToF32(half)), magnitude) << value;
      ASSERT_EQ(std::signbit(F16ToF32(half)), std::signbit(value));
      ASSERT_LT(std::fabs(F16ToF32(static_cast<uint16_t>(half - 1))), magnitude) << value;
    }
  }
  EXPECT_EQ(F32ToF16Away(0.0f), 0);
  EXPECT_EQ(F32ToF16Away(1.0f), 0x3c00);
  EXPECT_EQ(F32ToF16Away(1e-30f), 1);
  EXPECT_EQ(F32ToF16Away(65505.0f), 0x7c00);
}

}  // namespace
}  // namespace concord::packing
