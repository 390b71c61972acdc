#pragma once

#include "kernels/cpu/impl/formats.h"

// What decoding of panels with AVX-512 is made of; decode_blocks_avx512.h and decode_superblocks_avx512.h have the
// formats. Rows lie apart in memory and lanes are rows, so the work is a transposition of dwords; it is done on the
// packed bytes, before they are spread, when there are fewest.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Where decoded codes go: dword i of the chunk, lane = row.

struct PanelSink {
  Panel* panel;
  CONCORD_INLINE_MEMBER void Put(int64_t i, __m512i v) { _mm512_store_si512(panel->q[i], v); }
};

// Without their offset, as signed bytes.
template <int kOffsetShift>
struct SignedPanelSink {
  Panel* panel;
  CONCORD_INLINE_MEMBER void Put(int64_t i, __m512i v) {
    if (kOffsetShift >= 0) v = _mm512_sub_epi8(v, _mm512_set1_epi8(static_cast<char>(1 << (kOffsetShift & 7))));
    _mm512_store_si512(panel->q[i], v);
  }
};

// Bytes [offset, offset + 16) of four rows, four apart: the lanes of 128 bits of one register.
CONCORD_INLINE __m512i LoadFourRows(const uint8_t* const* rows, int first, int64_t offset) {
  const auto at = [&](int r) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[first + r] + offset)); };
  __m512i v = _mm512_castsi128_si512(at(0));
  v = _mm512_mask_broadcast_i32x4(v, 0x00f0, at(4));
  v = _mm512_mask_broadcast_i32x4(v, 0x0f00, at(8));
  return _mm512_mask_broadcast_i32x4(v, 0xf000, at(12));
}

struct Dwords4 {
  __m512i v[4];
};

// Dword i of bytes [offset, offset + 16) of 16 rows in v[i], lane = row.
CONCORD_INLINE Dwords4 LoadColumns(const uint8_t* const* rows, int64_t offset) {
  const __m512i a = LoadFourRows(rows, 0, offset);
  const __m512i b = LoadFourRows(rows, 1, offset);
  const __m512i c = LoadFourRows(rows, 2, offset);
  const __m512i d = LoadFourRows(rows, 3, offset);
  const __m512i ab_low = _mm512_unpacklo_epi32(a, b);
  const __m512i ab_high = _mm512_unpackhi_epi32(a, b);
  const __m512i cd_low = _mm512_unpacklo_epi32(c, d);
  const __m512i cd_high = _mm512_unpackhi_epi32(c, d);
  return {{_mm512_unpacklo_epi64(ab_low, cd_low), _mm512_unpackhi_epi64(ab_low, cd_low),
           _mm512_unpacklo_epi64(ab_high, cd_high), _mm512_unpackhi_epi64(ab_high, cd_high)}};
}

CONCORD_INLINE __m512i Bytes512(int x) { return _mm512_set1_epi8(static_cast<char>(x)); }
CONCORD_INLINE __m512i LowNibbles(__m512i v) { return _mm512_and_si512(v, Bytes512(15)); }
CONCORD_INLINE __m512i HighNibbles(__m512i v) { return LowNibbles(_mm512_srli_epi32(v, 4)); }
// Where the mask has ones a, else b.
CONCORD_INLINE __m512i Blend(__m512i mask, __m512i a, __m512i b) { return _mm512_ternarylogic_epi32(mask, a, b, 0xca); }
// a | (b & mask)
CONCORD_INLINE __m512i OrMasked(__m512i a, __m512i b, __m512i mask) {
  return _mm512_ternarylogic_epi32(a, b, mask, 0xf8);
}

// A field of every row, `step` bytes apart for `count` blocks. They go through memory on the integer side, which is
// idle otherwise, all of a chunk first, so that no wide load waits for the narrow stores.
template <typename Field>
CONCORD_INLINE void Gather(const uint8_t* const* rows, int64_t offset, int64_t step, int64_t count,
                           Field (*out)[kPanelRows]) {
  for (int64_t b = 0; b < count; ++b) {
    CONCORD_UNROLL for (int r = 0; r < kPanelRows; ++r) {
      __builtin_memcpy(&out[b][r], rows[r] + offset + b * step, sizeof(Field));
    }
  }
}

CONCORD_INLINE __m512 HalvesToFloat(const uint16_t* halves) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
}
// The low or high half of every lane.
CONCORD_INLINE __m512 LowHalves(__m512i v) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v)); }
CONCORD_INLINE __m512 HighHalves(__m512i v) { return LowHalves(_mm512_srli_epi32(v, 16)); }
// Byte j of every lane.
CONCORD_INLINE __m512i UnsignedByte(__m512i v, int j) {
  return _mm512_and_si512(_mm512_srli_epi32(v, static_cast<unsigned>(8 * j)), _mm512_set1_epi32(255));
}
CONCORD_INLINE __m512i SignedByte(__m512i v, int j) {
  return _mm512_srai_epi32(_mm512_slli_epi32(v, static_cast<unsigned>(24 - 8 * j)), 24);
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
