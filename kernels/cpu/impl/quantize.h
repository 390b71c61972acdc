#pragma once

#include "kernels/cpu/impl/simd.h"
#include "kernels/cpu/quantized_rows.h"

// f32 rows to the records of quantized_rows.h.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// To nearest, ties to even, for |x| < 2^22; the rounding is that of the addition.
CONCORD_INLINE VecF RoundEven(VecF x) {
  const VecF magic = Set(0x1.8p23f);
  return (x + magic) - magic;
}

CONCORD_INLINE int32_t MaxInt(VecI v) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_epi32((__m512i)v);
#elif defined(CONCORD_ISA_NEON)
  return vmaxvq_s32(vmaxq_s32(vmaxq_s32(v.p[0], v.p[1]), vmaxq_s32(v.p[2], v.p[3])));
#else
  int32_t top = v[0];
  for (int i = 1; i < 16; ++i) top = v[i] > top ? v[i] : top;
  return top;
#endif
}

CONCORD_INLINE int32_t SumInt(VecI v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_epi32((__m512i)v);
#elif defined(CONCORD_ISA_NEON)
  return vaddvq_s32((v.p[0] + v.p[1]) + (v.p[2] + v.p[3]));
#else
  int32_t sum = 0;
  for (int i = 0; i < 16; ++i) sum += v[i];
  return sum;
#endif
}

CONCORD_INLINE void StoreBytes(int8_t* out, VecI v) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8((__m512i)v));
#elif defined(CONCORD_ISA_NEON)
  const int16x8_t low = vcombine_s16(vmovn_s32(v.p[0]), vmovn_s32(v.p[1]));
  const int16x8_t high = vcombine_s16(vmovn_s32(v.p[2]), vmovn_s32(v.p[3]));
  vst1q_s8(out, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
#else
  for (int i = 0; i < 16; ++i) out[i] = static_cast<int8_t>(v[i]);
#endif
}

// 32 values; returns the scale and the two sums of 16.
CONCORD_INLINE float QuantizeGroup(const float* x, int8_t* q, int32_t* sums) {
  const VecF a = Load(x);
  const VecF b = Load(x + 16);
  // The bits of magnitudes are integers in the same order, infinity and NaN above all others.
  const VecI abs_a = (VecI)Abs(a);
  const VecI abs_b = (VecI)Abs(b);
  const VecI above = (VecI)(abs_a > abs_b);
  const int32_t top = MaxInt((abs_a & above) | (abs_b & ~above));
  const float largest = FloatFromBits(static_cast<uint32_t>(top));
  if (top >= 0x7f800000 || largest < 1e-30f) {
    __builtin_memset(q, 0, 32);
    sums[0] = sums[1] = 0;
    return top >= 0x7f800000 ? FloatFromBits(0x7fc00000u) : 0.0f;
  }
  const VecF inverse = Set(127.0f / largest);
  const VecI qa = ToInt(RoundEven(a * inverse));
  const VecI qb = ToInt(RoundEven(b * inverse));
  StoreBytes(q, qa);
  StoreBytes(q + 16, qb);
  sums[0] = SumInt(qa);
  sums[1] = SumInt(qb);
  return largest / 127.0f;
}

static void QuantizeRows(const float* x, int64_t x_stride, int64_t n_rows, int64_t k, void* out) {
  for (int64_t row = 0; row < n_rows; ++row) {
    auto* record = static_cast<uint8_t*>(out) + row * QuantizedRowBytes(k);
    auto* scale = reinterpret_cast<float*>(record + ScaleOffset(k));
    auto* scaled_sum = reinterpret_cast<float*>(record + ScaledSumOffset(k));
    auto* scaled_sum16 = reinterpret_cast<float*>(record + ScaledSum16Offset(k));
    auto* neg_sum = reinterpret_cast<int32_t*>(record + NegSumOffset(k));
    auto* neg_sum16 = reinterpret_cast<int32_t*>(record + NegSum16Offset(k));
    for (int64_t g = 0; g < k / 32; ++g) {
      int32_t sums[2];
      scale[g] = QuantizeGroup(x + row * x_stride + 32 * g, reinterpret_cast<int8_t*>(record) + 32 * g, sums);
      scaled_sum[g] = scale[g] * static_cast<float>(sums[0] + sums[1]);
      neg_sum[g] = -(sums[0] + sums[1]);
      for (int h = 0; h < 2; ++h) {
        scaled_sum16[2 * g + h] = scale[g] * static_cast<float>(sums[h]);
        neg_sum16[2 * g + h] = -sums[h];
      }
    }
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
