#pragma once

// Included by simd.h. Sixteen lanes as two registers of AVX2.
#define CONCORD_PARTS(a, b, c, d) \
  { a, b }
namespace concord::kernels::CONCORD_ISA_NAMESPACE {
constexpr int kPartBytes = 32;
}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
#include "kernels/cpu/impl/simd_lanes.h"

namespace concord::kernels::CONCORD_ISA_NAMESPACE {

typedef uint16_t VecH __attribute__((vector_size(32)));

// Register by register: a copy of 64 bytes at once would go through memory.
template <typename Vec>
CONCORD_INLINE Vec LoadAs(const void* p) {
  Vec v;
  if constexpr (sizeof v == 64) {
    __builtin_memcpy(&v.p[0], p, 32);
    __builtin_memcpy(&v.p[1], static_cast<const char*>(p) + 32, 32);
  } else {
    __builtin_memcpy(&v, p, sizeof v);
  }
  return v;
}

CONCORD_INLINE VecF Set(float x) {
  const auto v = (VecF::Part)_mm256_set1_ps(x);
  return {{v, v}};
}
CONCORD_INLINE VecI SetI(int32_t x) {
  const auto v = (VecI::Part)_mm256_set1_epi32(x);
  return {{v, v}};
}
CONCORD_INLINE VecI Iota() {
  const VecI::Part first = {0, 1, 2, 3, 4, 5, 6, 7};
  return {{first, first + 8}};
}

CONCORD_INLINE VecF ToFloat(VecI v) {
  return {{(VecF::Part)_mm256_cvtepi32_ps((__m256i)v.p[0]), (VecF::Part)_mm256_cvtepi32_ps((__m256i)v.p[1])}};
}
CONCORD_INLINE VecI ToInt(VecF v) {
  return {{(VecI::Part)_mm256_cvttps_epi32((__m256)v.p[0]), (VecI::Part)_mm256_cvttps_epi32((__m256)v.p[1])}};
}
CONCORD_INLINE VecU Widen(VecH h) {
  return {{(VecU::Part)_mm256_cvtepu16_epi32(_mm256_castsi256_si128((__m256i)h)),
           (VecU::Part)_mm256_cvtepu16_epi32(_mm256_extracti128_si256((__m256i)h, 1))}};
}
// 16 signed bytes.
CONCORD_INLINE VecI LoadBytes(const void* p) {
  const __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(p));
  return {{(VecI::Part)_mm256_cvtepi8_epi32(bytes), (VecI::Part)_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))}};
}
// 32 bits in a lane: eight lanes from each.
CONCORD_INLINE VecF LoadEights(const void* low, const void* high) {
  return {{LoadAs<VecF::Part>(low), LoadAs<VecF::Part>(high)}};
}
CONCORD_INLINE void SetHalf(VecH* v, int lane, const void* half) {
  uint16_t h;
  __builtin_memcpy(&h, half, 2);
  (*v)[lane] = h;
}

CONCORD_INLINE VecF Fma(VecF a, VecF b, VecF c) {
  return {{(VecF::Part)_mm256_fmadd_ps((__m256)a.p[0], (__m256)b.p[0], (__m256)c.p[0]),
           (VecF::Part)_mm256_fmadd_ps((__m256)a.p[1], (__m256)b.p[1], (__m256)c.p[1])}};
}
CONCORD_INLINE VecF Sqrt(VecF a) {
  return {{(VecF::Part)_mm256_sqrt_ps((__m256)a.p[0]), (VecF::Part)_mm256_sqrt_ps((__m256)a.p[1])}};
}

// Lanes of two registers by turns.
CONCORD_INLINE VecF InterleaveParts(VecF::Part a, VecF::Part b) {
  const __m256 low = _mm256_unpacklo_ps((__m256)a, (__m256)b), high = _mm256_unpackhi_ps((__m256)a, (__m256)b);
  return {{(VecF::Part)_mm256_permute2f128_ps(low, high, 0x20), (VecF::Part)_mm256_permute2f128_ps(low, high, 0x31)}};
}
CONCORD_INLINE VecF InterleaveLow(VecF a, VecF b) { return InterleaveParts(a.p[0], b.p[0]); }
CONCORD_INLINE VecF InterleaveHigh(VecF a, VecF b) { return InterleaveParts(a.p[1], b.p[1]); }
// Every second lane of a and then b.
CONCORD_INLINE VecF Evens(VecF a, VecF b) {
  return {{__builtin_shufflevector(a.p[0], a.p[1], 0, 2, 4, 6, 8, 10, 12, 14),
           __builtin_shufflevector(b.p[0], b.p[1], 0, 2, 4, 6, 8, 10, 12, 14)}};
}
CONCORD_INLINE VecF Odds(VecF a, VecF b) {
  return {{__builtin_shufflevector(a.p[0], a.p[1], 1, 3, 5, 7, 9, 11, 13, 15),
           __builtin_shufflevector(b.p[0], b.p[1], 1, 3, 5, 7, 9, 11, 13, 15)}};
}

// The 8 upper lanes, then the 4 upper of those, then 2, in front.
CONCORD_INLINE VecF Upper8(VecF v) { return {{v.p[1], v.p[1]}}; }
CONCORD_INLINE VecF Upper4(VecF v) {
  const auto upper = (VecF::Part)_mm256_permute2f128_ps((__m256)v.p[0], (__m256)v.p[0], 0x11);
  return {{upper, upper}};
}
CONCORD_INLINE VecF Upper2(VecF v) {
  const auto upper = (VecF::Part)_mm256_permute_ps((__m256)v.p[0], 0xee);
  return {{upper, upper}};
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
