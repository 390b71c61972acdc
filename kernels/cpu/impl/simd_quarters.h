#pragma once

#include <arm_neon.h>

// Included by simd.h. Sixteen lanes as four registers of NEON.
#define CONCORD_PARTS(a, b, c, d) \
  { a, b, c, d }
namespace concord::kernels::CONCORD_ISA_NAMESPACE {
constexpr int kPartBytes = 16;
}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
#include "kernels/cpu/impl/simd_lanes.h"

namespace concord::kernels::CONCORD_ISA_NAMESPACE {

struct VecH {
  uint16x8_t p[2];
};

// Register by register: a copy of 64 bytes at once would go through memory.
template <typename Vec>
CONCORD_INLINE Vec LoadAs(const void* p) {
  Vec v;
  CONCORD_UNROLL for (size_t i = 0; i < sizeof v / 16; ++i) {
    __builtin_memcpy(&v.p[i], static_cast<const char*>(p) + 16 * i, 16);
  }
  return v;
}
CONCORD_INLINE VecF Set(float x) {
  const float32x4_t v = vdupq_n_f32(x);
  return {{v, v, v, v}};
}
CONCORD_INLINE VecI SetI(int32_t x) {
  const int32x4_t v = vdupq_n_s32(x);
  return {{v, v, v, v}};
}
CONCORD_INLINE VecI Iota() {
  const int32x4_t first = {0, 1, 2, 3};
  return {{first, first + 4, first + 8, first + 12}};
}

CONCORD_INLINE VecF ToFloat(VecI v) {
  return {{vcvtq_f32_s32(v.p[0]), vcvtq_f32_s32(v.p[1]), vcvtq_f32_s32(v.p[2]), vcvtq_f32_s32(v.p[3])}};
}
CONCORD_INLINE VecI ToInt(VecF v) {
  return {{vcvtq_s32_f32(v.p[0]), vcvtq_s32_f32(v.p[1]), vcvtq_s32_f32(v.p[2]), vcvtq_s32_f32(v.p[3])}};
}
CONCORD_INLINE VecU Widen(VecH h) {
  return {{vmovl_u16(vget_low_u16(h.p[0])), vmovl_high_u16(h.p[0]), vmovl_u16(vget_low_u16(h.p[1])),
           vmovl_high_u16(h.p[1])}};
}
CONCORD_INLINE VecI LoadBytes(const void* p) {
  const int8x16_t bytes = vld1q_s8(static_cast<const int8_t*>(p));
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes));
  const int16x8_t high = vmovl_high_s8(bytes);
  return {{vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)}};
}

CONCORD_INLINE VecF LoadEights(const void* low, const void* high) {
  const float *a = static_cast<const float*>(low), *b = static_cast<const float*>(high);
  VecF v;
  __builtin_memcpy(&v.p[0], a, 16);
  __builtin_memcpy(&v.p[1], a + 4, 16);
  __builtin_memcpy(&v.p[2], b, 16);
  __builtin_memcpy(&v.p[3], b + 4, 16);
  return v;
}
CONCORD_INLINE void SetHalf(VecH* v, int lane, const void* half) {
  uint16_t h;
  __builtin_memcpy(&h, half, 2);
  v->p[lane / 8][lane % 8] = h;
}

CONCORD_INLINE VecF Fma(VecF a, VecF b, VecF c) {
  return {{vfmaq_f32(c.p[0], a.p[0], b.p[0]), vfmaq_f32(c.p[1], a.p[1], b.p[1]), vfmaq_f32(c.p[2], a.p[2], b.p[2]),
           vfmaq_f32(c.p[3], a.p[3], b.p[3])}};
}
CONCORD_INLINE VecF Sqrt(VecF a) {
  return {{vsqrtq_f32(a.p[0]), vsqrtq_f32(a.p[1]), vsqrtq_f32(a.p[2]), vsqrtq_f32(a.p[3])}};
}

CONCORD_INLINE VecF InterleaveLow(VecF a, VecF b) {
  return {
      {vzip1q_f32(a.p[0], b.p[0]), vzip2q_f32(a.p[0], b.p[0]), vzip1q_f32(a.p[1], b.p[1]), vzip2q_f32(a.p[1], b.p[1])}};
}
CONCORD_INLINE VecF InterleaveHigh(VecF a, VecF b) {
  return {
      {vzip1q_f32(a.p[2], b.p[2]), vzip2q_f32(a.p[2], b.p[2]), vzip1q_f32(a.p[3], b.p[3]), vzip2q_f32(a.p[3], b.p[3])}};
}
CONCORD_INLINE VecF Evens(VecF a, VecF b) {
  return {
      {vuzp1q_f32(a.p[0], a.p[1]), vuzp1q_f32(a.p[2], a.p[3]), vuzp1q_f32(b.p[0], b.p[1]), vuzp1q_f32(b.p[2], b.p[3])}};
}
CONCORD_INLINE VecF Odds(VecF a, VecF b) {
  return {
      {vuzp2q_f32(a.p[0], a.p[1]), vuzp2q_f32(a.p[2], a.p[3]), vuzp2q_f32(b.p[0], b.p[1]), vuzp2q_f32(b.p[2], b.p[3])}};
}

CONCORD_INLINE VecF Upper8(VecF v) { return {{v.p[2], v.p[3], v.p[2], v.p[3]}}; }
CONCORD_INLINE VecF Upper4(VecF v) { return {{v.p[1], v.p[1], v.p[1], v.p[1]}}; }
CONCORD_INLINE VecF Upper2(VecF v) {
  const float32x4_t upper = vextq_f32(v.p[0], v.p[0], 2);
  return {{upper, upper, upper, upper}};
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
