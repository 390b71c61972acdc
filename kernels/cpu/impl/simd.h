#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#ifndef CONCORD_ISA_NAMESPACE
#error "kernels/cpu/impl is included by kernels/cpu/isa/*.cc only, which name their instruction set first"
#endif

// Sixteen lanes of 32 bits, written with the vector extensions of gcc and clang (or what looks like them, where those
// come out badly) so that one source serves every instruction set; intrinsics where the compilers do not find the
// instruction.
//
// Everything in impl/ has internal linkage and includes no header that defines inline functions: the linker keeps one
// copy of an inline function, and it must not be the one that was compiled for a stronger machine.
//
// Files are compiled with -ffp-contract=off: what is fused is written as Fma, so a result does not depend on how a
// compiler happened to unroll.
#define CONCORD_INLINE static inline __attribute__((always_inline))
#define CONCORD_INLINE_MEMBER inline __attribute__((always_inline))

#if defined(__AVX2__) && !defined(__AVX512F__)
#define CONCORD_ISA_HALVES
#endif

// Registers for which the tiles are cut: 32 of 16 lanes (AVX-512), 32 of 4 (NEON), 16 of 8 (AVX2), or fewer. With
// fewer, loops stay loops, and the code small.
#if defined(__AVX2__) || defined(CONCORD_ISA_NEON)
#define CONCORD_UNROLL _Pragma("GCC unroll 16")
#else
#define CONCORD_UNROLL
#endif

#if defined(CONCORD_ISA_NEON)
#include "kernels/cpu/impl/simd_quarters.h"
#elif defined(CONCORD_ISA_HALVES)
#include "kernels/cpu/impl/simd_halves.h"
#else
#include "kernels/cpu/impl/simd_vector.h"
#endif

namespace concord::kernels::CONCORD_ISA_NAMESPACE {

constexpr int64_t kLanes = 16;
#if defined(__AVX512F__)
constexpr bool kWide = true;
#else
constexpr bool kWide = false;
#endif
#if defined(CONCORD_ISA_NEON)
constexpr bool kNeon = true;
#else
constexpr bool kNeon = false;
#endif
#if defined(CONCORD_ISA_HALVES)
constexpr bool kHalves = true;
#else
constexpr bool kHalves = false;
#endif
constexpr bool kInParts = kNeon || kHalves;  // a vector is several registers

CONCORD_INLINE int64_t Min(int64_t a, int64_t b) { return a < b ? a : b; }
CONCORD_INLINE int64_t Max(int64_t a, int64_t b) { return a > b ? a : b; }

CONCORD_INLINE VecU SetU(uint32_t x) { return (VecU)SetI(static_cast<int32_t>(x)); }

CONCORD_INLINE VecF Load(const float* p) { return LoadAs<VecF>(p); }

// The first n (0..16) lanes; the others are 0.
CONCORD_INLINE VecF LoadPart(const float* p, int64_t n) {
#if defined(__AVX512F__)
  return (VecF)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p);
#else
  VecF v = {};
  __builtin_memcpy(&v, p, static_cast<size_t>(n) * 4);
  return v;
#endif
}
CONCORD_INLINE void StorePart(float* p, VecF v, int64_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), (__m512)v);
#else
  __builtin_memcpy(p, &v, static_cast<size_t>(n) * 4);
#endif
}

// Fused where that costs nothing.
CONCORD_INLINE VecF MulAdd(VecF a, VecF b, VecF c) {
#if defined(__FMA__) || defined(__aarch64__)
  return Fma(a, b, c);
#else
  return a * b + c;
#endif
}

CONCORD_INLINE VecF Select(VecI mask, VecF yes, VecF no) { return (VecF)(((VecI)yes & mask) | ((VecI)no & ~mask)); }
CONCORD_INLINE VecF MaxV(VecF a, VecF b) {
#if defined(__AVX512F__)
  return (VecF)_mm512_max_ps((__m512)a, (__m512)b);
#else
  return Select((VecI)(a > b), a, b);
#endif
}
CONCORD_INLINE VecF MinV(VecF a, VecF b) {
#if defined(__AVX512F__)
  return (VecF)_mm512_min_ps((__m512)a, (__m512)b);
#else
  return Select((VecI)(a < b), a, b);
#endif
}
CONCORD_INLINE VecF Abs(VecF a) { return (VecF)((VecI)a & SetI(0x7fffffff)); }
// The fixed tree of the sums of 16 lanes: i and i + 8, then i and i + 4, i + 2, i + 1.
CONCORD_INLINE float Sum(VecF v) {
  v += Upper8(v);
  v += Upper4(v);
  v += Upper2(v);
  return v[0] + v[1];
}
CONCORD_INLINE float MaxLane(VecF v) {
  v = MaxV(v, Upper8(v));
  v = MaxV(v, Upper4(v));
  v = MaxV(v, Upper2(v));
  return v[0] > v[1] ? v[0] : v[1];
}

CONCORD_INLINE float FloatFromBits(uint32_t bits) {
  float f;
  __builtin_memcpy(&f, &bits, 4);
  return f;
}
CONCORD_INLINE uint32_t BitsOf(float f) {
  uint32_t bits;
  __builtin_memcpy(&bits, &f, 4);
  return bits;
}

// 16 IEEE halves to f32. Without hardware: the exponent is moved by a multiplication, which is right for subnormals
// too; infinity and NaN get the largest exponent afterwards.
CONCORD_INLINE VecF FromF16(VecH h) {
#if defined(__AVX512F__)
  return (VecF)_mm512_cvtph_ps((__m256i)h);
#elif defined(CONCORD_ISA_HALVES)
  return {{(VecF::Part)_mm256_cvtph_ps(_mm256_castsi256_si128((__m256i)h)),
           (VecF::Part)_mm256_cvtph_ps(_mm256_extracti128_si256((__m256i)h, 1))}};
#elif defined(CONCORD_ISA_NEON)
  const float16x8_t low = vreinterpretq_f16_u16(h.p[0]);
  const float16x8_t high = vreinterpretq_f16_u16(h.p[1]);
  return {{vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low), vcvt_f32_f16(vget_low_f16(high)),
           vcvt_high_f32_f16(high)}};
#else
  const VecU bits = Widen(h);
  const VecU body = bits & SetU(0x7fffu);
  const VecF scaled = (VecF)(body << 13) * Set(0x1p112f);
  const VecU special = (VecU)(body >= SetU(0x7c00u)) & SetU(0x7f800000u);
  return (VecF)((VecU)scaled | special | ((bits & SetU(0x8000u)) << 16));
#endif
}
CONCORD_INLINE float FromF16(uint16_t h) {
#if defined(__F16C__)
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
#endif
  const uint32_t body = h & 0x7fffu;
  const float scaled = FloatFromBits(body << 13) * 0x1p112f;
  const uint32_t special = body >= 0x7c00u ? 0x7f800000u : 0u;
  return FloatFromBits(BitsOf(scaled) | special | (h & 0x8000u) << 16);
}
CONCORD_INLINE float LoadF16(const void* p) {
  uint16_t h;
  __builtin_memcpy(&h, p, 2);
  return FromF16(h);
}
CONCORD_INLINE VecF FromBf16(VecH h) { return (VecF)(Widen(h) << 16); }
template <bool kIsF16>
CONCORD_INLINE VecF FromHalf(VecH h) {
  return kIsF16 ? FromF16(h) : FromBf16(h);
}

// To nearest, ties to even; too large becomes infinity, NaN a quiet NaN.
CONCORD_INLINE uint16_t ToF16(float f) {
  const uint32_t bits = BitsOf(f);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t body = bits & 0x7fffffffu;
  if (body > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (body >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (body < 0x38800000u) {
    return static_cast<uint16_t>(sign | (BitsOf(FloatFromBits(body) + 0.5f) - 0x3f000000u));
  }
  return static_cast<uint16_t>(sign | ((body - 0x38000000u + 0xfffu + ((body >> 13) & 1u)) >> 13));
}
CONCORD_INLINE uint16_t ToBf16(float f) {
  const uint32_t bits = BitsOf(f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// AVX512-BF16 without tiles: Zen 4 and later (and Cooper Lake, where this has not been measured).
#if defined(__AVX512BF16__) && !defined(__AMX_TILE__)
constexpr bool kAmd = true;
#else
constexpr bool kAmd = false;
#endif

CONCORD_INLINE void PrefetchNear(const void* p) { __builtin_prefetch(p, 0, 3); }
CONCORD_INLINE void PrefetchToWrite(const void* p) { __builtin_prefetch(p, 1, 3); }
// Brings a later part of a weight matrix near. Addresses past its end are harmless. On AMD into L1, from where what is
// too much moves on to L2: of requests into L2 alone Zen 5 did not serve all (one core, 8 rows of x, q6_k behind q4_k
// in one model: 18.1 ms where 7 rows took 12.0; with requests into L1 11.7).
CONCORD_INLINE void PrefetchFar(const void* p) { __builtin_prefetch(p, 0, kAmd ? 3 : 2); }
// What is read once, or by a few rows of x in turn (8 and 16 at bf16: no difference), and soon. On AMD past the second
// cache, whose lines move on to the third when they leave: two Zen 5 cores that read 80 GB/s in a plain loop multiply
// one row of x at 65, 72 and 74 GB/s at q4_k when they ask into L2, into L1 and past L2, at 56, 70 and 70 at q6_k, at
// 66, 70 and 77 at bf16. Weights that are in L3 stay there.
CONCORD_INLINE void PrefetchOnce(const void* p) { __builtin_prefetch(p, 0, kAmd ? 0 : 2); }

// Where few rows of x meet W, it is asked for in the order of addresses, whole groups of rows and at least so much
// ahead. Measured on two Zen 4 cores whose hardware prefetched next to nothing (10 GB/s of 30 without asking),
// q4_k: 4.6 KB ahead 25 GB/s, 9 KB 29, 14 KB 29.
constexpr int64_t kAheadBytes = 8192;

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
