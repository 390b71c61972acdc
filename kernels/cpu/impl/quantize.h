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

// A group of x; returns its scale and the sums of 16.
template <int64_t kElems>
CONCORD_INLINE float QuantizeGroup(const float* x, int8_t* q, int32_t* sums) {
  // The bits of magnitudes are integers in the same order, infinity and NaN above all others.
  VecI largest_bits = {};
  for (int64_t i = 0; i < kElems; i += 16) {
    const VecI bits = (VecI)Abs(Load(x + i));
    const VecI above = (VecI)(bits > largest_bits);
    largest_bits = (bits & above) | (largest_bits & ~above);
  }
  const int32_t top = MaxInt(largest_bits);
  const float largest = FloatFromBits(static_cast<uint32_t>(top));
  if (top >= 0x7f800000 || largest < 1e-30f) {
    __builtin_memset(q, 0, kElems);
    for (int64_t i = 0; i < kElems / 16; ++i) sums[i] = 0;
    return top >= 0x7f800000 ? FloatFromBits(0x7fc00000u) : 0.0f;
  }
  const VecF inverse = Set(127.0f / largest);
  for (int64_t i = 0; i < kElems / 16; ++i) {
    const VecI rounded = ToInt(RoundEven(Load(x + 16 * i) * inverse));
    StoreBytes(q + 16 * i, rounded);
    sums[i] = SumInt(rounded);
  }
  return largest / 127.0f;
}

// A group's scale and its sums of 16 to where the record has them.
CONCORD_INLINE void PutSums(RowsOf32, uint8_t* record, int64_t k, int64_t group, float scale, const int32_t* sums) {
  const int32_t sum = sums[0] + sums[1];
  reinterpret_cast<float*>(record + RowsOf32::Scale(k))[group] = scale;
  reinterpret_cast<float*>(record + RowsOf32::ScaledSum(k))[group] = scale * static_cast<float>(sum);
  reinterpret_cast<int32_t*>(record + RowsOf32::NegSum(k))[group] = -sum;
}
CONCORD_INLINE void PutSums(RowsOf256, uint8_t* record, int64_t k, int64_t group, float scale, const int32_t* sums) {
  using Rows = RowsOf256;
  reinterpret_cast<float*>(record + Rows::Scale(k))[group] = scale;
  auto* neg_sum = reinterpret_cast<int32_t*>(record + Rows::NegSum(k)) + 8 * group;
  auto* neg_sum16 = reinterpret_cast<int32_t*>(record + Rows::NegSum16(k)) + 16 * group;
  auto* sum = reinterpret_cast<int16_t*>(record + Rows::Sum(k)) + 8 * group;
  auto* sum16 = reinterpret_cast<int16_t*>(record + Rows::Sum16(k)) + 16 * group;
  for (int i = 0; i < 16; ++i) {
    neg_sum16[i] = -sums[i];
    sum16[i] = static_cast<int16_t>(sums[i]);
  }
  for (int i = 0; i < 8; ++i) {
    neg_sum[i] = -(sums[2 * i] + sums[2 * i + 1]);
    sum[i] = static_cast<int16_t>(-neg_sum[i]);
  }
}

template <typename Rows>
static void QuantizeRows(const float* x, int64_t x_stride, int64_t n_rows, int64_t k, void* out) {
  for (int64_t row = 0; row < n_rows; ++row) {
    auto* record = static_cast<uint8_t*>(out) + row * Rows::Bytes(k);
    const float* values = x + row * x_stride;
    for (int64_t g = 0; g < k / Rows::kGroup; ++g) {
      int32_t sums[Rows::kGroup / 16];
      auto* q = reinterpret_cast<int8_t*>(record) + g * Rows::kGroup;
      const float scale = QuantizeGroup<Rows::kGroup>(values + g * Rows::kGroup, q, sums);
      PutSums(Rows{}, record, k, g, scale, sums);
    }
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
