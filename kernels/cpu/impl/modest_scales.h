#pragma once

#include "kernels/cpu/impl/panel.h"
#include "kernels/cpu/impl/token_row.h"

// Scales of x in "int8/32" are powers of two, so that their products with scales of W are additions of exponents, as
// long as all are modest: those of W from 2^-24 to below 2^21, as all halves are but 0, infinities and NaN; those of x,
// which are at least 2^-96, below 2^107. Then products are normal numbers.
//
// On AMD four pipes add integers and two multiply, which products of bytes want all the time: 9 instead of 10 of their
// cycles for 8 products of bytes (q8_0 prompts 632 -> 672 tok/s on Zen 5). On Intel one pipe is as good as another.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

#if defined(__AVX512BF16__) && !defined(__AMX_INT8__)
template <typename F>
constexpr bool kAddsExponents = !kBlockScale<F>;

CONCORD_INLINE bool AreModest(const Panel* panels, int64_t count, int64_t groups) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff), least = _mm512_set1_epi32((127 - 24) << 23);
  __mmask16 other = 0;
  for (int64_t i = 0; i < count * groups; ++i) {
    const __m512i bits = _mm512_and_si512(_mm512_load_si512(panels[i / groups].scale[i % groups]), magnitude);
    other |= _mm512_cmpge_epu32_mask(_mm512_sub_epi32(bits, least), _mm512_set1_epi32((24 + 21) << 23));
  }
  return other == 0;
}
// `scale`: where they are in a record.
CONCORD_INLINE bool AreModest(const uint8_t* const* records, int64_t count, int64_t scale, int64_t groups) {
  const auto there = static_cast<__mmask8>((1u << groups) - 1u);
  __mmask8 other = 0;
  for (int64_t t = 0; t < count; ++t) {
    const __m256i bits = _mm256_maskz_loadu_epi32(there, records[t] + scale);
    other |= _mm256_cmpge_epu32_mask(bits, _mm256_set1_epi32((127 + 107) << 23));
  }
  return other == 0;
}
#else
template <typename F>
constexpr bool kAddsExponents = false;
CONCORD_INLINE bool AreModest(const Panel*, int64_t, int64_t) { return false; }
#endif

// The product of a modest scale of W and one of x.
CONCORD_INLINE VecF AddExponents(VecF w, VecF x) { return (VecF)(((VecI)w - (VecI)Set(1.0f)) + (VecI)x); }

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
