#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "tests/unit/base/packing_testing.h"

// A second reading of the formats: every element is found on its own by bit positions in the block, and computed in
// double (exact, but for the last rounding to float). Shares no code and no order of traversal with the packings.
namespace concord::packing {

inline double Level4(int code) {
  static const double kLevels[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  return kLevels[code];
}

inline double Fp4(int code) {
  const int exponent = (code >> 1) & 3;
  const double mantissa = code & 1;
  const double magnitude = exponent == 0 ? mantissa / 2 : (1 + mantissa / 2) * std::ldexp(1, exponent - 1);
  return code & 8 ? -magnitude : magnitude;
}

// Scale (which = 0) or minimum (1) of sub-block s, 12 bytes from `byte`.
inline int KScale(const Bits& b, int byte, int s, int which) {
  if (s < 4) return b.At(byte + 4 * which + s, 0, 6);
  return b.At(byte + 4 + s, 4 * which, 4) + 16 * b.At(byte + 4 * which + s - 4, 6, 2);
}

inline double Q3kElement(const Bits& b, int e) {
  const int k = e / 16;
  const int scale = b.At(96 + k % 8, k < 8 ? 0 : 4, 4) + 16 * b.At(104 + k % 4, k / 4 * 2, 2) - 32;
  const int q = b.At(32 + e / 128 * 32 + e % 32, e % 128 / 32 * 2, 2) - (b.At(e % 32, e / 32, 1) ? 0 : 4);
  return b.Half(108) * scale * q;
}

inline double Q6kElement(const Bits& b, int e) {
  const int t = e % 128 / 32;
  const int low = b.At(e / 128 * 64 + t % 2 * 32 + e % 32, t / 2 * 4, 4);
  const int high = b.At(128 + e / 128 * 32 + e % 32, 2 * t, 2);
  return b.Half(208) * Signed(b.At(192 + e / 16, 0, 8), 8) * (low + 16 * high - 32);
}

inline double Iq4xsElement(const Bits& b, int e) {
  const int s = e / 32;
  const int scale = b.At(4, 4 * s, 4) + 16 * b.At(2, 2 * s, 2) - 32;
  return b.Half(0) * scale * Level4(Nibble32(b, 8 + 16 * s, e % 32));
}

inline double Mxfp4Element(const Bits& b, int e) {
  const int exponent = b.At(0, 0, 8);
  return exponent == 255 ? std::nan("") : std::ldexp(Fp4(Nibble32(b, 1, e)), exponent - 127);
}

inline double Q4kElement(const Bits& b, int e) {
  const int s = e / 32;
  const int q = b.At(16 + e / 64 * 32 + e % 32, s % 2 * 4, 4);
  return b.Half(0) * KScale(b, 4, s, 0) * q - b.Half(2) * KScale(b, 4, s, 1);
}

inline double Q5kElement(const Bits& b, int e) {
  const int s = e / 32;
  const int q = b.At(48 + e / 64 * 32 + e % 32, s % 2 * 4, 4) + 16 * b.At(16 + e % 32, s, 1);
  return b.Half(0) * KScale(b, 4, s, 0) * q - b.Half(2) * KScale(b, 4, s, 1);
}

inline double Q2kElement(const Bits& b, int e) {
  const int q = b.At(16 + e / 128 * 32 + e % 32, e % 128 / 32 * 2, 2);
  return b.Half(80) * b.At(e / 16, 0, 4) * q - b.Half(82) * b.At(e / 16, 4, 4);
}

inline double PlainInteger(const Bits& b, int bytes) {
  int64_t value = Signed(b.At(bytes - 1, 0, 8), 8);
  for (int i = bytes - 2; i >= 0; --i) value = value * 256 + b.At(i, 0, 8);
  return static_cast<double>(static_cast<float>(value));
}

inline double PlainFloat(const Bits& b, int byte, int lost) {
  uint32_t bits = 0;
  for (int i = 0; i < 4 - lost; ++i) bits += static_cast<uint32_t>(b.At(byte + i, 0, 8)) << (8 * (i + lost));
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

using Element = std::function<double(const Bits&, int)>;

const std::map<std::string, Element>& Elements() {
  static const auto* elements = new std::map<std::string, Element>{
      {"f32", [](const Bits& b, int) { return PlainFloat(b, 0, 0); }},
      {"f16", [](const Bits& b, int) { return b.Half(0); }},
      {"bf16", [](const Bits& b, int) { return PlainFloat(b, 0, 2); }},
      {"i8", [](const Bits& b, int) { return PlainInteger(b, 1); }},
      {"u8", [](const Bits& b, int) { return static_cast<double>(b.At(0, 0, 8)); }},
      {"i32", [](const Bits& b, int) { return PlainInteger(b, 4); }},
      {"i64", [](const Bits& b, int) { return PlainInteger(b, 8); }},
      {"q4_0", [](const Bits& b, int e) { return b.Half(0) * (Nibble32(b, 2, e) - 8); }},
      {"q4_1", [](const Bits& b, int e) { return b.Half(0) * Nibble32(b, 4, e) + b.Half(2); }},
      {"q5_0", [](const Bits& b, int e) { return b.Half(0) * (Nibble32(b, 6, e) + 16 * b.At(2, e, 1) - 16); }},
      {"q5_1", [](const Bits& b, int e) { return b.Half(0) * (Nibble32(b, 8, e) + 16 * b.At(4, e, 1)) + b.Half(2); }},
      {"q8_0", [](const Bits& b, int e) { return b.Half(0) * Signed(b.At(2 + e, 0, 8), 8); }},
      {"q2_k", Q2kElement},
      {"q3_k", Q3kElement},
      {"q4_k", Q4kElement},
      {"q5_k", Q5kElement},
      {"q6_k", Q6kElement},
      {"iq4_nl", [](const Bits& b, int e) { return b.Half(0) * Level4(Nibble32(b, 2, e)); }},
      {"iq4_xs", Iq4xsElement},
      {"mxfp4", Mxfp4Element},
  };
  return *elements;
}

inline bool SameValue(float got, double want_exact) {
  const float want = static_cast<float>(want_exact);
  return std::isnan(want) ? std::isnan(got) : got == want;
}

}  // namespace concord::packing
