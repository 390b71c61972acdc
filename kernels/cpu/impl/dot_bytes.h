#pragma once

#include "kernels/cpu/impl/panel.h"
#if defined(__AVX512F__)
#include "kernels/cpu/impl/dot_avx512.h"
#endif

// The products that the arithmetics of int8 are made of, one branch an instruction set.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

#if defined(CONCORD_ISA_NEON)
CONCORD_INLINE int8x16_t FourTimes(const int8_t* q) {
  int32_t four;
  __builtin_memcpy(&four, q, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

// Four rows. Of two signed products the sum is at most 2 * 128 * 127, which 16 bits hold.
CONCORD_INLINE int32x4_t DotFourRows(int32x4_t sums, const uint8_t (*u)[4], int8x16_t four) {
#if defined(__ARM_FEATURE_MATMUL_INT8)
  return vusdotq_s32(sums, vld1q_u8(u[0]), four);
#elif defined(__ARM_FEATURE_DOTPROD)
  return vdotq_s32(sums, vreinterpretq_s8_u8(vld1q_u8(u[0])), four);
#else
  const int8x16_t codes = vreinterpretq_s8_u8(vld1q_u8(u[0]));
  const int16x8_t low = vmull_s8(vget_low_s8(codes), vget_low_s8(four));
  return vpadalq_s16(sums, vpaddq_s16(low, vmull_high_s8(codes, four)));
#endif
}
#endif

// Four products a lane: u[r][0..3] * q[0..3].
CONCORD_INLINE VecI DotBytes(VecI sums, const uint8_t (*u)[4], const int8_t* q) {
#if defined(__AVX512F__)
  int32_t four;
  __builtin_memcpy(&four, q, 4);
  return (VecI)AddDotBytes((__m512i)sums, (__m512i)LoadAs<VecI>(u), _mm512_set1_epi32(four));
#elif defined(CONCORD_ISA_NEON)
  const int8x16_t four = FourTimes(q);
  return {{DotFourRows(sums.p[0], u, four), DotFourRows(sums.p[1], u + 4, four), DotFourRows(sums.p[2], u + 8, four),
           DotFourRows(sums.p[3], u + 12, four)}};
#elif defined(CONCORD_ISA_HALVES)
  int32_t four;
  __builtin_memcpy(&four, q, 4);
  const __m256i x = _mm256_set1_epi32(four);
  // Magnitudes by signed bytes: of two products the sum is at most 2 * 128 * 127, which 16 bits hold.
  const auto dot = [x](VecI::Part sum, const uint8_t(*at)[4]) __attribute__((always_inline)) {
    const __m256i w = LoadAs<__m256i>(at);
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return sum + (VecI::Part)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  };
  return {{dot(sums.p[0], u), dot(sums.p[1], u + 8)}};
#else
  const VecU w = LoadAs<VecU>(u);
  const VecI a = (VecI)(w & SetU(255)) * SetI(q[0]) + (VecI)((w >> 8) & SetU(255)) * SetI(q[1]);
  const VecI b = (VecI)((w >> 16) & SetU(255)) * SetI(q[2]) + (VecI)(w >> 24) * SetI(q[3]);
  return sums + a + b;
#endif
}

// Two products a lane: m[r][0..1] * s[0..1].
CONCORD_INLINE VecI DotWords(VecI sums, const int16_t (*m)[2], const int16_t* s) {
  int32_t two;
  __builtin_memcpy(&two, s, 4);
#if defined(__AVX512F__)
  return (VecI)AddDotWords((__m512i)sums, (__m512i)LoadAs<VecI>(m), _mm512_set1_epi32(two));
#elif defined(CONCORD_ISA_NEON)
  const int16x8_t x = vreinterpretq_s16_s32(vdupq_n_s32(two));
  const auto dot = [x](int32x4_t sum, const int16_t(*at)[2]) __attribute__((always_inline)) {
    const int16x8_t w = vld1q_s16(at[0]);
    return vaddq_s32(sum, vpaddq_s32(vmull_s16(vget_low_s16(w), vget_low_s16(x)), vmull_high_s16(w, x)));
  };
  return {{dot(sums.p[0], m), dot(sums.p[1], m + 4), dot(sums.p[2], m + 8), dot(sums.p[3], m + 12)}};
#elif defined(CONCORD_ISA_HALVES)
  const __m256i x = _mm256_set1_epi32(two);
  const auto dot = [x](VecI::Part sum, const int16_t(*at)[2]) __attribute__((always_inline)) {
    return sum + (VecI::Part)_mm256_madd_epi16(LoadAs<__m256i>(at), x);
  };
  return {{dot(sums.p[0], m), dot(sums.p[1], m + 8)}};
#else
  const VecI w = LoadAs<VecI>(m);
  const VecI low = (w << 16) >> 16;  // sign-extended
  return sums + low * SetI(s[0]) + (w >> 16) * SetI(s[1]);
#endif
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
