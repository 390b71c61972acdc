#pragma once

#include "kernels/cpu/impl/simd.h"

namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// VPDPBUSD: to each of 16 sums four products of unsigned with signed bytes. Without AVX512-VNNI the bytes become words,
// of which the sum of two products fits; pairs of bytes at once (VPMADDUBSW) would overflow.
CONCORD_INLINE __m512i AddDotBytes(__m512i sums, __m512i u, __m512i s) {
#if defined(__AVX512VNNI__)
  return _mm512_dpbusd_epi32(sums, u, s);
#else
  const __m512i even =
      _mm512_madd_epi16(_mm512_and_si512(u, _mm512_set1_epi16(255)), _mm512_srai_epi16(_mm512_slli_epi16(s, 8), 8));
  const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(u, 8), _mm512_srai_epi16(s, 8));
  return _mm512_add_epi32(sums, _mm512_add_epi32(even, odd));
#endif
}

// VPDPWSSD: to each of 16 sums two products of words.
CONCORD_INLINE __m512i AddDotWords(__m512i sums, __m512i a, __m512i b) {
#if defined(__AVX512VNNI__)
  return _mm512_dpwssd_epi32(sums, a, b);
#else
  return _mm512_add_epi32(sums, _mm512_madd_epi16(a, b));
#endif
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
